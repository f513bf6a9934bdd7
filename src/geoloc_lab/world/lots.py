# SPDX-License-Identifier: Apache-2.0
"""Cuts blocks into lots; samples roof colours and the dates on which a building exists."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.town_plan import ALWAYS, ONLY_FIRST, ONLY_LATER

Tone = tuple[int, int, int]

_CHANGED_SHARE = 0.04
TILES = (
    (168, 92, 70),
    (150, 78, 62),
    (122, 84, 72),
    (108, 100, 96),
    (90, 88, 92),
    (140, 112, 92),
    (176, 120, 88),
)
FLATS = (
    (176, 174, 170),
    (150, 150, 152),
    (120, 120, 122),
    (200, 198, 194),
    (214, 212, 206),
    (136, 128, 118),
)
HALLS = (
    (206, 208, 208),
    (176, 182, 188),
    (150, 152, 156),
    (122, 140, 164),
    (190, 184, 172),
    (164, 120, 104),
)


@dataclass(frozen=True)
class Lot:
    """A lot of a block: outline (N, 2), centre (2,), distance to the street, unit direction to it (2,)."""

    outline: Float64Array
    centre: Float64Array
    street_m: float
    outward: Float64Array

    @property
    def along(self) -> Float64Array:
        """Direction of the street (2,)."""
        return np.array([-self.outward[1], self.outward[0]])


def cut_lots(land: Float64Array, rng: np.random.Generator, low_m2: float, high_m2: float) -> list[Lot]:
    """Cut convex land (N, 2), bounded by streets, into lots of about `low_m2` to `high_m2`."""
    if len(land) < 3:
        return []
    cells, _ = geo.partition(land, rng, lambda _: float(rng.uniform(low_m2, high_m2)), skew_rad=0.03)
    starts, inward = geo.edges(land)
    lots = []
    for cell in cells:
        centre = cell.mean(0)
        distance = np.sum((centre - starts) * inward, 1)
        nearest = int(np.argmin(distance))
        lots.append(Lot(cell, centre, float(distance[nearest]), -inward[nearest]))
    return lots


def draw_presence(rng: np.random.Generator) -> int:
    """Sample the dates on which a building exists; for nearly all buildings, ALWAYS."""
    dice = float(rng.uniform())
    if dice < _CHANGED_SHARE:
        return ONLY_FIRST if dice < _CHANGED_SHARE / 2 else ONLY_LATER
    return ALWAYS


def shaded(rng: np.random.Generator, colour: Tone, spread: float = 0.1) -> tuple[float, float, float]:
    """Sample a colour near the given one."""
    factor = rng.normal(1, spread) * rng.normal(1, spread / 4, 3)
    r, g, b = np.clip(np.array(colour) * factor, 30, 245)
    return float(r), float(g), float(b)
