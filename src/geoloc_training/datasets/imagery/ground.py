# SPDX-License-Identifier: Apache-2.0
"""Grounds as image pyramids in memory, one for each date, and the rendering of views from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.errors import RasterError
from geoloc_training.arrays import (
    Image,
)
from geoloc_training.items import GeoLocation

_MAX_LEVELS = 4
_LONGEST_SIDE = 32_766  # limit of OpenCV's warps


@dataclass(frozen=True)
class Ground:
    """Imagery of one piece of ground on one or several dates, with square pixels, north up.

    Attributes:
        name: name, unique in a set of grounds.
        group: group from which hard negatives are drawn (a city, an image set).
        gsd_m: metres per pixel of level 0.
        dates: pyramid by date; level l is a uint8 (H / 2**l, W / 2**l, 3) image.
        valid: pyramid of uint8 masks (255 where every date has data), or None if every pixel has data.
        location: centre of the ground, or None if unknown.
    """

    name: str
    group: str
    gsd_m: float
    dates: dict[str, tuple[Image, ...]]
    valid: tuple[Image, ...] | None = None
    location: GeoLocation | None = None

    @property
    def extent_m(self) -> tuple[float, float]:
        """Return the width (east) and height (south) in metres."""
        height, width = next(iter(self.dates.values()))[0].shape[:2]
        return width * self.gsd_m, height * self.gsd_m


@dataclass(frozen=True)
class Look:
    """Position and shape of a view on a ground, in metres east and south of the ground's north-west corner.

    Attributes:
        east_m: centre of the view, east of the left edge.
        south_m: centre of the view, south of the top edge.
        size_m: width of the view on the ground.
        heading_rad: direction that points up in the view, clockwise from north.
        perspective: two tilt terms; 0.05 makes one edge 10 % longer than the opposite edge.
    """

    east_m: float
    south_m: float
    size_m: float
    heading_rad: float = 0.0
    perspective: tuple[float, float] = (0.0, 0.0)

    def ground_from_view(self, size_px: int) -> Float64Array:
        """Return the 3 x 3 homography from view pixels (column, row) to ground metres (east, south)."""
        half = size_px / 2
        normalise = np.array([[1 / half, 0, 0.5 / half - 1], [0, 1 / half, 0.5 / half - 1], [0, 0, 1]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [*self.perspective, 1]])
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        scale = self.size_m / 2
        place = np.array(
            [[scale * cos, -scale * sin, self.east_m], [scale * sin, scale * cos, self.south_m], [0, 0, 1]]
        )
        matrix: Float64Array = place @ tilt @ normalise
        return matrix


def check_side(path: Path, shape: Sequence[int]) -> None:
    """Check that OpenCV can warp an image of shape (H, W, …).

    Raises:
        RasterError: a side is too long.
    """
    if max(shape[:2]) > _LONGEST_SIDE:
        raise RasterError(
            f"{path} has {shape[1]} x {shape[0]} pixels, but a side may have at most {_LONGEST_SIDE}; cut it "
            "into tiles, for example with gdal_retile.py."
        )


def pyramid(image: Image) -> tuple[Image, ...]:
    """Return an image (or mask) and up to three successive halvings of it by area averaging."""
    levels = [np.ascontiguousarray(image)]
    while len(levels) < _MAX_LEVELS and min(levels[-1].shape[:2]) >= 64:
        height, width = levels[-1].shape[:2]
        even = levels[-1][: height // 2 * 2, : width // 2 * 2]
        levels.append(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return tuple(levels)


def aim(ground: Ground, look: Look, size_px: int) -> tuple[int, Float64Array]:
    """Return the pyramid level with the pixel size nearest to the view's, and the homography to it.

    Returns:
        The level, and the 3 x 3 homography from view pixels (column, row) to pixels of the level.
    """
    levels = next(iter(ground.dates.values()))
    ratio = look.size_m / size_px / ground.gsd_m
    level = int(np.clip(np.round(np.log2(max(ratio, 1e-6))), 0, len(levels) - 1))
    pixel_m = ground.gsd_m * 2**level
    pixels = np.array([[1 / pixel_m, 0, -0.5], [0, 1 / pixel_m, -0.5], [0, 0, 1]])
    matrix: Float64Array = pixels @ look.ground_from_view(size_px)
    return level, matrix


def render(ground: Ground, date: str, look: Look, size_px: int) -> tuple[Image, BoolArray]:
    """Render a view of a ground.

    Args:
        ground: ground to render.
        date: one of `ground.dates`.
        look: position and shape of the view; it may extend beyond the ground.
        size_px: side of the view in pixels.

    Returns:
        The view, uint8 (S, S, 3), zero outside the ground, and the mask of pixels with data, bool (S, S).
    """
    level, matrix = aim(ground, look, size_px)
    levels = ground.dates[date]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = cv2.warpPerspective(levels[level], matrix, (size_px, size_px), flags=flags)
    if ground.valid is None and _inside(matrix, size_px, levels[level].shape):
        return image, np.ones((size_px, size_px), bool)
    mask = np.full(levels[level].shape[:2], 255, np.uint8) if ground.valid is None else ground.valid[level]
    return image, cv2.warpPerspective(mask, matrix, (size_px, size_px), flags=flags) > 250


def _inside(matrix: Float64Array, size_px: int, shape: tuple[int, ...]) -> bool:
    """Return True if the four corners of the view fall on the image."""
    last = size_px - 1.0
    corners = np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]]).T
    x, y, w = matrix @ corners
    x, y = x / w, y / w
    # Rounding of the matrix product may put a corner outside by less than a thousandth of a pixel.
    slack = 1e-3
    return bool(
        x.min() >= -slack
        and y.min() >= -slack
        and x.max() <= shape[1] - 1 + slack
        and y.max() <= shape[0] - 1 + slack
    )
