# SPDX-License-Identifier: Apache-2.0
"""Windows cut out of the pyramids, with the pixels that a device needs to render a batch of views."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float64Array
from geoloc_training.arrays import Image
from geoloc_training.datasets.imagery.ground import Ground, Look, aim

_STEP_PX = 16  # few distinct window sizes make memory allocation cheaper
_MARGIN_PX = 2


@dataclass(frozen=True)
class Windows:
    """Crops of images, and the homographies of views on them.

    Attributes:
        crops: uint8 (N, P, P, 4), RGB and a mask, 255 where there is data; 0 beyond the image.
        homographies: float32 (N, 3, 3), from view pixels (column, row) to pixels of the crop.
    """

    crops: NDArray[np.uint8]
    homographies: NDArray[np.float32]


@dataclass(frozen=True)
class Aim:
    """A view of a ground on a date; `mirrored` swaps left and right."""

    ground: Ground
    date: str
    look: Look
    mirrored: bool = False


def cut_windows(aims: Sequence[Aim], size_px: int) -> Windows:
    """Cut the windows for views of side `size_px`, squares of the size of the widest window.

    The views equal those of `ground.render`: the same pyramid level and the same homography.
    """
    views = [_view(aimed, size_px) for aimed in aims]
    boxes = [_box(matrix, size_px, image.shape) for image, _, matrix in views]
    widest = max((max(right - left, bottom - top) for left, top, right, bottom in boxes), default=1)
    side = -(-max(widest, 1) // _STEP_PX) * _STEP_PX
    crops = np.zeros((len(aims), side, side, 4), np.uint8)
    homographies = np.empty((len(aims), 3, 3), np.float32)
    for crop, homography, (image, mask, matrix), box in zip(crops, homographies, views, boxes, strict=True):
        left, top, right, bottom = box
        inside = slice(0, bottom - top), slice(0, right - left)
        crop[(*inside, slice(3))] = image[top:bottom, left:right]
        crop[(*inside, 3)] = 255 if mask is None else mask[top:bottom, left:right]
        homography[:] = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ matrix
    return Windows(crops, homographies)


def _view(aimed: Aim, size_px: int) -> tuple[Image, Image | None, Float64Array]:
    """Return image, mask and homography of a view."""
    level, matrix = aim(aimed.ground, aimed.look, size_px)
    if aimed.mirrored:
        matrix = matrix @ np.array([[-1, 0, size_px - 1], [0, 1, 0], [0, 0, 1]])
    valid = aimed.ground.valid
    return aimed.ground.dates[aimed.date][level], None if valid is None else valid[level], matrix


def _box(matrix: Float64Array, size_px: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of an image in a view; empty if the view misses it."""
    last = size_px - 1.0
    x, y, w = matrix @ np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]]).T
    x, y = x / w, y / w
    height, width = shape[:2]
    left, right = _clipped(x, width)
    top, bottom = _clipped(y, height)
    return left, top, right, bottom


def _clipped(values: NDArray[np.float64], end: int) -> tuple[int, int]:
    low = int(np.clip(np.floor(values.min()) - _MARGIN_PX, 0, end))
    return low, int(np.clip(np.ceil(values.max()) + _MARGIN_PX + 1, low, end))
