# SPDX-License-Identifier: Apache-2.0
"""The answer for one frame: a position with its covariance, or the reason for the refusal."""

import math
from dataclasses import dataclass, replace

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import FrameRefused, Reason


@dataclass(frozen=True)
class Candidates:
    """The tiles most similar to a view, best first; all arrays have the same length, at most k."""

    ids: Int64Array
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    east_m: Float64Array
    north_m: Float64Array
    score: Float64Array

    @classmethod
    def none(cls) -> "Candidates":
        """Return empty candidates, for a frame without a look-up."""
        empty = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


@dataclass(frozen=True)
class Fix:
    """Position of the camera at `stamp_ns`, or the reason why it is unknown.

    Attributes:
        stamp_ns: stamp of the image.
        latitude_deg, longitude_deg: position of the camera, WGS 84; NaN if unknown.
        east_m, north_m: the same position in the map's frame; NaN if unknown.
        covariance_m2: covariance (2, 2) of the position, east-north, metres²; NaN if unknown.
        reason: reason for the refusal; None with a position, without a frame, or if an earlier node refused
            the frame.
        sentence: explanation of the reason; empty without a reason.
        candidates: best tiles of the look-up, also if the frame was refused after it.
        is_calibrated: whether the covariance was calibrated against truth with this model.
        is_refined: whether the view was registered with the map's imagery.
        attitude_m: standard deviation that the attitude's error adds, in the direction in which it is least;
            0 without a position.
        height_m: height of the camera above ground, as corrected by the filter; NaN if unknown.
    """

    stamp_ns: int
    latitude_deg: float
    longitude_deg: float
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    reason: Reason | None
    sentence: str
    candidates: Candidates
    is_calibrated: bool = False
    is_refined: bool = False
    attitude_m: float = 0.0
    height_m: float = math.nan

    @property
    def has_position(self) -> bool:
        """Whether there is a position."""
        return math.isfinite(self.latitude_deg) and math.isfinite(self.longitude_deg)

    @classmethod
    def refused(cls, stamp_ns: int, refusal: FrameRefused, candidates: Candidates | None = None) -> "Fix":
        """Return the fix of a refused frame, which has a reason and no position."""
        known = Candidates.none() if candidates is None else candidates
        return replace(cls.none(stamp_ns), reason=refusal.reason, sentence=refusal.sentence, candidates=known)

    @classmethod
    def none(cls, stamp_ns: int) -> "Fix":
        """Return a fix without position and reason: no frame came, or an earlier node refused it."""
        nan = math.nan
        return cls(stamp_ns, nan, nan, nan, nan, np.full((2, 2), nan), None, "", Candidates.none())
