#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What refinement is worth: metres before and after, confirmed shares and false confirmations, by method.

    .venv/bin/python tools/refine_study.py ../shared/data/naip_ca_multiyear --cases chico:2018:2020
    .venv/bin/python tools/refine_study.py --cases world:0:1 --methods ncc sift

A query of one date is laid on the map of another around a tile centre near it, and around the wrong place of
the same map that the encoder finds most like it. "Before" is the tile's centre, and the softmax mean of its
neighbours a quarter of a view apart, which is what one look-up answers with.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc.camera.views import fill_invalid
from geoloc.encoder import Encoder, load_encoder
from geoloc.filter.alone import softmax
from geoloc.installed import default_model, find_model
from geoloc.localizer import LocalizerSettings
from geoloc.refine import Method, Patch, RefinerSettings, Registration, Verdict, make_method
from geoloc_training.datasets.dated_index import load_multiyear
from geoloc_training.datasets.ground import Ground, Look, render
from geoloc_training.datasets.world import load_worlds

VIEW_M = 90.0
PITCH_M = VIEW_M / 4
_WORLDS, _WORLD_M = (7, 8), 1024.0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Disturbance:
    """How a query differs from a tile: largest offset per axis, heading and relative scale, all uniform."""

    offset_m: float = 12.0
    yaw_deg: float = 10.0
    scale: float = 0.12


@dataclass(frozen=True, eq=False)
class Trial:
    """A query beside the right patch and a wrong one.

    Attributes:
        view: uint8 (S, S, 3).
        right, wrong: patches.
        truth_m: (2,) east and north of the view's centre from the right patch's.
        heading_rad, scale: of the view.
        looked_up_m: (2,) the softmax mean of the tile and its eight neighbours.
    """

    view: NDArray[np.uint8]
    right: Patch
    wrong: Patch
    truth_m: Floats
    heading_rad: float
    scale: float
    looked_up_m: Floats


@dataclass(frozen=True)
class Spot:
    """A tile's centre on a ground, metres east and south of its corner."""

    ground: Ground
    east_m: float
    south_m: float

    def look(
        self, east_m: float = 0.0, south_m: float = 0.0, size_m: float = VIEW_M, heading: float = 0.0
    ) -> Look:
        """A look at it, or beside it."""
        return Look(self.east_m + east_m, self.south_m + south_m, size_m, heading)


def spots(
    case: str, imagery: Path | None, count: int, rng: np.random.Generator
) -> tuple[list[Spot], str, str]:
    """Where to try, and the dates of map and query."""
    city, map_date, query_date = case.split(":")
    if map_date == query_date:
        raise SystemExit(f"{case}: map and query must be of two dates")
    if city == "world":
        worlds = load_worlds(_WORLDS, _WORLD_M, 1 + max(int(map_date), int(query_date)), Path("runs/worlds"))
        places = rng.uniform(VIEW_M, _WORLD_M - VIEW_M, (count, 2))
        chosen = [Spot(worlds[i % len(worlds)], *place) for i, place in enumerate(places)]
    elif imagery is None:
        raise SystemExit(f"{case}: name the folder of the imagery")
    else:
        grounds = [g for g in load_multiyear(imagery, [city]) if {map_date, query_date} <= set(g.dates)]
        if not grounds:
            raise SystemExit(f"{case}: no place of {city} has both dates")
        chosen = [Spot(g, g.extent_m[0] / 2, g.extent_m[1] / 2) for g in grounds]
        chosen = [chosen[i % len(chosen)] for i in range(count)]
    return chosen, map_date, query_date


def trials(
    case: str, imagery: Path | None, count: int, encoder: Encoder, how: Disturbance, seed: int = 0
) -> Iterator[Trial]:
    """Queries of one case, always the same for a seed."""
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
            right=_patch(spot, map_date, side),
            wrong=_patch(other, map_date, side),
            truth_m=np.array([east, -south]),
            heading_rad=heading,
            scale=scale,
            looked_up_m=_looked_up(spot, map_date, query, encoder),
        )


def _rival(scores: NDArray[np.float32], spot: Spot, where: Sequence[Spot]) -> int:
    """The most similar tile that shares no ground with this one."""
    for number in np.argsort(-scores):
        other = where[number]
        apart_m = max(abs(other.east_m - spot.east_m), abs(other.south_m - spot.south_m))
        if other.ground.name != spot.ground.name or apart_m > 2 * VIEW_M:
            return int(number)
    raise SystemExit("all places of this case are one; choose another")


def _view(spot: Spot, date: str, side: int, east_m: float = 0.0, south_m: float = 0.0) -> NDArray[np.uint8]:
    return fill_invalid(*render(spot.ground, date, spot.look(east_m, south_m), side))


def _patch(spot: Spot, date: str, side: int) -> Patch:
    rgb, valid = render(spot.ground, date, spot.look(size_m=2 * VIEW_M), 2 * side)
    return Patch(rgb, valid, VIEW_M / side)


def _looked_up(spot: Spot, date: str, query: NDArray[np.float32], encoder: Encoder) -> Floats:
    centres = np.array([(east, north) for east in (-1, 0, 1) for north in (-1, 0, 1)]) * PITCH_M
    around = [_view(spot, date, encoder.card.input_px, east, -north) for east, north in centres]
    scores = (encoder.describe(np.stack(around)) @ query).astype(np.float64)
    return softmax(scores, LocalizerSettings().temperature) @ centres


@dataclass(frozen=True, eq=False)
class Outcome:
    """One trial by one method: on the right patch and on the wrong one."""

    right: Registration
    wrong: Registration
    error_m: Floats
    ms: float


def attempt(method: Method, trial: Trial) -> Outcome:
    """Lay the query on both patches."""
    began = time.process_time()
    right = method.register(trial.view, trial.right)
    ms = 1e3 * (time.process_time() - began)
    error_m = np.array([right.east_m, right.north_m]) - trial.truth_m
    return Outcome(right, method.register(trial.view, trial.wrong), error_m, ms)


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line of a table."""
    sure = [o for o in outcomes if o.right.verdict is Verdict.CONFIRMED]
    shares = [
        np.mean([verdict is wanted for verdict in verdicts])
        for verdicts, wanted in (
            ([o.wrong.verdict for o in outcomes], Verdict.CONFIRMED),
            ([o.wrong.verdict for o in outcomes], Verdict.CONTRADICTED),
            ([o.right.verdict for o in outcomes], Verdict.CONTRADICTED),
        )
    ]
    errors = np.array([np.hypot(*o.error_m) for o in sure] or [np.nan])
    normalised = [o.error_m @ np.linalg.solve(o.right.covariance_m2, o.error_m) for o in sure]
    return (
        f"{len(sure) / len(outcomes):9.1%}{np.median(errors):7.2f} /{np.percentile(errors, 95):6.2f} m"
        f"{(errors > 5).sum():6d}{shares[0]:9.1%}{shares[1]:9.1%} /{shares[2]:6.1%}"
        f"{np.median(normalised or [np.nan]):7.2f} /{np.percentile(normalised or [np.nan], 95):6.2f}"
        f"{np.median([o.ms for o in outcomes]):8.0f} ms"
    )


def main() -> None:
    """Print a table a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("imagery", nargs="?", type=Path, help="folder of dated crops with an index.csv")
    parser.add_argument(
        "--cases", nargs="+", default=["world:0:1"], help="city:map date:query date, or world:0:1"
    )
    parser.add_argument("--methods", nargs="+", default=["ncc", "sift", "features"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--offset-m", type=float, default=Disturbance.offset_m)
    chosen = parser.parse_args()
    encoder = load_encoder(find_model(default_model()), threads=1)
    for case in chosen.cases:
        how = Disturbance(offset_m=chosen.offset_m)
        tried = list(trials(case, chosen.imagery, chosen.queries, encoder, how))
        print(f"\n{case}, {len(tried)} queries, ±{how.offset_m:g} m, ±{how.yaw_deg:g}°, ±{how.scale:.0%}")
        for name, found in (
            ("tile centre", [np.hypot(*t.truth_m) for t in tried]),
            ("softmax mean", [np.hypot(*(t.looked_up_m - t.truth_m)) for t in tried]),
        ):
            print(f"  {name:<13}{'':9}{np.median(found):7.2f} /{np.percentile(found, 95):6.2f} m")
        print(f"{'':15}confirmed  median / p95     >5 m   false   contradicted w/r  error² med / p95    CPU")
        for name in chosen.methods:
            method = make_method(RefinerSettings(name), encoder)
            print(f"  {name:<13}{summary([attempt(method, trial) for trial in tried])}", flush=True)


if __name__ == "__main__":
    main()
