# SPDX-License-Identifier: Apache-2.0
"""Displacement between two stamps by odometry, if odometry can be trusted."""

import math
import threading
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.camera.stamped import StampedBuffer

_KEPT = 4000
_MAX_GAP_S = 1.0
_MAX_EXTRAPOLATION_S = 0.3
_JITTER_M = 1.0  # largest error of a sample that does not count as a jump
_FAILURES = 5  # failures in a row that are a fault; a single jump, or a late sample, is normal


@dataclass(frozen=True, eq=False)
class Displacement:
    """Displacement between two stamps by odometry.

    Attributes:
        shift_m: displacement (2,) along the axes of odometry.
        covariance_m2: growth (2, 2) of the covariance that odometry claims; None if unknown.
    """

    shift_m: Float64Array
    covariance_m2: Float64Array | None = None


class Odometer:
    """Buffer of odometry by stamp; one thread may add samples while another asks for displacements.

    Args:
        max_speed_mps: largest speed; a faster motion counts as a jump.
    """

    def __init__(self, max_speed_mps: float) -> None:
        self._max_speed_mps = max_speed_mps
        self._samples: StampedBuffer[tuple[Float64Array, Float64Array | None]] = StampedBuffer(_KEPT)
        self._lock = threading.Lock()
        self._failures = 0
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why no displacement can be taken from odometry; empty if it can, or if it has not begun."""
        return self._fault if self._failures >= _FAILURES else ""

    def add(
        self, stamp_ns: int, position_m: tuple[float, float], covariance_m2: Float64Array | None = None
    ) -> None:
        """Insert a sample by its stamp; a position that is not finite is a fault, and is left out.

        Args:
            stamp_ns: stamp of the sample. If it jumps back by more than a second, the buffer is cleared.
            position_m: position in odometry's frame, whose axes are east and north if `odom_heading_known`.
            covariance_m2: covariance (2, 2) of the position; None or zeros if unknown.
        """
        if not all(map(math.isfinite, position_m)):
            self._fail("its position is not finite; check its source")
            return
        with self._lock:
            if self._samples.jumps_back(stamp_ns):
                self._samples.clear()
            self._samples.add(stamp_ns, (np.array(position_m, dtype=np.float64), _usable(covariance_m2)))

    def between(self, from_ns: int, to_ns: int) -> Displacement | None:
        """Return the displacement; None if odometry jumps, has a gap, or does not reach the stamps."""
        with self._lock:
            samples = self._samples.span(from_ns, to_ns)
            if len(samples) == 1:  # the newest one; the motion after it continues that before it
                samples = self._samples.span(samples[0][0] - 1, to_ns)
        if not samples:
            return None
        stamps_s = np.array([(stamp_ns - from_ns) / 1e9 for stamp_ns, _ in samples])
        duration_s = (to_ns - from_ns) / 1e9
        ahead_s, behind_s = float(stamps_s[0]), float(duration_s - stamps_s[-1])
        if len(samples) < 2 or max(ahead_s, behind_s) > _MAX_EXTRAPOLATION_S:
            self._fail(_out_of_reach(ahead_s, behind_s))
            return None
        places_m = np.array([place_m for _, (place_m, _) in samples])
        gaps_s = np.diff(stamps_s)
        steps_m = np.linalg.norm(np.diff(places_m, axis=0), axis=1)
        jumps = steps_m > self._max_speed_mps * gaps_s + _JITTER_M
        if gaps_s.max() > _MAX_GAP_S:
            self._fail(
                f"its samples are {gaps_s.max():.1f} s apart, more than {_MAX_GAP_S:g} s; raise its rate"
            )
            return None
        if jumps.any():
            worst = int(np.argmax(steps_m * jumps))
            self._fail(
                f"it moves {steps_m[worst]:.0f} m in {gaps_s[worst]:.2f} s, faster than max_speed_mps "
                f"{self._max_speed_mps:g}; check that it is in metres"
            )
            return None
        self._failures = 0
        shift_m = _place(stamps_s, places_m, duration_s) - _place(stamps_s, places_m, 0.0)
        return Displacement(shift_m, _growth(samples[0][1][1], samples[-1][1][1]))

    def _fail(self, fault: str) -> None:
        """Count a failure; `fault` reports only several in a row."""
        self._failures, self._fault = self._failures + 1, fault


def _out_of_reach(ahead_s: float, behind_s: float) -> str:
    """Return the fault of odometry that begins after the last frame, or ends before this one."""
    if ahead_s > behind_s:
        return f"its first sample is {ahead_s:.1f} s newer than the last frame; check its clock"
    return f"its last sample is {behind_s:.1f} s older than the frame; check that it runs, and its clock"


def _place(stamps_s: Float64Array, places_m: Float64Array, at_s: float) -> Float64Array:
    """Interpolate a place, or extrapolate it from the two nearest samples."""
    after = int(np.clip(np.searchsorted(stamps_s, at_s), 1, len(stamps_s) - 1))
    start_s, end_s = stamps_s[after - 1], stamps_s[after]
    share = (at_s - start_s) / (end_s - start_s)
    return np.asarray((1 - share) * places_m[after - 1] + share * places_m[after])


def _usable(covariance_m2: Float64Array | None) -> Float64Array | None:
    """Return the covariance made symmetric; None unless it is finite, not negative and not zero."""
    if covariance_m2 is None or not np.isfinite(covariance_m2).all():
        return None
    symmetric = np.asarray((covariance_m2 + covariance_m2.T) / 2.0)
    lowest, highest = np.linalg.eigvalsh(symmetric)
    return symmetric if lowest >= 0.0 and highest > 0.0 else None


def _growth(before: Float64Array | None, after: Float64Array | None) -> Float64Array | None:
    """Return the growth of odometry's covariance; None if it shrank or is unknown."""
    return None if before is None or after is None else _usable(after - before)
