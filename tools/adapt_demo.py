#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adaptation from nothing, with the commands a user types: a small encoder comes to a region it has not seen.

make adapt-demo                       minutes on a CPU; what is there already is not made again
.venv/bin/python tools/adapt_demo.py --out demo/adapt --seed 8

The encoder learns for a minute from other procedural worlds, in summer and autumn. The region's map is of a
summer too, but the drone flies over it in a leafless spring. One flight is the footage that is adapted to;
another, along other ways over the same ground, is localised before and after, every frame of it.
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
        why: said before it.
        made: what it leaves behind, by which it is known to be done.
        words: the command as a user types it.
    """

    why: str
    made: Path
    words: tuple[str, ...]


def steps(out: Path, seed: int) -> list[Step]:
    """All commands, in order."""
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
        Step("a region on three dates: summer for the map, spring to fly in", world / "date2.tif",
             (*simulate, "--out", str(world))),
        Step("footage of it, without labels", footage / "metadata.yaml", (*survey, "--out", str(footage))),
        Step("a flight to measure by", flight / "metadata.yaml", (*tour, "--out", str(flight))),
        Step("an encoder that has seen other regions, in summer and autumn", run / "trained",
             ("geoloc-train", "fit", *_GENERIC, "--out", str(run))),
        Step("the model of it", generic / "model.yaml",
             ("geoloc-train", "export", str(run), "--out", str(generic), "--view-size-m", "60", "120")),
        Step("the map of the region, described by it", before / "map.yaml", (*build, "--out", str(before))),
        Step("the flight, before", out / "before" / "report.json", _evaluate(flight, before, generic)),
        Step("adaptation", after / "map.yaml", (*adapt, *where, "--run", str(out / "run"))),
        Step("the flight, after", out / "after" / "report.json", _evaluate(flight, after, adapted)),
    ]  # fmt: skip


def _evaluate(flight: Path, map_folder: Path, model: Path) -> tuple[str, ...]:
    report = flight.with_name(map_folder.name.removeprefix("map-"))
    named = ("--map", str(map_folder), "--model", str(model), "--out", str(report))
    # Every frame alone and unrefined: the encoder is compared, not what is made of its look-ups.
    return ("geoloc", "evaluate", str(flight), *named, "--alone", "--unrefined")


def table(out: Path) -> str:
    """Return what `geoloc evaluate` found before and after, beside each other."""
    found = [
        json.loads((out / when / "report.json").read_text(encoding="utf-8")) for when in ("before", "after")
    ]
    before, after = (report["summary"]["all"] for report in found)
    rows = [
        ("", "before", "after"),
        ("best tile is the true one (R@1)", *(f"{s['recall_at_1']:.1%}" for s in (before, after))),
        ("position within a tile", *(f"{s['within_tile']:.1%}" for s in (before, after))),
        ("median error", *(f"{s['median_m']:.1f} m" for s in (before, after))),
        ("95 % of the errors are below", *(f"{s['p95_m']:.1f} m" for s in (before, after))),
        ("availability", *(f"{s['availability']:.1%}" for s in (before, after))),
    ]
    lines = [f"{name:<34}{first:>10}{second:>10}" for name, first, second in rows]
    return "\n".join([f"{before['frames']} frames of a flight that was not adapted to:", *lines])


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("demo/adapt"), help="folder for everything")
    parser.add_argument("--seed", type=int, default=7, help="of the region")
    options = parser.parse_args()
    todo = steps(options.out, options.seed)
    for number, step in enumerate(todo, start=1):
        print(f"\n{number}/{len(todo)}  {step.why}\n$ {shlex.join(step.words)}", flush=True)
        if step.made.exists():
            print(f"{step.made} is there already")
            continue
        program, *words = step.words
        subprocess.run([*_PROGRAMS[program], *words], check=True)
        step.made.touch()
    print(f"\n{table(options.out)}")


if __name__ == "__main__":
    main()
