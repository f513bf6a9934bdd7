#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapt a small encoder to a region that it has never seen, with the commands that a user types.

make adapt-demo                       takes minutes on a CPU and keeps existing results
.venv/bin/python tools/adapt_demo.py --out demo/adapt --seed 8

The encoder is trained for a minute on other procedural worlds, in summer and autumn. The region's map shows
summer, too, but the drone flies over it in a leafless spring. One flight is the footage for the adaptation.
A second flight, along other tracks over the same ground, is localized before and after the adaptation.
"""

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = {
    "geoloc": [sys.executable, "-c", "from geoloc.cli import main; main()"],
    "geoloc-train": [sys.executable, "-c", "from geoloc_training.cli import main; main()"],
}
_VIEW_M = 90
_GENERIC = [
    "+preset=small",
    "data.validation=[]",
    "data.sources=[{kind: world, share: 1, view_size_m: [60, 120], seeds: [201, 202, 203, 204], "
    "world_size_m: 700, world_dates: 2, spots_per_ground: 16}]",
    "model.backbone_args={layers: [1, 1, 1, 1], channels: [32, 64, 96, 128]}",
    "model.input_px=96",
    "model.descriptor_size=128",
    "model.head_channels=24",
    "optimiser.steps=600",
    "optimiser.pairs=48",
    "optimiser.warmup_steps=40",
    "optimiser.ema_decay=0.98",
    "augment.ramp_steps=100",
]


@dataclass(frozen=True)
class Step:
    """A command of the demo.

    Attributes:
        why: line that is printed before the command.
        made: file or folder that the command creates; the step is skipped if it exists.
        words: words of the command as a user types it.
    """

    why: str
    made: Path
    words: tuple[str, ...]


def steps(out: Path, seed: int) -> list[Step]:
    """Return all commands in order."""
    world, footage, flight = out / "world", out / "footage", out / "flight"
    ground, ortho = str(world / "date2.tif"), str(world / "date0.tif")
    run, generic, adapted = out / "generic-run", out / "generic", out / "adapted"
    before, after = out / "map-before", out / "map-after"
    fly = ("geoloc", "simulate", "flight", "--raster", ground, "--margin-m", "300", "--frame-rate-hz", "1")
    survey = (*fly, "--pattern", "survey", "--spacing-m", "120", "--duration-s", "400", "--seed", "1")
    tour = (*fly, "--pattern", "tour", "--duration-s", "150", "--seed", "2")
    build = ("geoloc", "map", "build", ortho, "--model", str(generic), "--view-size", str(_VIEW_M))
    simulate = ("geoloc", "simulate", "world", "--seed", str(seed), "--size-m", "1300", "--dates", "3")
    adapt = ("geoloc-train", "adapt", "--map", ortho, "--footage", str(footage), "--init", str(generic))
    where = ("--view-size", str(_VIEW_M), "--out", str(adapted), "--map-out", str(after))
    return [
        Step("Render a region on three dates: summer for the map, spring for the flights",
             world / "date2.tif", (*simulate, "--out", str(world))),
        Step("Record footage of the region, without labels",
             footage / "metadata.yaml", (*survey, "--out", str(footage))),
        Step("Record a flight for the evaluation",
             flight / "metadata.yaml", (*tour, "--out", str(flight))),
        Step("Train an encoder on other regions, in summer and autumn",
             run / "trained", ("geoloc-train", "fit", *_GENERIC, "--out", str(run))),
        Step("Export the model", generic / "model.yaml",
             ("geoloc-train", "export", str(run), "--out", str(generic), "--view-size-m", "60", "120")),
        Step("Build the map of the region with this model",
             before / "map.yaml", (*build, "--out", str(before))),
        Step("Evaluate the flight before adaptation",
             out / "before" / "report.json", _evaluate(flight, before, generic)),
        Step("Adapt the encoder to the region",
             after / "map.yaml", (*adapt, *where, "--run", str(out / "run"))),
        Step("Evaluate the flight after adaptation",
             out / "after" / "report.json", _evaluate(flight, after, adapted)),
    ]  # fmt: skip


def _evaluate(flight: Path, map_folder: Path, model: Path) -> tuple[str, ...]:
    report = flight.with_name(map_folder.name.removeprefix("map-"))
    named = ("--map", str(map_folder), "--model", str(model), "--out", str(report))
    # Every frame on its own and unrefined, so that the result depends on the encoder alone.
    return ("geoloc", "evaluate", str(flight), *named, "--alone", "--unrefined")


def table(out: Path) -> str:
    """Return a table of the metrics of `geoloc evaluate` before and after adaptation."""
    found = [
        json.loads((out / when / "report.json").read_text(encoding="utf-8")) for when in ("before", "after")
    ]
    before, after = (report["summary"]["all"] for report in found)
    rows = [
        ("", "before", "after"),
        ("recall of the best tile (R@1)", *(f"{s['recall_at_1']:.1%}" for s in (before, after))),
        ("error within one tile", *(f"{s['within_tile']:.1%}" for s in (before, after))),
        ("median error", *(f"{s['median_m']:.1f} m" for s in (before, after))),
        ("p95 error", *(f"{s['p95_m']:.1f} m" for s in (before, after))),
        ("availability", *(f"{s['availability']:.1%}" for s in (before, after))),
    ]
    lines = [f"{name:<34}{first:>10}{second:>10}" for name, first, second in rows]
    return "\n".join([f"{before['frames']} frames of a flight that was not used for adaptation:", *lines])


def main() -> None:
    """Run the missing steps and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("demo/adapt"), help="Folder for all files.")
    parser.add_argument("--seed", type=int, default=7, help="Seed of the region.")
    options = parser.parse_args()
    todo = steps(options.out, options.seed)
    for number, step in enumerate(todo, start=1):
        print(f"\n{number}/{len(todo)}  {step.why}\n$ {shlex.join(step.words)}", flush=True)
        if step.made.exists():
            print(f"skipped: {step.made} exists")
            continue
        program, *words = step.words
        subprocess.run([*_PROGRAMS[program], *words], check=True)
        step.made.touch()
    print(f"\n{table(options.out)}")


if __name__ == "__main__":
    main()
