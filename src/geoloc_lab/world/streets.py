# SPDX-License-Identifier: Apache-2.0
"""Plans towns, rivers, railways, main roads, and the streets that cut the land into blocks."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.noise import Waves, stream
from geoloc_lab.world.town_plan import Block, Plan, Road, RoadKind, Use

_MARGIN_M = 120.0
_TOWN_AREA_M2 = 3.2e6
_FIELD_M2 = (14e3, 42e3)


class Lie:
    """The lie of the land: how urban a place is, and the bend from the straight plan into the world."""

    def __init__(self, seed: int, size_m: float) -> None:
        rng = stream(seed, "lie")
        count = max(1, round(size_m**2 / _TOWN_AREA_M2))
        # Towns keep apart: of many samples, the one farthest from the other towns becomes the next town.
        towns = [np.array([size_m / 2, size_m / 2]) + rng.uniform(-0.1, 0.1, 2) * size_m]
        for _ in range(count - 1):
            draws = rng.uniform(0.1, 0.9, (30, 2)) * size_m
            gap = np.min([np.linalg.norm(draws - town, axis=1) for town in towns], axis=0)
            towns.append(draws[int(np.argmax(gap))])
        self._towns = np.array(towns)
        self._radius_m = (
            rng.uniform(0.8, 1.1, count) * np.sqrt(min(size_m**2 / count, _TOWN_AREA_M2) * 0.6 / np.pi) * 1.05
        )
        self._ragged = Waves(rng, (250, 900), 0.13)
        self._bend = [Waves(rng, (420, 1600), 20.0) for _ in range(2)]
        self.quarter = Waves(rng, (350, 900), 1.0)
        self._heading_rad = rng.uniform(0.15, np.pi / 2 - 0.15)
        self._stray = Waves(rng, (900, 2500), 0.22)

    def urban(self, points_m: Float64Array) -> Float64Array:
        """Return how urban points (N, 2) are: 1 in a town's centre, 0 at its edge, negative outside."""
        distance = np.linalg.norm(points_m[:, None] - self._towns, axis=2) / self._radius_m
        return np.asarray(1 - distance.min(1) + self._ragged(points_m), dtype=np.float64)

    def heading_rad(self, point_m: Float64Array) -> float:
        """Return the direction that the streets about a point (2,) follow or cross."""
        return self._heading_rad + float(self._stray(point_m[None])[0])

    def bend(self, points_m: Float64Array) -> Float64Array:
        """Return the positions in the world of points (N, 2) of the straight plan."""
        return points_m + np.stack([wave(points_m) for wave in self._bend], 1)

    def turn(self, centre_m: Float64Array, axis: Float64Array) -> Float64Array:
        """Return the direction (2,) that a unit axis of the straight plan has in the world."""
        ends = self.bend(np.stack([centre_m - axis, centre_m + axis]))
        bent: Float64Array = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        return bent


@dataclass(frozen=True)
class _Rank:
    kind: RoadKind
    width_m: float


def lay_out(plan: Plan, lie: Lie, seed: int) -> list[Block]:
    """Cut the land into blocks along streets, put the roads into `plan`, return the unbent blocks."""
    rng = stream(seed, "streets")
    size = plan.size_m
    low, high = -_MARGIN_M, size + _MARGIN_M
    square = np.array([[low, low], [high, low], [high, high], [low, high]])

    def target_m2(centre: Float64Array) -> float:
        urban = float(lie.urban(centre[None])[0])
        if urban < 0:
            return float(rng.uniform(*_FIELD_M2))
        return float(rng.uniform(9e3, 19e3) * (0.55 if urban > 0.6 else 1.0))

    cells, cuts = geo.partition(square, rng, target_m2, skew_rad=0.09, heading_rad=lie.heading_rad)
    for segment, depth in cuts:
        rank = _rank(depth, float(lie.urban(segment.mean(0, keepdims=True))[0]), rng)
        if rank is not None:
            points = lie.bend(geo.densify(segment, 8.0))
            plan.roads.append(Road(points, rank.width_m, rank.kind))
    _main_roads(plan, rng)
    _waters_and_rails(plan, rng)
    return [_block(cell, lie, rng) for cell in cells]


def _rank(depth: int, urban: float, rng: np.random.Generator) -> _Rank | None:
    """Return the rank of a cut: early cuts become wide roads, late ones narrow or, in open country, none."""
    if depth <= 2:
        return _Rank(RoadKind.AVENUE, 9.5)
    if urban > 0.0:
        return _Rank(RoadKind.STREET, 7.0 if depth <= 5 else rng.choice([5.0, 6.0, 6.5]))
    if depth <= 4:
        return _Rank(RoadKind.LANE, 4.5)
    return _Rank(RoadKind.TRACK, 2.8) if rng.uniform() < 0.4 else None


def _main_roads(plan: Plan, rng: np.random.Generator) -> None:
    size, heading = plan.size_m, rng.uniform(0, np.pi)
    for turn in (0.0, rng.uniform(1.1, 1.9)):
        axis = np.array([np.cos(heading + turn), np.sin(heading + turn)])
        side = np.array([-axis[1], axis[0]])
        centre = np.full(2, size / 2) + side * rng.uniform(-0.18, 0.18) * size
        reach = axis * size
        curve = geo.meander(rng, centre - reach, centre + reach, 0.03 * size, 0.9 * size)
        plan.roads.append(Road(curve, 12.5, RoadKind.MAIN))
        for at in rng.uniform(0.36, 0.64, 3):
            x, y = (float(c) for c in curve[int(at * len(curve))])
            if all(np.hypot(x - other[0], y - other[1]) > 150 for other in plan.roundabouts):
                plan.roundabouts.append((x, y, float(rng.uniform(15, 21))))


def _waters_and_rails(plan: Plan, rng: np.random.Generator) -> None:
    size = plan.size_m
    for kind, width_m in (("river", rng.uniform(14, 26)), ("creek", rng.uniform(3.5, 6)), ("rail", 8.0)):
        heading = rng.uniform(0, 2 * np.pi)
        axis = np.array([np.cos(heading), np.sin(heading)])
        offset = rng.choice([-1, 1]) * rng.uniform(0.16, 0.36) * size
        centre = np.full(2, size / 2) + np.array([-axis[1], axis[0]]) * offset
        sway, wavelength = (0.035, 1.3) if kind == "rail" else (0.055, 0.5)
        curve = geo.meander(rng, centre - axis * size, centre + axis * size, sway * size, wavelength * size)
        (plan.railways if kind == "rail" else plan.rivers).append(Road(curve, float(width_m), RoadKind.TRACK))


_TOWN_USES = {
    Use.HOUSES: 0.70,
    Use.FLATS: 0.09,
    Use.PARK: 0.06,
    Use.SPORTS: 0.05,
    Use.CARPARK: 0.05,
    Use.ALLOTMENTS: 0.05,
}
_HEART_USES = {Use.CORE: 0.76, Use.CARPARK: 0.09, Use.PARK: 0.08, Use.FLATS: 0.07}
_WORKS_USES = {Use.WORKS: 0.80, Use.CARPARK: 0.12, Use.MEADOW: 0.08}
_LAND_USES = {Use.FIELD: 0.70, Use.MEADOW: 0.12, Use.ORCHARD: 0.06, Use.FARM: 0.09, Use.WOOD: 0.03}


def _block(cell: Float64Array, lie: Lie, rng: np.random.Generator) -> Block:
    centre = cell.mean(0, keepdims=True)
    urban, quarter = float(lie.urban(centre)[0]), float(lie.quarter(centre)[0])
    if urban < 0:
        uses = {Use.WOOD: 1.0} if quarter > 0.9 else _LAND_USES
    elif urban > 0.62:
        uses = _HEART_USES
    else:
        uses = _WORKS_USES if quarter < -0.85 else _TOWN_USES
    choice = rng.choice(len(uses), p=list(uses.values()))
    return Block(cell, list(uses)[int(choice)], urban)
