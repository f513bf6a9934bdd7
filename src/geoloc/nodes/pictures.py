# SPDX-License-Identifier: Apache-2.0
"""Images of a camera driver to RGB; cv_bridge, where ROS brings it, reads two encodings more."""

import importlib
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from geoloc.arrays import UInt8Array
from geoloc.camera import messages
from geoloc.errors import FrameRefused, Reason

_LEFT_TO_CV_BRIDGE = frozenset({"nv21", "nv24"})


def decode(message: Image | CompressedImage) -> UInt8Array:
    """Return (H, W, 3) uint8, RGB.

    Raises:
        FrameRefused: BAD_IMAGE on a picture that is empty, truncated, or of an encoding that nobody knows.
    """
    if isinstance(message, Image) and message.encoding in _LEFT_TO_CV_BRIDGE:
        return _bridged(message)
    return messages.decode_image(message)


def _bridged(message: Image) -> UInt8Array:
    try:
        cv_bridge: Any = importlib.import_module("cv_bridge")
    except ImportError as error:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"encoding '{message.encoding}' needs cv_bridge ({error}): source ROS 2, or publish rgb8",
        ) from error
    try:
        picture = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    except (cv_bridge.CvBridgeError, ValueError, TypeError) as error:
        raise FrameRefused(Reason.BAD_IMAGE, f"cv_bridge cannot read the picture: {error}") from error
    return np.ascontiguousarray(picture, dtype=np.uint8)
