# SPDX-License-Identifier: Apache-2.0
"""The belief that the filter returns, and the prior that it may start from."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused

_MIN_SIGMA_PITCHES = 0.25
_UNKNOWN_SIGMA_M = 30.0


class State(str, Enum):
    """State of the filter; the topic `state` shows the value."""

    STARTING = "starting"
    TRACKING = "tracking"
    LOST = "lost"
    ALONE = "alone"
    """Each frame is answered by itself, without a filter."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Belief:
    """Belief about the camera's position at `stamp_ns`.

    Attributes:
        stamp_ns: stamp of the frame.
        east_m, north_m: most likely position in the map's frame, also if it is refused.
        covariance_m2: covariance (2, 2) of the position, east-north, metres².
        state: state of the filter.
        probability: probability that the camera is at this place.
        hypothesis_weights: weights (n,) of the hypotheses of heading and height; see `geoloc.hypotheses`.
        refusal: refusal to answer; None if the position is answered.
    """

    stamp_ns: int
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    state: State
    probability: float
    hypothesis_weights: Float64Array
    refusal: FrameRefused | None = None


@dataclass(frozen=True, eq=False)
class Prior:
    """A known position that the filter starts from: mean (2,) in the map's frame and covariance (2, 2)."""

    mean_m: Float64Array
    covariance_m2: Float64Array

    @classmethod
    def of(cls, mean_m: Float64Array, covariance_m2: Float64Array | None, pitch_m: float) -> "Prior":
        """Return the prior of a position whose covariance may be missing, invalid or too small.

        Args:
            mean_m: position (2,) in the map's frame.
            covariance_m2: covariance (2, 2); a wide one is assumed if it is None, zeros or invalid.
            pitch_m: pitch of the map's tiles; a quarter of it is added as standard deviation per axis.
        """
        return cls(np.asarray(mean_m), _usable(covariance_m2, pitch_m))


def _usable(covariance_m2: Float64Array | None, pitch_m: float) -> Float64Array:
    least = np.eye(2) * (_MIN_SIGMA_PITCHES * pitch_m) ** 2
    unknown = np.eye(2) * _UNKNOWN_SIGMA_M**2
    if covariance_m2 is None or not np.isfinite(covariance_m2).all() or not covariance_m2.any():
        return unknown
    symmetric = (covariance_m2 + covariance_m2.T) / 2.0
    return symmetric + least if np.linalg.eigvalsh(symmetric)[0] >= 0.0 else unknown
