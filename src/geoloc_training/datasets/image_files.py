# SPDX-License-Identifier: Apache-2.0
"""Image files as squares of one size, the same for training and evaluation; small sets stay in memory."""

from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from geoloc.errors import RasterError
from geoloc_training.arrays import Image


def read_picture(path: Path) -> Image:
    """Return a picture as uint8 RGB (H, W, 3).

    Raises:
        RasterError: the file is missing, empty, truncated beyond reading or not a picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise RasterError(
            f"{path} cannot be read as a picture; replace the file or remove it from the data set."
        )
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def read_square(path: Path, size_px: int) -> Image:
    """Return a picture as uint8 RGB (S, S, 3), whatever its shape: squeezed, as the published loaders do.

    Raises:
        RasterError: as `read_picture`.
    """
    return _resized(read_picture(path), size_px)


class Pictures:
    """Squares by path, the first ones kept in memory; several threads may read at once.

    Args:
        size_px: side of the squares.
        keep_mb: memory for decoded pictures, 1 MB is 1e6 bytes; 0 keeps none.
    """

    def __init__(self, size_px: int, keep_mb: float = 0.0) -> None:
        self.size_px = size_px
        self._room = int(keep_mb * 1e6 // (3 * size_px * size_px))
        self._kept: dict[Path, Image] = {}
        self._lock = Lock()

    def __call__(self, path: Path) -> Image:
        """Return the picture as uint8 RGB (S, S, 3), not to be written to; errors as `read_square`."""
        kept = self._kept.get(path)
        if kept is not None:
            return kept
        picture = read_square(path, self.size_px)
        picture.flags.writeable = False
        with self._lock:
            if len(self._kept) < self._room:
                self._kept[path] = picture
        return picture


def _resized(picture: Image, size_px: int) -> Image:
    """Shrink by area along each axis that is too long, then enlarge linearly along one that is too short.

    In one call OpenCV would shrink a panorama's long side without averaging, because the short one grows.
    """
    height, width = picture.shape[:2]
    for size, method in (
        ((min(width, size_px), min(height, size_px)), cv2.INTER_AREA),
        ((size_px, size_px), cv2.INTER_LINEAR),
    ):
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=method)
    return picture
