# SPDX-License-Identifier: Apache-2.0
"""Convert received messages to plain data and check them, because any program may publish on a topic."""

import importlib
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.camera.levels import Levels
from geoloc.camera.messages import decode_image
from geoloc.errors import FrameRefused, Reason, clause
from geoloc.hypotheses import MAX_HYPOTHESES
from geoloc.localizer import Candidates
from geoloc.nodes.messages_out import CANDIDATE

_LEFT_TO_CV_BRIDGE = frozenset({"nv21", "nv24"})


def camera_image(message: Image | CompressedImage, levels: Levels | None = None) -> UInt8Array:
    """Return the RGB image (H, W, 3) of a camera driver; nv21 and nv24 need cv_bridge, which ROS provides.

    `levels` scales this camera's 16-bit images; None scales the image by its own values.

    Raises:
        FrameRefused: BAD_IMAGE if the image is empty, truncated, or of an unknown encoding.
    """
    if not isinstance(message, Image) or message.encoding not in _LEFT_TO_CV_BRIDGE:
        return decode_image(message, levels)
    try:
        cv_bridge: Any = importlib.import_module("cv_bridge")
    except ImportError as error:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"encoding '{message.encoding}' needs cv_bridge, which cannot be imported ({clause(error)}); "
            "source ROS 2, or publish rgb8.",
        ) from error
    try:
        picture = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    except (cv_bridge.CvBridgeError, ValueError, TypeError) as error:
        raise FrameRefused(
            Reason.BAD_IMAGE, f"cv_bridge cannot read the image ({clause(error)}); check the camera driver."
        ) from error
    return np.ascontiguousarray(picture, dtype=np.uint8)


def stacked_views(message: Image, size_px: int) -> UInt8Array:
    """Return the views (n, S, S, 3) of a `view/image` message.

    Raises:
        FrameRefused: BAD_IMAGE unless it is `rgb8`, as wide as the encoder's input, and holds whole views.
    """
    if message.encoding != "rgb8":
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view has encoding '{message.encoding}' instead of rgb8; check the publisher of view/image.",
        )
    rows, over = divmod(message.height, size_px)
    if message.width != size_px or over or not 1 <= rows <= MAX_HYPOTHESES:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view is {message.width} x {message.height} pixels, but the encoder takes {size_px} x "
            f"{size_px}, or up to {MAX_HYPOTHESES} of these one below the other; give camera_node the "
            "params.yaml of the model that inference_node runs.",
        )
    return decode_image(message).reshape(rows, size_px, size_px, 3)


def views_to_refine(message: Image | None) -> UInt8Array | None:
    """Return the views (n, S, S, 3) of a `view/image` message of any size; None if missing or unusable."""
    try:
        return None if message is None else stacked_views(message, max(message.width, 1))
    except FrameRefused:
        return None


def descriptor(message: Image) -> Float32Array:
    """Return the vectors (n, D) of a `descriptor` message.

    Raises:
        FrameRefused: BAD_DESCRIPTOR unless it holds complete, little-endian rows of 32FC1.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    whole = message.width * 4 == message.step and message.step * message.height == data.size
    if message.encoding != "32FC1" or message.height < 1 or message.is_bigendian or not whole:
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"a descriptor must have rows of 32FC1, but this one has {message.height} of "
            f"'{message.encoding}', {message.width} wide, with {data.size} bytes of data; check the "
            "publisher of descriptor.",
        )
    return data.view("<f4").reshape(message.height, message.width)


def candidates(message: PointCloud2) -> Candidates:
    """Return the tiles of a `candidates` message that geoloc published."""
    points = np.frombuffer(message.data, dtype=CANDIDATE)
    east_m, north_m, score = (points[name].astype(np.float64) for name in ("x", "y", "score"))
    ids = points["tile"].astype(np.int64)
    return Candidates(ids, points["latitude"].copy(), points["longitude"].copy(), east_m, north_m, score)


def refusals(message: DiagnosticArray) -> list[FrameRefused]:
    """Return the refusals of a `refusals` message; a status without a known reason is left out."""
    found = []
    for status in message.status:
        reason = next((item.value for item in status.values if item.key == "reason"), "")
        if reason in set(Reason):
            found.append(FrameRefused(Reason(reason), status.message))
    return found
