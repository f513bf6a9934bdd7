# SPDX-License-Identifier: Apache-2.0
"""Convert ROS messages to plain data. Messages of rclpy and of rosbags both work; neither is imported.

Functions refuse an invalid message with `FrameRefused` before a library decodes it.
"""

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import ArrayLike

from geoloc.arrays import Float64Array, UInt8Array
from geoloc.camera.distortion import read_distortion
from geoloc.camera.encodings import ENCODINGS, ros_name, to_rgb
from geoloc.camera.image_header import check_compressed
from geoloc.camera.lens import Intrinsics
from geoloc.camera.levels import Levels
from geoloc.camera.message_types import (
    CameraInfoMessage,
    CompressedImageMessage,
    ImageMessage,
    ImuMessage,
    OdometryMessage,
    Stamped,
)
from geoloc.errors import CameraError, FrameRefused, Reason, clause

MAX_PIXELS = 200_000_000

_UNIT_TOLERANCE = 0.01
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def stamp_ns(message: Stamped) -> int:
    """Return the stamp of a message's header in whole nanoseconds."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def check_stamp(stamp_ns: int) -> None:
    """Check that the driver of a camera has set the stamp of an image.

    Raises:
        FrameRefused: with `Reason.BAD_IMAGE` for the stamp 0, with which no attitude can be matched.
    """
    if stamp_ns == 0:
        raise _bad_image("the image has the stamp 0; let the camera's driver fill in header.stamp.")


def decode_image(message: ImageMessage | CompressedImageMessage, levels: Levels | None = None) -> UInt8Array:
    """Decode an `Image` or a `CompressedImage` (JPEG or PNG).

    Raw encodings: mono, rgb, bgr, rgba, bgra and bayer_* in 8 and 16 bits, yuv422 (UYVY), yuv422_yuy2.
    An alpha channel is dropped. EXIF orientation is ignored, because intrinsics refer to the rows and columns
    of the sensor.

    Args:
        message: the image.
        levels: how this camera's 16-bit images are scaled to 8 bits; None scales the image by its own values.

    Returns:
        (H, W, 3) uint8, RGB, contiguous; may share the message's memory.

    Raises:
        FrameRefused: with `Reason.BAD_IMAGE` for an image that is empty, truncated, inconsistent, of
            unknown encoding, or larger than `MAX_PIXELS`.
    """
    levels = levels or Levels()
    if hasattr(message, "format"):
        return _decode_compressed(cast("CompressedImageMessage", message), levels)
    return _decode_raw(message, levels)


def intrinsics(message: CameraInfoMessage, *, rectified: bool = False) -> Intrinsics:
    """Return the intrinsics of the images that a `CameraInfo` belongs to, after ROI and binning.

    Args:
        message: the `sensor_msgs/CameraInfo`.
        rectified: whether the images are already undistorted (`image_rect`); then P and R are used, without
            K and D.

    Raises:
        FrameRefused: with `Reason.BAD_CAMERA_INFO` for an invalid calibration, such as the K of zeros of an
            uncalibrated camera.
    """
    try:
        return _windowed(_rectified(message) if rectified else _raw(message), message)
    except (CameraError, ValueError) as error:
        raise FrameRefused(Reason.BAD_CAMERA_INFO, f"CameraInfo: {clause(error)}.") from error


def quaternion(message: ImuMessage) -> tuple[float, float, float, float]:
    """Return the attitude of an `Imu`: the rotation from body axes (forward, left, up) to east, north, up.

    Returns:
        Unit quaternion (x, y, z, w).

    Raises:
        FrameRefused: with `Reason.BAD_ATTITUDE` if the message has no orientation
            (`orientation_covariance[0]` is -1), or the quaternion is not finite or not of unit length.
    """
    if np.ravel(message.orientation_covariance)[0] == -1:
        raise FrameRefused(
            Reason.BAD_ATTITUDE,
            "the IMU estimates no orientation (orientation_covariance[0] is -1); "
            "subscribe to the topic of an attitude filter.",
        )
    value = message.orientation
    return unit_quaternion((float(value.x), float(value.y), float(value.z), float(value.w)))


def unit_quaternion(quaternion: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Check that (x, y, z, w) is a unit quaternion, and normalize it to remove rounding errors.

    Raises:
        FrameRefused: with `Reason.BAD_ATTITUDE` if it is not finite, or its length is not 1.
    """
    length = math.hypot(*quaternion)
    if length == 0.0:
        raise FrameRefused(
            Reason.BAD_ATTITUDE,
            "the attitude is (0, 0, 0, 0), which is none: its source has not started or does not measure it; "
            "subscribe to the topic of an attitude filter.",
        )
    if not abs(length - 1.0) <= _UNIT_TOLERANCE:
        shown = ", ".join(f"{part:g}" for part in quaternion)
        raise FrameRefused(
            Reason.BAD_ATTITUDE,
            f"the attitude ({shown}) is not a unit quaternion; check the attitude source.",
        )
    x, y, z, w = (part / length for part in quaternion)
    return x, y, z, w


def odometry_m(message: OdometryMessage) -> tuple[tuple[float, float], Float64Array]:
    """Return x, y of an `Odometry` in its own frame, metres, and their covariance (2, 2)."""
    place = message.pose.pose.position
    covariance = np.array(message.pose.covariance, dtype=np.float64).reshape(6, 6)[:2, :2]
    return (float(place.x), float(place.y)), covariance


def _decode_raw(message: ImageMessage, levels: Levels) -> UInt8Array:
    name = ros_name(message.encoding)
    width, height, step = int(message.width), int(message.height), int(message.step)
    encoding = ENCODINGS.get(name)
    if encoding is None:
        raise _bad_image(f"encoding '{message.encoding}' is unknown; publish one of {', '.join(ENCODINGS)}.")
    if width % encoding.columns:  # OpenCV before 4.7 would read beyond the row
        raise _bad_image(
            f"the image is {width} pixels wide, but {name} stores {encoding.columns} pixels together; "
            "check the camera driver."
        )
    row_bytes = width * encoding.bytes_per_pixel
    data = _bytes(message.data)
    _check_raw(width, height, step, row_bytes, data.size, name)
    packed = np.ascontiguousarray(data[: height * step].reshape(height, step)[:, :row_bytes])
    try:
        image = to_rgb(packed, encoding, levels, big_endian=bool(message.is_bigendian))
    except cv2.error as error:
        raise _bad_image(
            f"encoding '{name}' cannot be converted to RGB ({clause(error)}); check the camera driver."
        ) from error
    return np.ascontiguousarray(image, dtype=np.uint8)


def _check_raw(width: int, height: int, step: int, row_bytes: int, available: int, encoding: str) -> None:
    if width < 1 or height < 1:
        raise _bad_image(f"the image is {width} x {height} pixels; check the camera driver.")
    if width * height > MAX_PIXELS:
        raise _bad_image(f"the image has {width} x {height} pixels; publish at most {MAX_PIXELS} pixels.")
    if step < row_bytes:
        raise _bad_image(
            f"step is {step} bytes, but a row of {width} pixels of {encoding} has {row_bytes} bytes; "
            "check the camera driver."
        )
    if available < height * step:
        raise _bad_image(
            f"the image has {available} bytes of data, fewer than {height} rows of {step} bytes; "
            "check the camera driver."
        )


def _decode_compressed(message: CompressedImageMessage, levels: Levels) -> UInt8Array:
    data = _bytes(message.data)
    check_compressed(data.tobytes(), MAX_PIXELS)
    try:
        image = cv2.imdecode(data, _AS_STORED)
    except cv2.error as error:
        raise _bad_image(
            f"the compressed image cannot be decoded ({clause(error)}); check the link to the camera."
        ) from error
    if image is None:
        raise _bad_image("the compressed image is damaged; check the link to the camera.")
    if image.dtype == np.uint16:
        image = levels.to_8_bits(image)
    if "compressed rgb" not in message.format:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(image, dtype=np.uint8)


def _bytes(data: ArrayLike) -> UInt8Array:
    if isinstance(data, list | tuple):
        return np.array(data, dtype=np.uint8)
    return np.frombuffer(memoryview(data), dtype=np.uint8)  # type: ignore[arg-type]


def _raw(message: CameraInfoMessage) -> Intrinsics:
    """Return the intrinsics of the whole raw image: K and D."""
    matrix = np.array(message.k, dtype=np.float64).reshape(3, 3)
    model, coefficients = read_distortion(message.distortion_model, message.d)
    return Intrinsics(int(message.width), int(message.height), matrix, model, coefficients)


def _rectified(message: CameraInfoMessage) -> Intrinsics:
    """Return the intrinsics of the whole rectified image: P, and R unless it turns nothing or is not set."""
    matrix = np.array(message.p, dtype=np.float64).reshape(3, 4)[:, :3]
    if not matrix.any():
        raise CameraError(
            "P is zero, so rectified images have no calibration; publish P, or set rectified to false and "
            "give the raw image"
        )
    turn = np.array(message.r, dtype=np.float64).reshape(3, 3)
    turns = turn.any() and not np.array_equal(turn, np.eye(3))
    return Intrinsics(int(message.width), int(message.height), matrix, rectification=turn if turns else None)


def _windowed(full: Intrinsics, message: CameraInfoMessage) -> Intrinsics:
    roi = message.roi
    left, top, width, height = (int(v) for v in (roi.x_offset, roi.y_offset, roi.width, roi.height))
    if width or height:
        if left + width > full.width or top + height > full.height:
            raise CameraError(
                f"the ROI of {width} x {height} pixels at ({left}, {top}) exceeds the image of "
                f"{full.width} x {full.height} pixels; check roi in the CameraInfo."
            )
        full = full.cropped(left, top, width, height)
    across, down = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    if (across, down) == (1, 1):
        return full
    return full.resized(full.width // across, full.height // down)


def _bad_image(sentence: str) -> FrameRefused:
    return FrameRefused(Reason.BAD_IMAGE, sentence)
