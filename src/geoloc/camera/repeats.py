# SPDX-License-Identifier: Apache-2.0
"""Refuse a picture that the camera repeats: it is no new look at the ground, and belongs to another time.

No sensor gives the same pixels twice. A driver does that hangs, or that publishes faster than its sensor.
A simulated camera that stands still does, too, so there must be a sign of motion.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import UInt8Array
from geoloc.camera.views import View
from geoloc.errors import FrameRefused, Reason

_REMEDY = "restart the camera or its driver, or lower its rate to that of its sensor"


class RepeatedImages:
    """Compares each frame with the one before: the same pixels, although attitude or height have changed."""

    def __init__(self) -> None:
        self._first: tuple[UInt8Array, View] | None = None

    def check(self, image_rgb: UInt8Array, view: View) -> None:
        """Compare a frame (H, W, 3), and its view, with the one before.

        Raises:
            FrameRefused: with `Reason.REPEATED_IMAGE`.
        """
        first = self._first
        is_later = first is not None and view.stamp_ns > first[1].stamp_ns
        if first is None or not is_later or not _same(image_rgb, first[0]):
            self._first = image_rgb, view
        elif not _same(view.images, first[1].images):  # from one frame, one pose gives one view
            since_s = (view.stamp_ns - first[1].stamp_ns) / 1e9
            raise FrameRefused(
                Reason.REPEATED_IMAGE,
                f"the image repeats that of {since_s:.2f} s before, pixel for pixel, although attitude or "
                f"height have changed; {_REMEDY}.",
            )


class RepeatedLooks:
    """Compares each descriptor with the one before: the same numbers, although odometry moved.

    It notices what `RepeatedImages` cannot: a camera that a gimbal holds level, at a constant height.

    Args:
        moved_m: function that returns the distance in metres that odometry moved between two stamps in
            nanoseconds; None if unknown.
        least_m: distance in metres from which the ground in view has changed.
    """

    def __init__(self, moved_m: Callable[[int, int], float | None], least_m: float) -> None:
        self._moved_m, self._least_m = moved_m, least_m
        self._first: tuple[NDArray[np.floating], int] | None = None

    def check(self, stamp_ns: int, descriptors: NDArray[np.floating]) -> None:
        """Compare the descriptors (n, D) of a frame with those before.

        Raises:
            FrameRefused: with `Reason.REPEATED_IMAGE`.
        """
        first = self._first
        if first is None or stamp_ns <= first[1] or not _same(descriptors, first[0]):
            self._first = descriptors, stamp_ns
            return
        moved_m = self._moved_m(first[1], stamp_ns)
        if moved_m is not None and moved_m > self._least_m:
            raise FrameRefused(
                Reason.REPEATED_IMAGE,
                f"the view repeats that of {(stamp_ns - first[1]) / 1e9:.2f} s before, although odom has "
                f"moved by {moved_m:.1f} m; {_REMEDY}.",
            )


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether two arrays are equal; a few rows tell most apart."""
    return one.shape == other.shape and np.array_equal(one[::32], other[::32]) and np.array_equal(one, other)
