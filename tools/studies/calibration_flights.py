#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flights over ground of validation, reported for `geoloc calibrate`: how the shipped model was calibrated.

    .venv/bin/python tools/studies/calibration_flights.py --imagery DIR/naip_ca_multiyear
    .venv/bin/geoloc calibrate models/geoloc-small-2 runs/calibration/*/*/report

A city in two years: its crops are laid side by side, in the same order for both; the map is of the one, the
camera sees the other, and nothing in between is invented but the seams. And the procedural world, at two
dates. Neither training nor a test uses this city or this world. The scenarios of `geoloc simulate scenarios`
are flown over both, with other seeds than there, and answered however unsure (config/open.yaml). What is
finished is skipped.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from adaptation_study import mosaic

from geoloc.encoder import load_encoder
from geoloc.installed import find_model
from geoloc.progress import progress_bar
from geoloc_lab.scenarios.definitions import DULL, SCENARIOS
from geoloc_lab.scenarios.regions import Region, world_region
from geoloc_lab.scenarios.trials import Trial, map_of, run_trial

_VIEW_M, _HEIGHT_M = 90.0, 110.0
_OPEN = Path(__file__).parents[2] / "config" / "open.yaml"
_SEEDS_APART = 100


def trials(region: Region, times: int) -> Iterator[Trial]:
    """Each scenario that a city holds, so many times."""
    for name, scenario in SCENARIOS.items():
        if scenario.course != DULL and not scenario.far_and_wide:
            for number in range(1, times + 1):
                seed = scenario.seed + _SEEDS_APART * number
                yield Trial(replace(scenario, name=f"{name}-{number}", seed=seed), region)


def regions(what: argparse.Namespace) -> Iterator[Region]:
    """Return the city and the world, their pictures made where they are missing."""
    images = what.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    before, after = mosaic(what.imagery, what.city, what.years, images)
    source = f"{what.city} {what.years[0]} and {what.years[1]}"
    yield Region(what.city, what.city, source, before, after, _VIEW_M, _HEIGHT_M)
    yield world_region(images, what.world)


def main() -> None:
    """Fly and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--imagery", type=Path, required=True, help="naip_ca_multiyear/, with its index.csv")
    parser.add_argument("--city", default="chico")
    parser.add_argument("--years", nargs=2, default=["2018", "2020"], metavar=("MAP", "FLOWN"))
    parser.add_argument("--world", type=int, default=31, help="seed of the procedural world")
    parser.add_argument("--model", default="", help="model directory, or the id of a shipped model")
    parser.add_argument("--times", type=int, default=2, help="flights of each scenario")
    parser.add_argument("--out", type=Path, default=Path("runs/calibration"))
    what = parser.parse_args()

    encoder = load_encoder(find_model(what.model))
    model = encoder.card.directory
    for region in regions(what):
        map_directory = map_of(region, encoder, what.out / "maps", far_and_wide=False)
        for trial in progress_bar(list(trials(region, what.times)), label=region.imagery, unit="flight"):
            run_trial(trial, map_directory.path, model, what.out, params_files=(_OPEN,))
    print(f"\nnow: geoloc calibrate {model} {what.out}/*/*/report")


if __name__ == "__main__":
    main()
