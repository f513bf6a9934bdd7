# SPDX-License-Identifier: Apache-2.0
"""A hint: a position from another source, such as GNSS or the pilot, weighed as one measurement among others.

The likelihood of a place x under a hint with mean m and covariance S, relative to the average place of a map
of area A, is

    L(x) = (1 - o) A N(x; m, S) + o

where o is the share of hints that are wrong and say nothing about the place. So no hint can rule out a place.
The hints of one source share their error, because a receiver that is wrong stays wrong. So L is raised to an
exponent that grows with the time since the last hint: a stream counts as one hint in each `_SAME_ERROR_S`.

A hint that the track contradicts does not move it. It only makes it likelier that the track is wrong.
"""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import HintRefused

WRONG_IN_SEARCH = 0.005
"""Share of wrong hints in a search; small enough to answer a first hint at once at the default confidence."""

WRONG_ON_TRACK = 0.05
"""Share of wrong hints on a track: GNSS is jammed and spoofed where drones fly by camera."""

_SAME_ERROR_S = 30.0
_MIN_SIGMA_PITCHES = 0.25
_UNKNOWN_SIGMA_M = 30.0
_CONTRADICTION = 13.8  # squared normalized distance that one right hint in a thousand exceeds


class HintVerdict(Enum):
    """What became of a hint."""

    STARTED = "started the track"
    NARROWED = "narrowed the search"
    AGREED = "agreed with the track"
    CONTRADICTED = "contradicted the track"


@dataclass(frozen=True)
class WeighedHint:
    """A hint that the filter has weighed.

    Attributes:
        stamp_ns: stamp of the hint.
        verdict: what became of it.
        sigma_m: its largest standard deviation.
        distance_m: distance from the track; NaN if there was none.
    """

    stamp_ns: int
    verdict: HintVerdict
    sigma_m: float
    distance_m: float


@dataclass(frozen=True, eq=False)
class Hint:
    """A position that another source gives.

    Attributes:
        mean_m: position (2,) in the map's frame.
        covariance_m2: covariance (2, 2), positive definite.
        remark: sentence about a covariance that had to be replaced; empty if it was used.
    """

    mean_m: Float64Array
    covariance_m2: Float64Array
    remark: str = ""

    @classmethod
    def of(
        cls, mean_m: Float64Array, covariance_m2: Float64Array | None, pitch_m: float, widest_m: float
    ) -> "Hint":
        """Return the hint of a position whose covariance may be missing, invalid or too small.

        Args:
            mean_m: position (2,) in the map's frame.
            covariance_m2: covariance (2, 2); a wide one is assumed if it is None, zeros or invalid.
            pitch_m: pitch of the map's tiles; a quarter of it is added as standard deviation per axis.
            widest_m: standard deviation from which on a hint says nothing, the diagonal of the map.

        Raises:
            HintRefused: if the covariance is as wide as the map.
        """
        problem = _problem(covariance_m2)
        if covariance_m2 is None or problem:
            remark = (
                f"the covariance of the initial fix {problem}, so {_UNKNOWN_SIGMA_M:g} m are assumed; "
                "send position_covariance in square metres."
            )
            return cls(np.asarray(mean_m), np.eye(2) * _UNKNOWN_SIGMA_M**2, remark)
        least_m2 = np.eye(2) * (_MIN_SIGMA_PITCHES * pitch_m) ** 2
        hint = cls(np.asarray(mean_m), (covariance_m2 + covariance_m2.T) / 2.0 + least_m2)
        if not hint.sigma_m < widest_m:
            raise HintRefused(
                f"the initial fix has a standard deviation of {hint.sigma_m:.0f} m, as wide as the map, "
                f"whose diagonal is {widest_m:.0f} m; send one that says more."
            )
        return hint

    @property
    def sigma_m(self) -> float:
        """Largest standard deviation in any direction."""
        if not np.isfinite(self.covariance_m2).all():
            return math.inf
        return math.sqrt(float(np.linalg.eigvalsh(self.covariance_m2)[-1]))

    def density(self, points_m: Float64Array, blur_m: Float64Array | float = 0.0) -> Float64Array:
        """Return the density of the hint at points (..., 2), per square metre.

        Args:
            points_m: east and north of the points.
            blur_m: standard deviation (...,) that is added, so that no hint falls between coarse points.
        """
        blur_m2 = np.square(blur_m)
        ee, nn = self.covariance_m2[0, 0] + blur_m2, self.covariance_m2[1, 1] + blur_m2
        en = self.covariance_m2[0, 1]
        determinant = ee * nn - en**2
        east_m, north_m = np.moveaxis(points_m - self.mean_m, -1, 0)
        power = (nn * east_m**2 - 2.0 * en * east_m * north_m + ee * north_m**2) / determinant
        return np.asarray(np.exp(-power / 2.0) / (2.0 * math.pi * np.sqrt(determinant)))

    def is_contradicted_by(self, mean_m: Float64Array, covariance_m2: Float64Array) -> bool:
        """Return whether a track with this mean (2,) and covariance (2, 2) rules the hint out."""
        away_m = self.mean_m - mean_m
        return bool(away_m @ np.linalg.solve(self.covariance_m2 + covariance_m2, away_m) > _CONTRADICTION)


def likelihood(relative_density: Float64Array, wrong_share: float) -> Float64Array:
    """Return the likelihood of places whose density under a hint is relative to the average place."""
    return (1.0 - wrong_share) * relative_density + wrong_share


def exponent(since_s: float) -> float:
    """Return the exponent of a hint from the time since the last one; inf for the first."""
    return -math.expm1(-since_s / _SAME_ERROR_S)


def _problem(covariance_m2: Float64Array | None) -> str:
    """Return what is wrong with a covariance, as the end of a sentence; empty if nothing is."""
    if covariance_m2 is None:
        return "is unknown"
    if np.isnan(covariance_m2).any():
        return "holds NaN"
    if not covariance_m2.any():
        return "is zero"
    if np.isinf(covariance_m2).any():
        return ""  # as wide as can be
    return "is negative" if np.linalg.eigvalsh((covariance_m2 + covariance_m2.T) / 2.0)[0] < 0.0 else ""
