# SPDX-License-Identifier: Apache-2.0
"""Defines the data types of a landscape plan: surfaces, roads, blocks, buildings, trees.

A plan does not depend on the date. Coordinates are metres east of the west edge and metres *south* of the
north edge, like pixels.
"""

from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto

import numpy as np

from geoloc.arrays import Float64Array


class Surface(IntEnum):
    """Material of the ground or of an object on it, which determines colour and texture."""

    LAWN = 0
    MEADOW = auto()
    WOODFLOOR = auto()
    SOIL = auto()
    CEREAL = auto()
    STUBBLE = auto()
    GREENCROP = auto()
    RAPESEED = auto()
    ASPHALT = auto()
    ROAD = auto()
    PAVING = auto()
    CONCRETE = auto()
    GRAVEL = auto()
    DIRT = auto()
    SAND = auto()
    WATER = auto()
    POOL = auto()
    TURF = auto()
    TARTAN = auto()
    PAINT = auto()
    HEDGE = auto()
    BALLAST = auto()
    STEEL = auto()
    ROOF = auto()
    TREE = auto()
    VEHICLE = auto()


class Roof(Enum):
    """The shape of a roof."""

    GABLE = auto()
    HIP = auto()
    FLAT = auto()


class RoadKind(IntEnum):
    """Rank of a road; a higher rank is painted over a lower one."""

    TRACK = 0
    LANE = 1
    STREET = 2
    AVENUE = 3
    MAIN = 4


class Use(Enum):
    """Use of a block of land."""

    CORE = auto()
    HOUSES = auto()
    FLATS = auto()
    WORKS = auto()
    PARK = auto()
    SPORTS = auto()
    CARPARK = auto()
    ALLOTMENTS = auto()
    FIELD = auto()
    MEADOW = auto()
    WOOD = auto()
    ORCHARD = auto()
    FARM = auto()


ALWAYS, ONLY_FIRST, ONLY_LATER = -1, 0, 1


@dataclass(frozen=True)
class Road:
    """A centre line (N, 2) with a carriageway width."""

    points: Float64Array
    width_m: float
    kind: RoadKind


@dataclass(frozen=True)
class Block:
    """Land between streets: convex outline before bending, its use, how urban it is (0 edge, 1 centre)."""

    outline: Float64Array
    use: Use
    urban: float


@dataclass(frozen=True)
class SurfacePatch:
    """A filled outline (N, 2) of one surface; `tint` multiplies its colour."""

    outline: Float64Array
    surface: Surface
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Stroke:
    """A line (N, 2) of one surface, `width_m` wide, `height_m` tall."""

    points: Float64Array
    width_m: float
    surface: Surface
    height_m: float = 0.0


@dataclass(frozen=True)
class Field:
    """Farmland: outline (N, 2), direction of work, machine width, and one crop for each date (cyclic)."""

    outline: Float64Array
    angle_rad: float
    swath_m: float
    crops: tuple[Surface, ...]
    seed: int


@dataclass(frozen=True)
class Building:
    """A rectangle (4, 2), corners 0-1 along the ridge; `presence` is ALWAYS, ONLY_FIRST or ONLY_LATER."""

    corners: Float64Array
    eave_m: float
    rise_m: float
    roof: Roof
    colour: tuple[float, float, float]
    presence: int = ALWAYS


@dataclass
class Plan:
    """The parts of a landscape that are the same on all dates, and the places of the parts that change.

    `trees` holds rows (x, y, crown radius, height, kind 0 broadleaf | 1 conifer, shade 0..1);
    `stalls` rows (x, y, direction rad, probability of a vehicle, length m).
    """

    size_m: float
    ground: Float64Array = field(default_factory=lambda: np.empty((0, 2)))
    patches: list[SurfacePatch] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)
    rivers: list[Road] = field(default_factory=list)
    railways: list[Road] = field(default_factory=list)
    roundabouts: list[tuple[float, float, float]] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    trees: list[Float64Array] = field(default_factory=list)
    stalls: list[Float64Array] = field(default_factory=list)
