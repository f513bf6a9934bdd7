#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
r"""Measure the effect of adaptation to a region, on cities that the encoder has never seen.

    .venv/bin/python tools/studies/adaptation_study.py \
        --imagery DIR/naip_ca_multiyear --out runs/adaptation-study \
        --case chico:2018:2020:models/geoloc-small-2 --case claremont:2016:2020:models/without-claremont

A case is city:map year:flown year:model. For each case, the study
 - lays the city's crops side by side, in the same order for both years, as imagery for the map and for the
   camera; everything in it is real except the seams;
 - records a survey over the western half as footage for the adaptation, which does not read the true
   positions in the bag; for the evaluation it records a tour over each half;
 - runs `geoloc-train adapt`, and runs `geoloc evaluate` on both tours before and after the adaptation.
Finished steps are skipped. Words after `--` are settings of `geoloc-train adapt`.
"""

import argparse
import csv
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.transform import from_origin

from geoloc.raster.views import Raster, open_raster
from geoloc_lab.flight_simulator.flight_plan import FlightPlan, pattern_waypoints
from geoloc_lab.flight_simulator.recording import write_bag

_TRAIN = [sys.executable, "-c", "from geoloc_training.cli import main; main()"]
_GEOLOC = [sys.executable, "-c", "from geoloc.cli import main; main()"]
_FIGURES = ("recall_at_1", "median_m", "p95_m", "within_tile")
_VIEW_M, _HEIGHT_M, _MARGIN_M = 90.0, 110.0, 240.0
Points = tuple[tuple[float, float], ...]
_WEST, _EAST = "west", "east"  # half that the footage shows, and the other half


@dataclass(frozen=True)
class Case:
    """A city, the years of its map and of its flights, and the initial model."""

    city: str
    map_year: str
    flown_year: str
    model: str

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Parse city:map year:flown year:model."""
        return cls(*text.split(":", 3))

    @property
    def name(self) -> str:
        """Name of the case's folder and of its row in the table."""
        return f"{self.city}-{Path(self.model).name}"


def mosaic(imagery: Path, city: str, years: Sequence[str], out: Path) -> list[Path]:
    """Write a GeoTIFF per year with the city's crops side by side, in a seeded order; return the paths."""
    with (imagery / "index.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["city"] == city]
    files = {(row["location_id"], row["year"]): row for row in rows}
    places = sorted(
        {row["location_id"] for row in rows if all((row["location_id"], y) in files for y in years)}
    )
    order = np.random.default_rng(0).permutation(len(places))
    across = math.ceil(math.sqrt(len(places)))
    paths = []
    for year in years:
        chosen = [files[places[i], year] for i in order]
        crops = [cv2.imread(str(imagery / "images" / row["file"]))[:, :, ::-1] for row in chosen]
        paths.append(out / f"{city}-{year}.tif")
        if not paths[-1].is_file():
            _write(paths[-1], crops, across, chosen[0])
    return paths


def _write(path: Path, crops: Sequence[np.ndarray], across: int, corner: dict[str, str]) -> None:
    side, gsd_m = crops[0].shape[0], float(corner["gsd_m"])
    rows = len(crops) // across  # whole rows only, so that the region is a rectangle
    picture = np.concatenate(
        [np.concatenate(crops[r * across : (r + 1) * across], axis=1) for r in range(rows)], axis=0
    )
    place = from_origin(float(corner["left"]), float(corner["top"]), gsd_m, gsd_m)
    profile = {"driver": "GTiff", "width": side * across, "height": side * rows, "count": 3, "dtype": "uint8"}
    where = {"crs": f"EPSG:{corner['epsg']}", "transform": place, "compress": "jpeg", "photometric": "ycbcr"}
    with rasterio.open(path, "w", tiled=True, **profile, **where) as file:
        file.write(np.moveaxis(picture, 2, 0))


def fly(flown: Path, out: Path) -> None:
    """Record the footage and the two tours, unless they exist."""
    with open_raster(flown) as ground:
        left, bottom, right, top = ground.bounds_m
        middle = (left + right) / 2
        halves = {_WEST: (left, bottom, middle, top), _EAST: (middle, bottom, right, top)}
        survey = pattern_waypoints("survey", halves[_WEST], margin_m=_MARGIN_M, spacing_m=90.0)
        _bag(out / "footage", ground, survey, 1800.0, seed=11)
        for number, (half, bounds) in enumerate(halves.items()):
            tour = pattern_waypoints("tour", bounds, margin_m=_MARGIN_M, seed=21 + number)
            _bag(out / half, ground, tour, 300.0, seed=31 + number)


def _bag(path: Path, ground: Raster, waypoints: Points, longest_s: float, seed: int) -> None:
    if not path.is_dir():
        plan = FlightPlan(
            waypoints, height_m=_HEIGHT_M, speed_mps=9.0, frame_rate_hz=0.6, max_duration_s=longest_s
        )
        write_bag(path, ground, plan, seed=seed)


def run_case(case: Case, imagery: Path, out: Path, words: Sequence[str]) -> dict[str, dict[str, float]]:
    """Run a case; return its metrics by half and time, such as "west before"."""
    folder = out / case.name
    folder.mkdir(parents=True, exist_ok=True)
    map_image, flown = mosaic(imagery, case.city, (case.map_year, case.flown_year), folder)
    fly(flown, folder)
    view = ["--view-size", _VIEW_M]
    build = [*_GEOLOC, "map", "build", map_image, "--model", case.model, *view]
    _once(folder / "map-before/map.yaml", [*build, "--out", folder / "map-before"])
    given = ["--map", map_image, "--footage", folder / "footage", "--init", case.model, *view]
    adapt = [*_TRAIN, "adapt", *given]
    made = ["--out", folder / "adapted", "--map-out", folder / "map-after", "--run", folder / "run"]
    _once(folder / "adapted/model.yaml", [*adapt, *made, *words])
    found = {}
    for half in (_WEST, _EAST):
        for when, model in (("before", case.model), ("after", folder / "adapted")):
            report = folder / f"{half}-{when}"
            evaluate = [
                *_GEOLOC,
                "evaluate",
                folder / half,
                "--map",
                folder / f"map-{when}",
                "--model",
                model,
                "--alone",
                "--unrefined",
            ]
            _once(report / "report.json", [*evaluate, "--out", report])
            summary = json.loads((report / "report.json").read_text(encoding="utf-8"))["summary"]["all"]
            found[f"{half} {when}"] = {name: float(summary[name]) for name in _FIGURES}
    return found


def _once(made: Path, call: Sequence[object]) -> None:
    if not made.is_file():
        subprocess.run([str(word) for word in call], check=True)


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a table of before → after for each case, over the half in the footage and the other half."""
    heads = ["R@1, %", "median, m", "p95, m", "within a tile, %"]
    columns = [f"{half}: {head}" for half in ("half in the footage", "other half") for head in heads]
    lines = ["| region, model | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, figures in found.items():
        cells = []
        for half in (_WEST, _EAST):
            before, after = figures[f"{half} before"], figures[f"{half} after"]
            for figure in _FIGURES:
                factor = 100 if figure in ("recall_at_1", "within_tile") else 1
                cells.append(f"{factor * before[figure]:.1f} → {factor * after[figure]:.1f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the missing steps and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--imagery", type=Path, required=True, help="Folder of multi-date imagery with an index.csv."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/adaptation-study"), help="Folder for all files."
    )
    parser.add_argument(
        "--case",
        action="append",
        required=True,
        help="Case, as city:map year:flown year:model; may be repeated.",
    )
    parser.add_argument("words", nargs="*", help="Settings of `geoloc-train adapt`, after --.")
    options = parser.parse_args()
    found = {}
    for case in map(Case.parse, options.case):
        found[case.name] = run_case(case, options.imagery, options.out, options.words)
        print(f"\n{table(found)}", flush=True)
    (options.out / "table.md").write_text(table(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
