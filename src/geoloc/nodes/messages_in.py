# SPDX-License-Identifier: Apache-2.0
"""What geoloc's own nodes send each other, checked on arrival: a stranger may publish on the same topic."""

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, NavSatFix, NavSatStatus, PointCloud2

from geoloc.camera.messages import decode_image
from geoloc.errors import FrameRefused, Reason
from geoloc.localizer import Candidates
from geoloc.nodes.messages_out import CANDIDATE


def view_image(message: Image, size_px: int) -> NDArray[np.uint8]:
    """Return the view (S, S, 3) of a `view/image` message.

    Raises:
        FrameRefused: BAD_IMAGE unless it is `rgb8` and as large as the encoder takes.
    """
    if message.encoding != "rgb8":
        raise FrameRefused(Reason.BAD_IMAGE, f"a view has encoding rgb8, this one has '{message.encoding}'")
    if (message.width, message.height) != (size_px, size_px):
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view is {message.width} x {message.height} pixels, the encoder takes {size_px} x "
            f"{size_px}: give camera_node the params.yaml of the model that inference_node runs",
        )
    return decode_image(message)


def descriptor(message: Image) -> NDArray[np.float32]:
    """Return the vector (D,) of a `descriptor` message.

    Raises:
        FrameRefused: BAD_DESCRIPTOR unless it is one little-endian row of 32FC1 with all its bytes.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    whole = message.width * 4 == message.step == data.size
    if message.encoding != "32FC1" or message.height != 1 or message.is_bigendian or not whole:
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"a descriptor is one row of 32FC1, this one has {message.height} of '{message.encoding}', "
            f"{message.width} wide, with {data.size} bytes of data",
        )
    return data.view("<f4")


def initial_fix(message: NavSatFix) -> tuple[float, float, NDArray[np.float64] | None]:
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
