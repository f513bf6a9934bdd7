# SPDX-License-Identifier: Apache-2.0
"""The contract of refinement methods: a patch of the map in, the registration of a view with it out."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.raster.colours import Rgb

REGISTRATION_M = 0.4  # per axis, of one date of good imagery on another (NAIP: 0.4 to 0.7 m, median)
MAX_HEADING_ERROR_DEG = 10.0  # largest error of the heading that is searched for
MAX_SCALE_ERROR = 0.12  # largest relative error of the view's width, and so of the height above ground


class Verdict(str, Enum):
    """Whether a view shows a place, by its geometry; the value is what logs and reports show."""

    CONFIRMED = "confirmed"
    UNDECIDED = "undecided"
    CONTRADICTED = "contradicted"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Patch:
    """The map around a place, at a view's resolution: a view of S pixels is searched for anywhere in it.

    Attributes:
        rgb: uint8 (P, P, 3), P from S to 2S, north up, 0 where there is no imagery.
        valid: bool (P, P), where there is imagery.
        gsd_m: metres per pixel.
    """

    rgb: Rgb
    valid: BoolArray
    gsd_m: float


@dataclass(frozen=True, eq=False)
class Registration:
    """How a view lies on the map; every number but score and inliers is NaN without a place.

    Attributes:
        verdict: whether the view shows the place; trust the numbers only where it is CONFIRMED.
        score: larger is better, comparable within a method: a correlation, or inliers.
        east_m, north_m: the view's centre; a method gives it relative to the patch's centre.
        covariance_m2: (2, 2) of that, east-north, given that this is the place.
        rotation_rad: where the view's top points, clockwise from north.
        scale: width of the ground in the view over the assumed width.
        inliers: matched points that agree with one another; 0 for methods without points.
        sentence: the grounds of the verdict, with the measured value and the limit.
    """

    verdict: Verdict
    score: float
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    rotation_rad: float
    scale: float
    inliers: int
    sentence: str

    @classmethod
    def nothing(cls, verdict: Verdict, sentence: str, score: float = 0.0, inliers: int = 0) -> "Registration":
        """Return a verdict without a place."""
        nan = math.nan
        return cls(verdict, score, nan, nan, np.full((2, 2), nan), nan, nan, inliers, sentence)


class Method(Protocol):
    """A method to register a view with a patch."""

    @property
    def name(self) -> str:
        """Its name among `geoloc.refine.METHODS`."""

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Register a view, uint8 (S, S, 3), with a wider patch."""
