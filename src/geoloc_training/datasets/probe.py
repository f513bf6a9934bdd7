# SPDX-License-Identifier: Apache-2.0
"""Check of image files by their headers and ends, without decoding them."""

import os
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from geoloc.camera.image_header import check_compressed
from geoloc.errors import FrameRefused
from geoloc.progress import progress_bar

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")

_HEAD_BYTES = 1 << 16
_TAIL_BYTES = 1 << 12
_MAX_PIXELS = 1 << 30  # limit of OpenCV's decoders
_TIFF_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_TIFF_NUMBERS = {3: "H", 4: "I"}  # TIFF types SHORT and LONG
_TIFF_OFFSETS, _TIFF_LENGTHS = (273, 324), (279, 325)  # tags for strips and for tiles
_THREADS = 8
_NAMED = 10


def pictures_in(folder: Path) -> list[Path]:
    """Return the image files directly in a folder, sorted by name; empty if the folder is missing."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return [folder / name for name in sorted(names) if name.lower().endswith(PICTURE_SUFFIXES)]


def readable(path: Path) -> bool:
    """Return True if a file is a complete JPEG, PNG or TIFF, judged by its header and end."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_HEAD_BYTES)
            if head[:4] in _TIFF_ORDERS:
                return _tiff_is_whole(file, head, size)
            file.seek(max(len(head), size - _TAIL_BYTES))
            # Colour profiles and thumbnails may make a header longer than the head; read the whole file then.
            return _is_whole(head + file.read()) or (size > len(head) and _is_whole(path.read_bytes()))
    except (OSError, struct.error):
        return False


def unreadable(paths: Iterable[Path]) -> list[str]:
    """Return a sentence for each of the first ten unreadable images, and one that counts the others."""
    distinct = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = pool.map(readable, distinct, chunksize=64)
        bar = progress_bar(answers, label="images", unit="file", total=len(distinct))
        bad = [path for path, fine in zip(distinct, bar, strict=True) if not fine]
    found = [
        f"{path} is missing, empty, truncated or not an image; fetch it again or remove it."
        for path in bad[:_NAMED]
    ]
    more = len(bad) - len(found)
    return [*found, f"{more} more images cannot be read."] if more else found


def named(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of a list and the number of the others, for a message."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _is_whole(data: bytes) -> bool:
    try:
        check_compressed(data, _MAX_PIXELS)
    except FrameRefused:
        return False
    return True


def _tiff_is_whole(file: BinaryIO, head: bytes, size: int) -> bool:
    """Return True if the pixels of the first directory lie inside the file.

    Raises `struct.error` if the directory itself does not. Some writers put the directory before the pixels,
    others after them.
    """
    order = _TIFF_ORDERS[head[:4]]
    (directory,) = struct.unpack(order + "I", head[4:8])
    (count,) = struct.unpack(order + "H", _read_at(file, directory, 2))
    entries = struct.iter_unpack(order + "HHI4s", _read_at(file, directory + 2, 12 * count))
    found = {
        tag: _tiff_numbers(file, order, kind, length, field)
        for tag, kind, length, field in entries
        if tag in _TIFF_OFFSETS + _TIFF_LENGTHS
    }
    offsets, lengths = (
        [number for tag in tags for number in found.get(tag, ())] for tags in (_TIFF_OFFSETS, _TIFF_LENGTHS)
    )
    if not offsets or len(offsets) != len(lengths):
        return False
    return max(begin + length for begin, length in zip(offsets, lengths, strict=True)) <= size


def _tiff_numbers(file: BinaryIO, order: str, kind: int, count: int, field: bytes) -> tuple[int, ...]:
    """Return the numbers of a directory entry, stored in its field or at the offset in its field."""
    letter = _TIFF_NUMBERS.get(kind, "I")
    needed = count * struct.calcsize(letter)
    if needed > len(field):
        field = _read_at(file, struct.unpack(order + "I", field)[0], needed)
    return struct.unpack(f"{order}{count}{letter}", field[:needed])


def _read_at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
