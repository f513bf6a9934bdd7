# SPDX-License-Identifier: Apache-2.0
"""Messages that nodes receive, checked on arrival: another program may publish on the same topic."""

import importlib
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image, NavSatFix, NavSatStatus, PointCloud2

from geoloc.arrays import Float32Array, Float64Array, UInt8Array
from geoloc.camera.messages import decode_image
from geoloc.errors import FrameRefused, Reason
from geoloc.hypotheses import MAX_HYPOTHESES
from geoloc.localizer import Candidates
from geoloc.nodes.messages_out import CANDIDATE

_LEFT_TO_CV_BRIDGE = frozenset({"nv21", "nv24"})


def camera_image(message: Image | CompressedImage) -> UInt8Array:
    """Return the RGB picture (H, W, 3) of a camera driver; nv21 and nv24 need cv_bridge, which ROS brings.

    Raises:
        FrameRefused: BAD_IMAGE for a picture that is empty, truncated, or of an unknown encoding.
    """
    if not isinstance(message, Image) or message.encoding not in _LEFT_TO_CV_BRIDGE:
        return decode_image(message)
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


def stacked_views(message: Image, size_px: int) -> UInt8Array:
    """Return the views (n, S, S, 3) of a `view/image` message.

    Raises:
        FrameRefused: BAD_IMAGE unless it is `rgb8`, as wide as the encoder's input, and holds whole views.
    """
    if message.encoding != "rgb8":
        raise FrameRefused(Reason.BAD_IMAGE, f"a view has encoding rgb8, this one has '{message.encoding}'")
    rows, over = divmod(message.height, size_px)
    if message.width != size_px or over or not 1 <= rows <= MAX_HYPOTHESES:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view is {message.width} x {message.height} pixels, the encoder takes {size_px} x "
            f"{size_px}, or up to {MAX_HYPOTHESES} of these one below the other: give camera_node the "
            "params.yaml of the model that inference_node runs",
        )
    return decode_image(message).reshape(rows, size_px, size_px, 3)


def views_to_refine(message: Image | None) -> UInt8Array | None:
    """Return the views (n, S, S, 3) of a `view/image` message of any size; None without usable ones."""
    try:
        return None if message is None else stacked_views(message, max(message.width, 1))
    except FrameRefused:
        return None


def descriptor(message: Image) -> Float32Array:
    """Return the vectors (n, D) of a `descriptor` message.

    Raises:
        FrameRefused: BAD_DESCRIPTOR unless it is little-endian rows of 32FC1 with all their bytes.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    whole = message.width * 4 == message.step and message.step * message.height == data.size
    if message.encoding != "32FC1" or message.height < 1 or message.is_bigendian or not whole:
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"a descriptor is rows of 32FC1, this one has {message.height} of '{message.encoding}', "
            f"{message.width} wide, with {data.size} bytes of data",
        )
    return data.view("<f4").reshape(message.height, message.width)


def initial_fix(message: NavSatFix) -> tuple[float, float, Float64Array | None]:
    """Return latitude, longitude and covariance (2, 2) east-north of a `NavSatFix`, None where unknown.

    Raises:
        FrameRefused: OFF_MAP where the message itself says that it is no fix.
    """
    if message.status.status == NavSatStatus.STATUS_NO_FIX:
        raise FrameRefused(Reason.OFF_MAP, "the initial fix says STATUS_NO_FIX: send one that is a fix")
    known = message.position_covariance_type != NavSatFix.COVARIANCE_TYPE_UNKNOWN
    covariance = np.array(message.position_covariance, dtype=np.float64).reshape(3, 3)[:2, :2]
    return message.latitude, message.longitude, covariance if known else None


def candidates(message: PointCloud2) -> Candidates:
    """Return the tiles of a `candidates` message that geoloc published."""
    points = np.frombuffer(message.data, dtype=CANDIDATE)
    east_m, north_m, score = (points[name].astype(np.float64) for name in ("x", "y", "score"))
    ids = points["tile"].astype(np.int64)
    return Candidates(ids, points["latitude"].copy(), points["longitude"].copy(), east_m, north_m, score)
