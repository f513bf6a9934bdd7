# SPDX-License-Identifier: Apache-2.0
"""Places buildings, trees and parked cars, and bends positions on the straight plan into the world."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.streets import Lie
from geoloc_lab.world.town_plan import ALWAYS, Building, Plan, Roof, Stroke, Surface, SurfacePatch

Option = TypeVar("Option")

_STALL_M = 2.6
_CAR_M = 4.4


class Site:
    """A plan to be filled; all positions passed to it are on the straight plan.

    Args:
        plan: plan that receives the placed objects.
        lie: bend from the straight plan into the world.
        rng: random generator for sizes, colours and places.
    """

    def __init__(self, plan: Plan, lie: Lie, rng: np.random.Generator) -> None:
        self.plan, self.lie, self.rng = plan, lie, rng

    def bent(self, points: Float64Array, closed: bool = False) -> Float64Array:
        """Return a polyline or outline (N, 2) in the world, with enough points to follow the bend."""
        return self.lie.bend(geo.densify(np.asarray(points), 12.0, closed))

    def tint(self, spread: float) -> tuple[float, float, float]:
        """Sample colour factors near 1 for red, green and blue."""
        r, g, b = self.rng.normal(1, spread) * self.rng.normal(1, spread / 3, 3)
        return float(r), float(g), float(b)

    def pick(self, options: Sequence[Option]) -> Option:
        """Sample one of the options."""
        return options[int(self.rng.integers(len(options)))]

    def build(
        self,
        centre: Float64Array,
        axis: Float64Array,
        length_m: float,
        width_m: float,
        eave_m: float,
        roof: Roof,
        colour: tuple[float, float, float],
        presence: int = ALWAYS,
    ) -> None:
        """Place a building; the ridge of a pitched roof runs along the longer side."""
        if width_m > length_m:
            axis, length_m, width_m = np.array([-axis[1], axis[0]]), width_m, length_m
        place = self.lie.bend(centre[None])[0]
        corners = geo.rectangle(place, self.lie.turn(centre, axis), float(length_m), float(width_m))
        rise_m = 0.0 if roof is Roof.FLAT else float(width_m / 2 * self.rng.uniform(0.5, 0.9))
        self.plan.buildings.append(Building(corners, float(eave_m), rise_m, roof, colour, presence))

    def trees(self, points: Float64Array, radius_m: tuple[float, float], conifers: float = 0.15) -> None:
        """Plant trees at points (N, 2); `conifers` is the share of conifers."""
        count = len(points)
        if count == 0:
            return
        radius = self.rng.uniform(*radius_m, count)
        conifer = (self.rng.uniform(size=count) < conifers).astype(float)
        height = radius * self.rng.uniform(1.6, 2.6, count) * (1 + 0.4 * conifer) + 1.0
        shade = self.rng.uniform(size=count)
        self.plan.trees.append(
            np.column_stack([self.lie.bend(points), radius * (1 - 0.3 * conifer), height, conifer, shade])
        )

    def stall(
        self, centre: Float64Array, axis: Float64Array, probability: float, length_m: float = _CAR_M
    ) -> None:
        """Place a stall that holds a vehicle on a date with this probability."""
        place, turned = self.lie.bend(centre[None])[0], self.lie.turn(centre, axis)
        self.plan.stalls.append(np.array([[*place, np.arctan2(turned[1], turned[0]), probability, length_m]]))

    def parking(self, centre: Float64Array, axis: Float64Array, length_m: float, rows: int) -> None:
        """Place one row of stalls, or two facing ones, with their painted lines."""
        if length_m < 3 * _STALL_M:
            return
        side = np.array([-axis[1], axis[0]])
        ground = geo.rectangle(centre, axis, length_m + 2, rows * 5.2 + 1)
        self.plan.patches.append(SurfacePatch(self.bent(ground), Surface.ASPHALT, self.tint(0.06)))
        busy = self.rng.uniform(0.2, 0.85)
        at = np.arange(-length_m / 2, length_m / 2, _STALL_M)
        for row in np.arange(rows) * 5.2 - (rows - 1) * 2.6:
            bays = centre + axis * (at[:-1, None] + _STALL_M / 2) + side * row
            turned = self.lie.turn(centre, side)
            angle = np.full(len(bays), np.arctan2(turned[1], turned[0]))
            self.plan.stalls.append(
                np.column_stack(
                    [self.lie.bend(bays), angle, np.full(len(bays), busy), np.full(len(bays), _CAR_M)]
                )
            )
            for offset in at:
                line = centre + axis * offset + side * (row + np.array([[-2.4], [2.4]]))
                self.plan.strokes.append(Stroke(self.lie.bend(line), 0.15, Surface.PAINT))
