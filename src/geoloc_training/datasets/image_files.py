# SPDX-License-Identifier: Apache-2.0
"""Reading of image files as RGB squares of one size, for training and evaluation."""

from pathlib import Path

import cv2
import numpy as np

from geoloc.camera.image_header import truncated_kind
from geoloc.errors import RasterError
from geoloc_training.arrays import Image


def read_picture(path: Path) -> Image:
    """Return an image as uint8 RGB (H, W, 3).

    Raises:
        RasterError: the file is missing, empty, truncated or not an image.
    """
    data = path.read_bytes() if path.is_file() else b""
    is_whole = data and not truncated_kind(data)  # OpenCV would fill the rest with grey
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if is_whole else None
    if picture is None:
        raise RasterError(
            f"{path} cannot be read as an image; replace the file or remove it from the data set."
        )
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def read_square(path: Path, size_px: int) -> Image:
    """Return an image as uint8 RGB (S, S, 3), stretched to a square as the published loaders do.

    Raises:
        RasterError: as `read_picture`.
    """
    return _resized(read_picture(path), size_px)


def _resized(picture: Image, size_px: int) -> Image:
    """Shrink by area along each axis that is too long, then enlarge linearly along each that is too short.

    A single call of OpenCV would shrink the long side of a panorama without averaging, because the short side
    grows.
    """
    height, width = picture.shape[:2]
    for size, method in (
        ((min(width, size_px), min(height, size_px)), cv2.INTER_AREA),
        ((size_px, size_px), cv2.INTER_LINEAR),
    ):
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=method)
    return picture
