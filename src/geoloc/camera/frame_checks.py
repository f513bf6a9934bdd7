# SPDX-License-Identifier: Apache-2.0
"""What a frame, its height and its attitude must be to be warped at all."""

import math

import numpy as np

from geoloc.arrays import Float64Array, UInt8Array
from geoloc.errors import FrameRefused, Reason

_LONGEST_SIDE = 32_766  # of what OpenCV can remap


def check_frame(image: UInt8Array) -> None:
    """Refuse, as BAD_IMAGE, what is not (H, W, 3) uint8 or larger than can be warped."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.dtype} of shape {image.shape}; RGB uint8 of shape (H, W, 3) is needed",
        )
    if max(image.shape) > _LONGEST_SIDE:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.shape[1]} x {image.shape[0]} pixels; a side may have {_LONGEST_SIDE}",
        )


def check_height(height_m: float) -> None:
    """Refuse, as BAD_HEIGHT, a height above ground that is no positive number of metres."""
    if not (math.isfinite(height_m) and height_m > 0):
        raise FrameRefused(
            Reason.BAD_HEIGHT, f"the height above ground is {height_m} m; a positive number is needed"
        )


def check_rotation(rotation: Float64Array) -> None:
    """Refuse, as BAD_ATTITUDE, what is no rotation (3, 3)."""
    proper = np.shape(rotation) == (3, 3) and np.isfinite(rotation).all() and np.linalg.det(rotation) > 0
    if not (proper and np.allclose(rotation @ np.transpose(rotation), np.eye(3), atol=1e-3)):
        raise FrameRefused(Reason.BAD_ATTITUDE, "the camera's attitude is no rotation; check IMU and mount")
