#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flights over a city in two years, reported for `geoloc calibrate`: how the shipped model was calibrated.

    .venv/bin/python tools/calibration_flights.py --imagery DIR/naip_ca_multiyear --out runs/calibration
    .venv/bin/geoloc calibrate models/geoloc-small-2 runs/calibration/chico/*/{beliefs,refined}

The city's crops are laid side by side, in the same order for both years: the map is of the one, the camera
sees the other, and nothing in between is invented but the seams. The scenarios of `geoloc simulate scenarios`
are flown over it, with other seeds and courses than there, and answered however unsure (config/open.yaml),
once as beliefs alone and once refined.
Take a city that neither training nor a test uses. What is finished is skipped.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from adaptation_study import mosaic
from tqdm import tqdm

from geoloc.encoder import load_encoder
from geoloc.simulation.scenarios import DULL, SCENARIOS
from geoloc.trials.regions import Region
from geoloc.trials.runs import Trial, map_of, run_trial

_VIEW_M, _HEIGHT_M = 90.0, 110.0
_OPEN = Path(__file__).parents[1] / "config" / "open.yaml"
_SEEDS_APART = 100


def trials(region: Region, times: int) -> Iterator[Trial]:
    """Each scenario that a city holds, so many times."""
    for name, scenario in SCENARIOS.items():
        if scenario.course != DULL and not scenario.far_and_wide:
            for number in range(1, times + 1):
                seed = scenario.seed + _SEEDS_APART * number
                yield Trial(replace(scenario, name=f"{name}-{number}", seed=seed), region)


def main() -> None:
    """Fly and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--imagery", type=Path, required=True, help="naip_ca_multiyear/, with its index.csv")
    parser.add_argument("--city", default="chico")
    parser.add_argument("--years", nargs=2, default=["2018", "2020"], metavar=("MAP", "FLOWN"))
    parser.add_argument("--model", type=Path, default=Path("models/geoloc-small-2"))
    parser.add_argument("--times", type=int, default=3, help="flights of each scenario")
    parser.add_argument("--out", type=Path, default=Path("runs/calibration"))
    what = parser.parse_args()

    what.out.mkdir(parents=True, exist_ok=True)
    before, after = mosaic(what.imagery, what.city, what.years, what.out)
    source = f"{what.city} {what.years[0]} and {what.years[1]}"
    region = Region(what.city, what.city, source, before, after, _VIEW_M, _HEIGHT_M)
    map_directory = map_of(region, load_encoder(what.model), what.out / "maps", far_and_wide=False)
    refined = what.out / "refined.yaml"
    refined.write_text("/**:\n  ros__parameters:\n    refine: auto\n", encoding="utf-8")
    runs = {"beliefs": (_OPEN,), "refined": (_OPEN, refined)}
    for trial in tqdm(list(trials(region, what.times)), desc="fly", unit="flight"):
        for name, files in runs.items():
            run_trial(trial, map_directory.path, what.model, what.out, params_files=files, name=name)
    folders = " ".join(f"{what.out / what.city}/*/{name}" for name in runs)
    print(f"\nnow: geoloc calibrate {what.model} {folders}")


if __name__ == "__main__":
    main()
