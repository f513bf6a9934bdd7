# SPDX-License-Identifier: Apache-2.0
"""The pixel encodings of raw `sensor_msgs/Image` messages, and the conversion of each to RGB by OpenCV."""

from dataclasses import dataclass

import cv2
import numpy as np

from geoloc.arrays import UInt8Array
from geoloc.camera.levels import Levels


@dataclass(frozen=True)
class Encoding:
    """Storage format of the pixels of a raw image.

    Attributes:
        channels: number of values per pixel.
        conversion: OpenCV's code of the conversion to RGB; None where the pixels are RGB already.
        bits: number of bits per value, 8 or 16.
        columns: number of neighbouring pixels that share their colour; the width is a multiple of it.
    """

    channels: int
    conversion: int | None
    bits: int = 8
    columns: int = 1

    @property
    def bytes_per_pixel(self) -> int:
        """Number of bytes per pixel."""
        return self.channels * self.bits // 8


_8_BITS = {
    "mono8": Encoding(1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern after its second row, ROS after its first: RGGB is BG in OpenCV.
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
    **dict.fromkeys(("yuv422", "uyvy"), Encoding(2, cv2.COLOR_YUV2RGB_UYVY, columns=2)),
    **dict.fromkeys(("yuv422_yuy2", "yuyv"), Encoding(2, cv2.COLOR_YUV2RGB_YUY2, columns=2)),
}
ENCODINGS = {**_8_BITS, **_16_BITS, **_YUV}
_OPENCV_TYPES = {
    f"{bits}UC{channels}": f"{name}{bits}"
    for bits in (8, 16)
    for channels, name in ((1, "mono"), (3, "bgr"), (4, "bgra"))
}


def ros_name(name: str) -> str:
    """Return the ROS name of an encoding given by its OpenCV type; return any other name unchanged."""
    return _OPENCV_TYPES.get(name, name)


def to_rgb(packed: UInt8Array, encoding: Encoding, levels: Levels, *, big_endian: bool) -> UInt8Array:
    """Convert packed pixels to RGB.

    Args:
        packed: (H, W × `bytes_per_pixel`) uint8, contiguous; W is a multiple of `columns`.
        encoding: encoding of the pixels.
        levels: range of 16-bit values that is scaled to 8 bits.
        big_endian: byte order of 16-bit values.

    Returns:
        (H, W, 3) uint8; shares the memory of `packed` where the pixels are RGB already.

    Raises:
        cv2.error: if OpenCV cannot convert the image.
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
    return levels.to_8_bits(values)
