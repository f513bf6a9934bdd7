#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record and report flights over validation imagery for `geoloc calibrate`, as for the shipped model.

    .venv/bin/python tools/studies/calibration_flights.py --imagery DIR/naip_ca_multiyear
    .venv/bin/geoloc calibrate models/geoloc-small-2 runs/calibration/*/*/report

The flights go over a city with imagery of two years and over the procedural world at two dates. The city's
crops are laid side by side, in the same order for both years: the map shows one year, the camera the other.
Everything in it is real except the seams. Neither training nor a test uses this city or this world. The
flights are the scenarios of `geoloc simulate scenarios` with other seeds. Every frame is answered, however
uncertain its position is (config/open.yaml). Finished flights are skipped.
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
    """Yield a number of trials for each scenario that fits a city."""
    for name, scenario in SCENARIOS.items():
        if scenario.course != DULL and not scenario.far_and_wide:
            for number in range(1, times + 1):
                seed = scenario.seed + _SEEDS_APART * number
                yield Trial(replace(scenario, name=f"{name}-{number}", seed=seed), region)


def regions(what: argparse.Namespace) -> Iterator[Region]:
    """Yield the city and the world; create their images if they are missing."""
    images = what.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    before, after = mosaic(what.imagery, what.city, what.years, images)
    source = f"{what.city} {what.years[0]} and {what.years[1]}"
    yield Region(what.city, what.city, source, before, after, _VIEW_M, _HEIGHT_M)
    yield world_region(images, what.world)


def main() -> None:
    """Fly and report all trials."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--imagery", type=Path, required=True, help="Folder naip_ca_multiyear/ with its index.csv."
    )
    parser.add_argument("--city", default="chico", help="City to fly over.")
    parser.add_argument(
        "--years",
        nargs=2,
        default=["2018", "2020"],
        metavar=("MAP", "FLOWN"),
        help="Years of map and camera.",
    )
    parser.add_argument("--world", type=int, default=31, help="Seed of the procedural world.")
    parser.add_argument("--model", default="", help="Model directory, or id of a shipped model.")
    parser.add_argument("--times", type=int, default=2, help="Number of flights per scenario.")
    parser.add_argument("--out", type=Path, default=Path("runs/calibration"), help="Folder for all files.")
    what = parser.parse_args()

    encoder = load_encoder(find_model(what.model))
    model = encoder.card.directory
    for region in regions(what):
        map_directory = map_of(region, encoder, what.out / "maps", far_and_wide=False)
        for trial in progress_bar(list(trials(region, what.times)), label=region.imagery, unit="flight"):
            run_trial(trial, map_directory.path, model, what.out, params_files=(_OPEN,))
    print(f"\nnext: geoloc calibrate {model} {what.out}/*/*/report")


if __name__ == "__main__":
    main()
