# SPDX-License-Identifier: Apache-2.0
"""Watches the attitude for values that no sensor measures: all zero, or exactly level, all the time.

A measured attitude is never the same twice. One that rests may still be right: of a gimbal that holds its
camera level, or of a simulation. So it is only said, and refinement checks it against the map. All zero is
different: roll, pitch and yaw of 0 is what a gimbal reports that does not measure.
"""

import cv2
import numpy as np

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.camera.attitude import Quaternion
from geoloc.errors import FrameRefused, Reason

_RESTS_NS = 5_000_000_000
_SAME = 1e-9
_THUMBNAIL = (16, 12)
_MOVED = 0.8  # correlation of two thumbnails, below which the picture has changed


class AttitudeWatch:
    """Remembers since when the attitude has been all zero, or exactly level."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all samples."""
        self._newest_ns = 0
        self._zero_ns: int | None = None
        self._level_ns: int | None = None
        self._picture: Float32Array | None = None

    def add(self, stamp_ns: int, quaternion: Quaternion) -> None:
        """Add a unit quaternion (x, y, z, w)."""
        x, y, z, _ = quaternion
        is_level = abs(x) < _SAME and abs(y) < _SAME
        self._level_ns = _since(self._level_ns, stamp_ns, is_level)
        self._zero_ns = _since(self._zero_ns, stamp_ns, is_level and abs(z) < _SAME)
        self._newest_ns = max(self._newest_ns, stamp_ns)
        if self._zero_ns is None:
            self._picture = None

    @property
    def level_s(self) -> float:
        """Time for which roll and pitch have been exactly 0, seconds; 0 for the first seconds."""
        level_s = _duration_s(self._level_ns, self._newest_ns)
        return level_s if level_s * 1e9 >= _RESTS_NS else 0.0

    def check(self, image_rgb: UInt8Array) -> None:
        """Refuse a frame (H, W, 3) if the attitude has been all zero for seconds, and the picture moves.

        Raises:
            FrameRefused: with `Reason.BAD_ATTITUDE`.
        """
        if self._zero_ns is None:
            return
        picture = _thumbnail(image_rgb)
        if self._picture is None:
            self._picture = picture
        zero_s = _duration_s(self._zero_ns, self._newest_ns)
        if zero_s * 1e9 < _RESTS_NS or float((picture * self._picture).mean()) > _MOVED:
            return
        raise FrameRefused(
            Reason.BAD_ATTITUDE,
            f"roll, pitch and yaw have been exactly 0 for {zero_s:.0f} s while the picture moves, so the "
            "attitude is not measured; check the gimbal or autopilot that publishes imu, or set "
            "accept_zero_attitude to true in a simulation.",
        )


def _since(since_ns: int | None, stamp_ns: int, holds: bool) -> int | None:
    if not holds:
        return None
    return stamp_ns if since_ns is None else min(since_ns, stamp_ns)


def _duration_s(since_ns: int | None, newest_ns: int) -> float:
    return 0.0 if since_ns is None else (newest_ns - since_ns) / 1e9


def _thumbnail(image_rgb: UInt8Array) -> Float32Array:
    """Return a small grey picture of mean 0 and variance 1; of a single colour, zeros."""
    small = cv2.resize(image_rgb, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32).mean(axis=2)
    small -= small.mean()
    return np.asarray(small / max(float(small.std()), 1e-3), dtype=np.float32)
