#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure the effect of DPHR: the same host method with and without it, over several seeds.

    .venv/bin/python tools/studies/dphr_study.py --imagery DIR/naip_ca_multiyear --out runs/dphr-study

The study arranges the imagery like University-1652: satellite images of 2020, and drone views rendered from
other dates. It trains on Long Beach, Palm Springs, Bishop and Eureka, and tests on Claremont, with Chico as
distractors. Every recipe is trained with every seed for the same number of steps; only the seed and DPHR's
weight differ. Finished runs are skipped, so the same command continues an interrupted study. Words after `--`
are settings of `geoloc-train fit`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from geoloc_training.datasets.generate import make_tiny

RECIPES = {"host": ["dphr.weight=0"], "host + DPHR": ["dphr.weight=1"]}
# A host that two cores can train, with Sample4Geo's loss and batches of different places.
HOST = [
    "+preset=small",
    "data=u1652",
    "image_augment.turns=joint",  # the drone views are north-up, like the map
    "image_augment.yaw_deg=10",
    "image_augment.scale=0.1",
    "model.input_px=96",
    "optimiser.pairs=48",
    "optimiser.steps=250",
    "optimiser.warmup_steps=25",
    "evaluate_every=50",
    "dphr.window=50",  # a fifth of the run; the default of 100 is too long for so few steps
]
FIGURES = ("R@1", "R@5", "AP")
_TRAIN = "from geoloc_training.cli import main; main()"


def tree(imagery: Path, out: Path) -> Path:
    """Generate the data set unless it exists; return its folder."""
    if not (out / "places.csv").is_file():
        make_tiny(
            "u1652",
            out,
            imagery=imagery,
            places=None,
            drone_views=8,
            size_px=128,
            appearance=0.0,  # only the real differences between the dates; training adds its own augmentation
            train_groups=("long_beach", "palm_springs", "bishop", "eureka"),
            test_groups=("claremont",),
            distractor_groups=("chico",),
        )
    return out


def one_run(
    recipe: Sequence[str], seed: int, root: Path, out: Path, words: Sequence[str]
) -> dict[str, float]:
    """Train and test a recipe with a seed; return the metrics in per cent, by test and name."""
    result = out / "tests" / "metrics.json"
    if not result.is_file():
        call = [sys.executable, "-c", _TRAIN]
        subprocess.run(
            [*call, "fit", *HOST, f"data.root={root}", f"seed={seed}", *recipe, *words, "--out", str(out)],
            check=True,
        )
        subprocess.run(
            [*call, "evaluate", str(out), f"data.root={root}", "--out", str(out / "tests")], check=True
        )
    rows = json.loads(result.read_text(encoding="utf-8"))
    return {f"{row['test']} {name}": 100 * row["figures"][name] for row in rows for name in FIGURES}


def summary(found: dict[str, list[dict[str, float]]]) -> str:
    """Return a table of mean ± sample deviation over seeds, and of the differences seed by seed."""
    host, other = found.values()
    lines = ["| metric | " + " | ".join(found) + " | difference |", "|---|" + "---|" * (len(found) + 1)]
    for name in host[0]:
        columns = [[run[name] for run in runs] for runs in (host, other)]
        columns.append([b - a for a, b in zip(*columns, strict=True)])
        lines.append(f"| {name} | " + " | ".join(map(_spread, columns)) + " |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


def main() -> None:
    """Train the missing runs and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--imagery", type=Path, required=True, help="Folder of multi-date imagery with an index.csv."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/dphr-study"), help="Folder for all files.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Seeds to train with.")
    parser.add_argument("words", nargs="*", help="Settings of `geoloc-train fit`, after --.")
    options = parser.parse_args()
    root = tree(options.imagery, options.out / "u1652")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RECIPES}
    for seed in options.seeds:
        for name, recipe in RECIPES.items():
            folder = options.out / f"{name.replace(' + ', '-').lower()}-{seed}"
            found[name].append(one_run(recipe, seed, root, folder, options.words))
    table = summary(found)
    (options.out / "table.md").write_text(table + "\n", encoding="utf-8")
    print(f"\n{len(options.seeds)} seeds\n{table}")


if __name__ == "__main__":
    main()
