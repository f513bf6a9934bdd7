# SPDX-License-Identifier: Apache-2.0
"""Contract of refinement methods: each registers a view with a patch of the map."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.raster.colours import Rgb

REGISTRATION_M = 0.4  # error per axis between two dates of good imagery (NAIP: median 0.4 to 0.7 m)
MAX_HEADING_ERROR_DEG = 10.0  # largest error of the heading that is searched for
MAX_SCALE_ERROR = 0.12  # largest relative error of the view's width, and so of the height above ground


class Verdict(str, Enum):
    """Whether the geometry confirms that a view shows a place; logs and reports show the value."""

    CONFIRMED = "confirmed"
    UNDECIDED = "undecided"
    CONTRADICTED = "contradicted"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Patch:
    """Part of the map around a place, at the resolution of the view of S pixels that is searched for in it.

    Attributes:
        rgb: imagery, uint8 (P, P, 3), P from S to 2S, north up, 0 where there is no imagery.
        valid: bool (P, P), True where there is imagery.
        gsd_m: metres per pixel.
    """

    rgb: Rgb
    valid: BoolArray
    gsd_m: float


@dataclass(frozen=True, eq=False)
class Registration:
    """Registration of a view with the map; without a place, all numbers except score and inliers are NaN.

    Attributes:
        verdict: whether the view shows the place; trust the numbers only if it is CONFIRMED.
        score: correlation, or number of inliers; larger is better, and comparable only within a method.
        east_m, north_m: centre of the view; a method gives it relative to the patch's centre.
        covariance_m2: covariance (2, 2) of the centre, east-north, metres², if the place is right.
        rotation_rad: direction of the view's top, clockwise from north.
        scale: ratio of the view's true width on the ground to its assumed width.
        inliers: number of matched points that agree with one another; 0 for methods without points.
        sentence: grounds of the verdict, with the measured value and the limit.
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

    def camera_m(self, offset_m: Float64Array) -> Float64Array:
        """Return the place (2,) of the camera.

        Rotation and scale show how wrong the assumed heading and height were, and so the assumed offset.

        Args:
            offset_m: assumed offset (2,), east and north, from the view's centre to the camera.
        """
        cos, sin = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        to_camera_m = self.scale * np.array([[cos, sin], [-sin, cos]]) @ offset_m
        return np.array([self.east_m, self.north_m]) + to_camera_m


class Method(Protocol):
    """A method to register a view with a patch."""

    @property
    def name(self) -> str:
        """Name of the method, one of `geoloc.refine.METHODS`."""

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Register a view, uint8 (S, S, 3), with a wider patch."""
