# SPDX-License-Identifier: Apache-2.0
"""What the suite says about one frame: a position and its covariance, or why there is none."""

import math
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import FrameRefused, Reason


@dataclass(frozen=True)
class Candidates:
    """The tiles that look most like the view, best first; every array has the same length (k or fewer)."""

    ids: Int64Array
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    east_m: Float64Array
    north_m: Float64Array
    score: Float64Array

    @classmethod
    def none(cls) -> "Candidates":
        """No candidates, of a frame that was never looked up."""
        empty = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


@dataclass(frozen=True)
class Fix:
    """Where the camera was at `stamp_ns`, or why that is not known.

    Attributes:
        stamp_ns: stamp of the image the answer belongs to.
        latitude_deg, longitude_deg: camera position, WGS 84; NaN where there is a reason.
        east_m, north_m: the same in the map's frame; NaN where there is a reason.
        covariance_m2: (2, 2) east-north, metres²; NaN where there is a reason.
        reason: None for a fix.
        sentence: what was wrong; empty for a fix.
        candidates: the best tiles, also of a refused frame that was looked up.
        is_calibrated: whether the covariance was measured against truth, with this model.
        is_refined: whether the view was laid on the map's picture.
        attitude_m: deviation per axis that the attitude's error has in the covariance; 0 for no fix.
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

    @classmethod
    def refused(cls, stamp_ns: int, refusal: FrameRefused, candidates: Candidates | None = None) -> "Fix":
        """Return the fix of a frame that gets none."""
        nan = math.nan
        unknown = np.full((2, 2), nan)
        known = Candidates.none() if candidates is None else candidates
        return cls(stamp_ns, nan, nan, nan, nan, unknown, refusal.reason, refusal.sentence, known)
