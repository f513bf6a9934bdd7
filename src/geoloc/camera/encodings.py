# SPDX-License-Identifier: Apache-2.0
"""The pixel encodings of raw `sensor_msgs/Image` messages, and how OpenCV turns each into RGB."""

from dataclasses import dataclass

import cv2
import numpy as np

from geoloc.arrays import UInt8Array


@dataclass(frozen=True)
class Encoding:
    """How the pixels of a raw image are stored.

    Attributes:
        channels: values a pixel takes.
        conversion: OpenCV's code for the way to RGB; None where the pixels are RGB already.
        bits: of one value, 8 or 16.
    """

    channels: int
    conversion: int | None
    bits: int = 8

    @property
    def bytes_per_pixel(self) -> int:
        """What a pixel takes in a row."""
        return self.channels * self.bits // 8


_8_BITS = {
    "mono8": Encoding(1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a mosaic by its second row, ROS by its first: RGGB is OpenCV's BG.
    "bayer_rggb8": Encoding(1, cv2.COLOR_BAYER_BG2RGB),
    "bayer_bggr8": Encoding(1, cv2.COLOR_BAYER_RG2RGB),
    "bayer_gbrg8": Encoding(1, cv2.COLOR_BAYER_GR2RGB),
    "bayer_grbg8": Encoding(1, cv2.COLOR_BAYER_GB2RGB),
    "rgb8": Encoding(3, None),
    "bgr8": Encoding(3, cv2.COLOR_BGR2RGB),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2RGB),
}
_16_BITS = {
    f"{name.removesuffix('8')}16": Encoding(encoding.channels, encoding.conversion, 16)
    for name, encoding in _8_BITS.items()
}
_YUV = {
    **dict.fromkeys(("yuv422", "uyvy"), Encoding(2, cv2.COLOR_YUV2RGB_UYVY)),
    **dict.fromkeys(("yuv422_yuy2", "yuyv"), Encoding(2, cv2.COLOR_YUV2RGB_YUY2)),
}
ENCODINGS = {**_8_BITS, **_16_BITS, **_YUV}
_OPENCV_TYPES = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
_FROM_16_BITS = 255.0 / 65535.0


def ros_name(name: str) -> str:
    """Return ROS's name of an encoding that is named by its OpenCV type, any other name as it is."""
    return _OPENCV_TYPES.get(name, name)


def to_rgb(packed: UInt8Array, encoding: Encoding, *, big_endian: bool) -> UInt8Array:
    """Convert packed pixels to RGB.

    Args:
        packed: (H, W × `bytes_per_pixel`) uint8, contiguous.
        encoding: of these pixels.
        big_endian: order of the bytes of 16-bit values, which are scaled from their full range.

    Returns:
        (H, W, 3) uint8; it shares the memory of pixels that are RGB already.

    Raises:
        cv2.error: where OpenCV cannot convert a picture of this size, such as an odd width of UYVY.
    """
    height, channels = len(packed), encoding.channels
    shape = (height, -1) if channels == 1 else (height, -1, channels)
    if encoding.bits == 8:
        pixels = packed.reshape(shape)
        return pixels if encoding.conversion is None else cv2.cvtColor(pixels, encoding.conversion)
    stored = packed.view(">u2" if big_endian else "<u2").reshape(shape)
    values = stored.astype(np.uint16)
    if encoding.conversion is not None:
        values = cv2.cvtColor(values, encoding.conversion)
    return np.multiply(values, _FROM_16_BITS).astype(np.uint8)
