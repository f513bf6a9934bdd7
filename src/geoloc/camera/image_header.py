# SPDX-License-Identifier: Apache-2.0
"""Check the header of a JPEG or PNG before a decoder allocates memory for its pixels."""

import struct

from geoloc.errors import FrameRefused, Reason

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))


def check_compressed(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Check that a JPEG or PNG is complete and of an accepted size, without decoding it.

    Args:
        data: bytes of the file.
        max_pixels: largest number of pixels that is accepted.

    Returns:
        Width and height in pixels.

    Raises:
        FrameRefused: with `Reason.BAD_IMAGE` for another format, a truncated file, or a size out of range.
    """
    if data.startswith(_JPEG_START):
        kind, (width, height), whole = "JPEG", *_read_jpeg(data)
    elif data.startswith(_PNG_START):
        kind, (width, height), whole = "PNG", *_read_png(data)
    else:
        raise _refused("the compressed image is neither JPEG nor PNG; publish one of them.")
    if not whole:
        raise _refused(f"the {kind} is truncated after {len(data)} bytes; check the link to the camera.")
    if width < 1 or height < 1 or width * height > max_pixels:
        raise _refused(f"the {kind} has {width} x {height} pixels; publish 1 to {max_pixels} pixels.")
    return width, height


def truncated_kind(data: bytes) -> str:
    """Return "JPEG" or "PNG" for a file of that format that ends too early, else an empty text."""
    if data.startswith(_JPEG_START):
        return "" if _read_jpeg(data)[1] else "JPEG"
    return "PNG" if data.startswith(_PNG_START) and not _read_png(data)[1] else ""


def _read_png(data: bytes) -> tuple[tuple[int, int], bool]:
    whole = len(data) >= 33 and data.rfind(_PNG_END) > 0
    return (struct.unpack(">II", data[16:24]) if whole else (0, 0)), whole


def _read_jpeg(data: bytes) -> tuple[tuple[int, int], bool]:
    # Walks the segments, because a thumbnail before the scan may hold an end marker; the scan itself cannot.
    size, at = (0, 0), 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _JPEG_SCAN:
            return size, data.rfind(_JPEG_END) > at
        if marker in _JPEG_FRAMES and at + 9 <= len(data):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            size = width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return size, False


def _refused(sentence: str) -> FrameRefused:
    return FrameRefused(Reason.BAD_IMAGE, sentence)
