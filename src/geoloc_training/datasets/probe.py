# SPDX-License-Identifier: Apache-2.0
"""Whether picture files can be read, told from their headers and ends: none is decoded."""

import os
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from geoloc.camera.image_header import check_compressed
from geoloc.errors import FrameRefused

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")

_HEAD_BYTES = 1 << 16
_TAIL_BYTES = 1 << 12
_MAX_PIXELS = 1 << 30  # what OpenCV decodes
_TIFF_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_THREADS = 8
_NAMED = 10


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie straight in a folder, by name; none where the folder is missing."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return [folder / name for name in sorted(names) if name.lower().endswith(PICTURE_SUFFIXES)]


def readable(path: Path) -> bool:
    """Whether a file is a JPEG, PNG or TIFF that begins and ends as it should."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_HEAD_BYTES)
            if head[:4] in _TIFF_ORDERS:
                return _tiff_is_whole(head, size)
            file.seek(max(len(head), size - _TAIL_BYTES))
            # A header longer than the head is rare (maps of colour, thumbnails), so only then all is read.
            return _is_whole(head + file.read()) or (size > len(head) and _is_whole(path.read_bytes()))
    except OSError:
        return False


def unreadable(paths: Iterable[Path]) -> list[str]:
    """A sentence for each picture that cannot be read, the first ten by name, and how many more there are."""
    distinct = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = pool.map(readable, distinct, chunksize=64)
        bar = tqdm(answers, total=len(distinct), desc="pictures", unit="file", disable=None)
        bad = [path for path, fine in zip(distinct, bar, strict=True) if not fine]
    found = [
        f"{path} is missing, empty, cut short or no picture; fetch it again or remove it."
        for path in bad[:_NAMED]
    ]
    more = len(bad) - len(found)
    return [*found, f"{more} more pictures cannot be read either."] if more else found


def named(names: Sequence[str], most: int = 5) -> str:
    """The first few names of a list and how many more there are, for a sentence."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _is_whole(data: bytes) -> bool:
    try:
        check_compressed(data, _MAX_PIXELS)
    except FrameRefused:
        return False
    return True


def _tiff_is_whole(head: bytes, size: int) -> bool:
    """Whether the first directory lies inside the file; libtiff and OpenCV write it behind the pixels."""
    if len(head) < 8:
        return False
    directory: int = struct.unpack(_TIFF_ORDERS[head[:4]] + "I", head[4:8])[0]
    return 8 <= directory < size - 2
