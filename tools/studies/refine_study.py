#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure errors before and after refinement by method, on maps of one date and queries of another.

    .venv/bin/python tools/studies/refine_study.py ../shared/data/naip_ca_multiyear --cases chico:2018:2020
    .venv/bin/python tools/studies/refine_study.py --cases world:0:1 --methods ncc sift
    .venv/bin/python tools/studies/refine_study.py --flights ../shared/data --work runs/refine-flights

"Before" is the answer of a look-up: the softmax mean of a tile near the query and its neighbours, a quarter
of a view apart. "After" is the answer of the localizer's refinement stage, for all queries, including those
that it does not refine. Each query is also registered with the most similar wrong place of the same map.
Flights are localized photo by photo, with and without refinement.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from refine_flights import flown
from refine_rows import HEAD, Tried, row

from geoloc import integrity
from geoloc.arrays import Float32Array, Float64Array
from geoloc.camera.views import fill_invalid
from geoloc.encoder import Encoder, load_encoder
from geoloc.filter.single_frame import softmax
from geoloc.installed import find_model
from geoloc.localizer import LocalizerSettings
from geoloc.refine import Refiner, Verdict, make_method
from geoloc.refine.stage import Estimate, RefineStage
from geoloc_training.datasets.imagery.dated_index import load_multiyear
from geoloc_training.datasets.imagery.ground import Ground, Look, render
from geoloc_training.datasets.imagery.world import load_worlds

VIEW_M = 90.0
PITCH_M = VIEW_M / 4
_WORLDS, _WORLD_M = (7, 8), 1024.0
_HERE_M = np.zeros(2)


@dataclass(frozen=True)
class Disturbance:
    """Limits of the uniform differences of a query from a tile: offset per axis, heading, relative scale."""

    offset_m: float = 12.0
    yaw_deg: float = 10.0
    scale: float = 0.12


@dataclass(frozen=True)
class Spot:
    """The centre of a tile on a ground, in metres east and south of the ground's corner."""

    ground: Ground
    east_m: float
    south_m: float

    def look(
        self, east_m: float = 0.0, south_m: float = 0.0, size_m: float = VIEW_M, heading: float = 0.0
    ) -> Look:
        """Return the look of a view of the spot, or of a place beside it."""
        return Look(self.east_m + east_m, self.south_m + south_m, size_m, heading)


@dataclass(frozen=True, eq=False)
class SpotMap:
    """The ground around a spot on one date, with the interface of a map, in metres from the spot."""

    spot: Spot
    date: str
    view_size_m: float = VIEW_M

    def raster(self) -> "SpotMap":
        """Return itself; no file needs to be opened."""
        return self

    def view(
        self, east_m: float, north_m: float, size_m: float, size_px: int
    ) -> tuple[NDArray[np.uint8], Float64Array]:
        """Return a view, as `geoloc.raster.views.Raster.view` does."""
        return render(self.spot.ground, self.date, self.spot.look(east_m, -north_m, size_m), size_px)

    def close(self) -> None:
        """Do nothing; no file is open."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A query with the right place and a wrong place.

    Attributes:
        view: view of the query, uint8 (S, S, 3).
        right, wrong: maps around the right and the wrong place.
        truth_m: (2,) offset of the view's centre from the right place, east and north.
        heading_rad, scale: heading and relative scale of the view.
        believed: answer of one look-up, relative to the right place.
    """

    view: NDArray[np.uint8]
    right: SpotMap
    wrong: SpotMap
    truth_m: Float64Array
    heading_rad: float
    scale: float
    believed: Estimate


def spots(
    case: str, imagery: Path | None, count: int, rng: np.random.Generator
) -> tuple[list[Spot], str, str]:
    """Return the spots of a case, and the dates of map and query."""
    city, map_date, query_date = case.split(":")
    if map_date == query_date:
        raise SystemExit(f"{case}: map and query have the same date; name two dates.")
    if city == "world":
        worlds = load_worlds(_WORLDS, _WORLD_M, 1 + max(int(map_date), int(query_date)), Path("runs/worlds"))
        places = rng.uniform(VIEW_M, _WORLD_M - VIEW_M, (count, 2))
        chosen = [Spot(worlds[i % len(worlds)], *place) for i, place in enumerate(places)]
    elif imagery is None:
        raise SystemExit(f"{case}: the folder of the imagery is missing; give it as an argument.")
    else:
        grounds = [g for g in load_multiyear(imagery, [city]) if {map_date, query_date} <= set(g.dates)]
        if not grounds:
            raise SystemExit(f"{case}: no place of {city} has both dates; choose other dates.")
        chosen = [Spot(g, g.extent_m[0] / 2, g.extent_m[1] / 2) for g in grounds]
        chosen = [chosen[i % len(chosen)] for i in range(count)]
    return chosen, map_date, query_date


def trials(
    case: str, imagery: Path | None, count: int, encoder: Encoder, how: Disturbance, seed: int = 0
) -> Iterator[Trial]:
    """Yield the queries of a case; the same seed gives the same queries."""
    rng = np.random.default_rng(seed)
    where, map_date, query_date = spots(case, imagery, count, rng)
    side = encoder.card.input_px
    tiles = np.concatenate([encoder.describe(_view(spot, map_date, side)[None]) for spot in where])
    for spot in where:
        east, south = rng.uniform(-how.offset_m, how.offset_m, 2)
        heading = np.deg2rad(rng.uniform(-how.yaw_deg, how.yaw_deg))
        scale = 1.0 + rng.uniform(-how.scale, how.scale)
        look = spot.look(east, south, VIEW_M * scale, heading)
        view = fill_invalid(*render(spot.ground, query_date, look, side))
        query = encoder.describe(view[None])[0]
        other = where[_rival(tiles @ query, spot, where)]
        yield Trial(
            view=view,
            right=SpotMap(spot, map_date),
            wrong=SpotMap(other, map_date),
            truth_m=np.array([east, -south]),
            heading_rad=heading,
            scale=scale,
            believed=_believed(spot, map_date, query, encoder),
        )


def _rival(scores: Float32Array, spot: Spot, where: Sequence[Spot]) -> int:
    """Return the index of the most similar spot that shares no ground with this one."""
    for number in np.argsort(-scores):
        other = where[number]
        apart_m = max(abs(other.east_m - spot.east_m), abs(other.south_m - spot.south_m))
        if other.ground.name != spot.ground.name or apart_m > 2 * VIEW_M:
            return int(number)
    raise SystemExit("all places of this case share ground; choose another case.")


def _view(spot: Spot, date: str, side: int, east_m: float = 0.0, south_m: float = 0.0) -> NDArray[np.uint8]:
    return fill_invalid(*render(spot.ground, date, spot.look(east_m, south_m), side))


def _believed(spot: Spot, date: str, query: Float32Array, encoder: Encoder) -> Estimate:
    centres = np.array([(east, north) for east in (-1, 0, 1) for north in (-1, 0, 1)]) * PITCH_M
    around = [_view(spot, date, encoder.card.input_px, east, -north) for east, north in centres]
    scores = (encoder.describe(np.stack(around)) @ query).astype(np.float64)
    weights = softmax(scores, LocalizerSettings().temperature)
    return Estimate(weights @ centres, integrity.covariance_m2(centres, weights, PITCH_M))


def attempt(method: str, trial: Trial) -> Tried:
    """Refine a belief, and register the view at the wrong place with the same method."""
    stage = RefineStage(trial.right, method)
    began = time.process_time()
    after = stage.refine(trial.believed, trial.view, _HERE_M)
    ms = 1e3 * (time.process_time() - began)
    with Refiner(trial.wrong, make_method(method)) as refiner:
        wrong = refiner.refine(trial.view, 0.0, 0.0)
    return Tried(
        trial.believed.mean_m - trial.truth_m,
        after.mean_m - trial.truth_m,
        after.covariance_m2,
        after.refined,
        wrong.verdict is Verdict.CONFIRMED,
        ms,
    )


def tables(chosen: argparse.Namespace, encoder: Encoder) -> Iterator[str]:
    """Yield the lines of one table for each case and each flight."""
    for case in chosen.cases:
        how = Disturbance(offset_m=chosen.offset_m)
        queries = list(trials(case, chosen.imagery, chosen.queries, encoder, how))
        yield f"\n{case}, {len(queries)} queries, ±{how.offset_m:g} m, ±{how.yaw_deg:g}°, ±{how.scale:.0%}"
        yield f"\n{HEAD}"
        for name in chosen.methods:
            yield row(name, [attempt(name, query) for query in queries], VIEW_M)
    if chosen.flights is not None:
        for title, view_size_m, by_method in flown(chosen.flights, encoder, chosen.work, chosen.methods):
            yield f"\n{title}\n\n{HEAD}"
            yield from (row(name, tried, view_size_m) for name, tried in by_method.items())


def main() -> None:
    """Print a table for each case and each flight, and write them to table.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("imagery", nargs="?", type=Path, help="Folder of dated crops with an index.csv.")
    parser.add_argument(
        "--cases", nargs="*", default=[], help="Cases, as city:map date:query date or world:0:1."
    )
    parser.add_argument("--flights", type=Path, help="Folder of flight folders, as for `geoloc flight`.")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/refine-flights"), help="Folder for maps and bags."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/refine"), help="Folder for table.md.")
    parser.add_argument("--methods", nargs="+", default=["ncc", "sift"], help="Refinement methods.")
    parser.add_argument("--queries", type=int, default=200, help="Number of queries per case.")
    parser.add_argument(
        "--offset-m", type=float, default=Disturbance.offset_m, help="Largest offset per axis in metres."
    )
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with (chosen.out / "table.md").open("w", encoding="utf-8") as file:
        for line in tables(chosen, load_encoder(find_model(), threads=1)):
            print(line, flush=True)
            print(line, file=file, flush=True)


if __name__ == "__main__":
    main()
