# SPDX-License-Identifier: Apache-2.0
"""Methods `sift` and `lightglue`: match points, and fit the similarity transform that most points agree on.

SIFT's patent expired in 2020; OpenCV's SIFT and MAGSAC++ (Barath et al., CVPR 2020) are Apache-2.0.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import (
    MAX_HEADING_ERROR_DEG,
    MAX_SCALE_ERROR,
    REGISTRATION_M,
    Patch,
    Registration,
    Verdict,
)

_RATIO = 0.85  # largest ratio of the distances to the nearest and the second nearest descriptor
_CONTRAST = 0.02  # half of OpenCV's default, because dry ground has little contrast
_INLIER_PX = 3.0
_CONFIRM_INLIERS = 8
_MAX_STRETCH = 1.3  # largest ratio of the two axes, because ground is not sheared
_HEADING_SLACK_DEG, _SCALE_SLACK = 3.0, 0.03


@dataclass(frozen=True, eq=False)
class Matches:
    """Matched points, (n, 2) pixels each: x right, y down, 0 at the centre of the first pixel."""

    view: Float64Array
    patch: Float64Array


class Matcher(Protocol):
    """Matches points of a view with points of a patch."""

    @property
    def name(self) -> str:
        """Name of the method, one of `geoloc.refine.METHODS`."""

    def match(self, view: Rgb, patch: Rgb, valid: BoolArray) -> Matches:
        """Match a view (S, S, 3) with a patch (P, P, 3) where `valid` (P, P) is True."""


class SiftMatcher:
    """SIFT with square-rooted descriptors and the ratio test; see `Matcher`."""

    name = "sift"

    def __init__(self) -> None:
        self._sift = cv2.SIFT.create(contrastThreshold=_CONTRAST)
        self._nearest = cv2.BFMatcher()

    def match(self, view: Rgb, patch: Rgb, valid: BoolArray) -> Matches:
        """Match a view (S, S, 3) with a patch (P, P, 3) where `valid` (P, P) is True."""
        points, described = self._describe(view, None)
        ground, known = self._describe(patch, cv2.erode(valid.astype(np.uint8), np.ones((5, 5), np.uint8)))
        if described is None or known is None or len(known) < 2:
            return Matches(np.empty((0, 2)), np.empty((0, 2)))
        pairs = self._nearest.knnMatch(described, known, k=2)
        good = [first for first, second in pairs if first.distance < _RATIO * second.distance]
        return Matches(points[[pair.queryIdx for pair in good]], ground[[pair.trainIdx for pair in good]])

    def _describe(self, picture: Rgb, mask: Float64Array | None) -> tuple[Float64Array, Float64Array | None]:
        points, described = self._sift.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), mask)
        if described is not None:
            described = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-6))
        return np.array([point.pt for point in points], dtype=np.float64).reshape(-1, 2), described


@dataclass(frozen=True, eq=False)
class Similarity:
    """Similarity transform of points: rotation, scale and shift.

    Attributes:
        rotation_rad: rotation, clockwise in pixels, x right and y down.
        scale: ratio of the length after to the length before.
        shift: image (2,) of the point (0, 0).
        covariance: covariance (2, 2) of the shift, from the residuals of the fit.
    """

    rotation_rad: float
    scale: float
    shift: Float64Array
    covariance: Float64Array


def fit_similarity(before: Float64Array, after: Float64Array) -> Similarity:
    """Fit the similarity from points (n, 2) to points (n, 2) by least squares; n is at least 3."""
    x, y = before.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    values = after.T.ravel()
    inverse = np.linalg.pinv(rows.T @ rows)
    cos, sin, *shift = inverse @ rows.T @ values
    left = values - rows @ (cos, sin, *shift)
    variance = float(left @ left) / (len(values) - 4)
    return Similarity(
        math.atan2(sin, cos), math.hypot(cos, sin), np.array(shift), (variance * inverse)[2:, 2:]
    )


class KeypointRegistration:
    """Registers a view with a patch by matched points; see `geoloc.refine.contract.Method`.

    Points that do not agree are no evidence against a place, because images of two seasons may share no
    points. So the verdict is CONFIRMED or UNDECIDED, and never CONTRADICTED.

    Args:
        matcher: matcher of points.
    """

    def __init__(self, matcher: Matcher) -> None:
        self.name = matcher.name
        self._matcher = matcher
        self._max_turn_rad = math.radians(MAX_HEADING_ERROR_DEG + _HEADING_SLACK_DEG)
        self._max_growth = MAX_SCALE_ERROR + _SCALE_SLACK

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Register a view, uint8 (S, S, 3), with a wider patch."""
        matches = self._matcher.match(view, patch.rgb, patch.valid)
        middle = (len(view) - 1) / 2
        before, after = agreeing(matches.view - middle, matches.patch - (len(patch.rgb) - 1) / 2)
        count = len(before)
        if count < _CONFIRM_INLIERS:
            sentence = f"{count} of {len(matches.view)} matched points agree; {_CONFIRM_INLIERS} are needed"
            return Registration.nothing(Verdict.UNDECIDED, sentence, float(count), count)
        fit = fit_similarity(before, after)
        verdict, sentence = self._judge(fit, count, len(matches.view))
        flip = np.diag([1.0, -1.0]) * patch.gsd_m
        east_m, north_m = flip @ fit.shift
        covariance = fit.covariance + np.eye(2) / 12
        return Registration(
            verdict=verdict,
            score=float(count),
            east_m=float(east_m),
            north_m=float(north_m),
            covariance_m2=flip @ covariance @ flip + np.eye(2) * REGISTRATION_M**2,
            rotation_rad=fit.rotation_rad,
            scale=fit.scale,
            inliers=count,
            sentence=sentence,
        )

    def _judge(self, fit: Similarity, count: int, matched: int) -> tuple[Verdict, str]:
        found = f"{count} of {matched} matched points agree"
        if abs(fit.rotation_rad) > self._max_turn_rad or abs(fit.scale - 1.0) > self._max_growth:
            turn_deg = math.degrees(fit.rotation_rad)
            return (
                Verdict.UNDECIDED,
                f"{found}, but for a view turned by {turn_deg:.0f} degrees and {fit.scale:.2f} times as wide",
            )
        return Verdict.CONFIRMED, found


def agreeing(before: Float64Array, after: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the matched points (n, 2) that fit an affine map of little shear within 3 pixels, if any."""
    none = np.empty((0, 2)), np.empty((0, 2))
    if len(before) < 4:
        return none
    affine, inliers = cv2.estimateAffine2D(
        before,
        after,
        method=cv2.USAC_MAGSAC,
        ransacReprojThreshold=_INLIER_PX,
        maxIters=5000,
        confidence=0.999,
    )
    if affine is None or np.linalg.det(affine[:, :2]) <= 0:
        return none
    long, short = np.linalg.svd(affine[:, :2], compute_uv=False)
    if long > _MAX_STRETCH * short:
        return none
    chosen = inliers.ravel() > 0
    return before[chosen], after[chosen]
