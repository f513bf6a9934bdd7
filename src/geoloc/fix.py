# SPDX-License-Identifier: Apache-2.0
"""The answer for one frame: a position and its covariance, or the reason why there is none."""

import math
from dataclasses import dataclass, replace

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import FrameRefused, Reason


@dataclass(frozen=True)
class Candidates:
    """The tiles most similar to the view, best first; every array has the same length (k or fewer)."""

    ids: Int64Array
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    east_m: Float64Array
    north_m: Float64Array
    score: Float64Array

    @classmethod
    def none(cls) -> "Candidates":
        """Return no candidates, for a frame that was never looked up."""
        empty = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


@dataclass(frozen=True)
class Fix:
    """Where the camera was at `stamp_ns`, or why that is not known.

    Attributes:
        stamp_ns: stamp of the image the answer belongs to.
        latitude_deg, longitude_deg: camera position, WGS 84; NaN without a position.
        east_m, north_m: the same in the map's frame; NaN without a position.
        covariance_m2: (2, 2) east-north, metres²; NaN without a position.
        reason: why a frame was refused; None for a position, and where there was no frame to refuse.
        sentence: what was wrong; empty without a reason.
        candidates: the best tiles, also of a refused frame that was looked up.
        is_calibrated: whether the covariance was measured against truth, with this model.
        is_refined: whether the view was registered with the map's picture.
        attitude_m: standard deviation per axis that the attitude's error adds; 0 without a position.
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

    @property
    def has_position(self) -> bool:
        """Whether there is a position."""
        return math.isfinite(self.latitude_deg) and math.isfinite(self.longitude_deg)

    @classmethod
    def refused(cls, stamp_ns: int, refusal: FrameRefused, candidates: Candidates | None = None) -> "Fix":
        """Return the fix of a refused frame: no position, and the reason."""
        known = Candidates.none() if candidates is None else candidates
        return replace(cls.none(stamp_ns), reason=refusal.reason, sentence=refusal.sentence, candidates=known)

    @classmethod
    def none(cls, stamp_ns: int) -> "Fix":
        """Return no position and no reason: no frame came, or another node gave the reason."""
        nan = math.nan
        return cls(stamp_ns, nan, nan, nan, nan, np.full((2, 2), nan), None, "", Candidates.none())
