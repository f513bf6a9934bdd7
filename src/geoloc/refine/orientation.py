# SPDX-License-Identifier: Apache-2.0
"""Orientation correlation: correlates images as fields of edge directions, under masks.

An edge is described by the doubled angle of its gradient, so that a roof that is bright in summer and dark in
winter has the same edge. Its weight saturates, so that one shadow does not outweigh a street (Fitch et al.,
BMVC 2002). The correlation is normalized by the energy under the view's mask, so nodata does not bias it.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array
from geoloc.raster.colours import Rgb

_SMOOTH_PX = 1.0  # before and after the gradient
_FAINT = 4.0  # gradient of sensor noise and JPEG artefacts: levels of 255 times Sobel's gain
_RIM_PX = 5  # erosion of a mask, at whose rim the gradients are not those of the ground
_MIN_FILL = 0.01  # least share of a view that counts as fill
_MIN_ENERGY = 0.02  # share of the view's energy; on ground with less, any edge would match perfectly


@dataclass(frozen=True, eq=False)
class Edges:
    """Masked field of edge directions.

    Attributes:
        field: edge directions, float32 (H, W, 2), with mean 0; 0 outside the mask.
        mask: float32 (H, W), 1 where there is ground.
        energy: squared length of the field, float32 (H, W).
    """

    field: Float32Array
    mask: Float32Array
    energy: Float32Array

    @classmethod
    def of(cls, rgb: Rgb, mask: Float32Array) -> "Edges":
        """Return the edges of an image (H, W, 3) where a mask (H, W) is 1."""
        inner = cv2.erode(
            (mask > 0.99).astype(np.uint8),
            np.ones((_RIM_PX, _RIM_PX), np.uint8),
            borderType=cv2.BORDER_CONSTANT,
            borderValue=0,
        ).astype(np.float32)
        field = edge_field(rgb)
        mean = np.asarray(cv2.mean(field, inner.astype(np.uint8))[:2], dtype=np.float32)
        field = (field - mean) * inner[..., None]
        return cls(field, inner, field[..., 0] ** 2 + field[..., 1] ** 2)

    @property
    def mean_energy(self) -> float:
        """Mean energy where the mask is 1: about 0.11 over a town, below 0.04 for noise alone."""
        return float(self.energy.sum() / max(self.mask.sum(), 1.0))

    def crop(self, rows: slice, columns: slice) -> "Edges":
        """Return a rectangle of the field."""
        parts = (part[rows, columns] for part in (self.field, self.mask, self.energy))
        return Edges(*(np.ascontiguousarray(part) for part in parts))


def edge_field(rgb: Rgb) -> Float32Array:
    """Return doubled gradient angles as vectors (H, W, 2) of length 0 (no edge) to 1."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), _SMOOTH_PX)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    length = cv2.magnitude(x, y)
    faint = max(cv2.mean(length)[0], _FAINT)
    weight = 1.0 / (length * (length + faint) + 1e-3)
    doubled = cv2.merge([(x * x - y * y) * weight, 2.0 * x * y * weight])
    return np.asarray(cv2.GaussianBlur(doubled, (0, 0), _SMOOTH_PX), dtype=np.float32)


def correlate(patch: Edges, view: Edges, min_overlap: float = 0.0) -> Float32Array:
    """Correlate a view with a patch at every shift that keeps it inside.

    Args:
        patch: edges (P, Q).
        view: edges (S, T), no larger than the patch.
        min_overlap: least share of the view's mask on ground of the patch; 0 disables the check.

    Returns:
        Correlation (P - S + 1, Q - T + 1) from -1 to 1, with row r and column c for the view's corner at
        (r, c) of the patch; -1 where the overlap is too small.
    """
    product = cv2.matchTemplate(patch.field, view.field, cv2.TM_CCORR)
    energy = cv2.matchTemplate(patch.energy, view.mask, cv2.TM_CCORR)
    own = float(view.energy.sum())
    score = product / np.sqrt(np.maximum(energy, _MIN_ENERGY * own) * own + 1e-6)
    if min_overlap > 0:
        overlap = cv2.matchTemplate(patch.mask, view.mask, cv2.TM_CCORR)
        score[overlap < min_overlap * float(view.mask.sum()) + 1e-3] = -1.0
    return np.asarray(score, dtype=np.float32)


def ground_mask(view: Rgb) -> Float32Array:
    """Return a mask of the ground in a view (S, S, 3): 0 in areas of exactly one colour at its rim.

    Such areas fill the part of a view that the frame does not cover, and their outline is not an edge of the
    ground.
    """
    kernel = np.ones((3, 3), np.uint8)
    flat = (cv2.erode(view, kernel) == cv2.dilate(view, kernel)).all(axis=2).astype(np.uint8)
    _, areas = cv2.connectedComponents(flat)
    rims = np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]])
    sizes = np.bincount(areas.ravel())
    filled = [area for area in np.unique(rims[rims > 0]) if sizes[area] > _MIN_FILL * areas.size]
    return np.asarray(~np.isin(areas, filled), dtype=np.float32)


def north_up(picture: NDArray[Any], heading_rad: float, scale: float) -> NDArray[Any]:
    """Warp a square image so that it is north-up and has its assumed width.

    Args:
        picture: image (S, S, 3), or mask (S, S).
        heading_rad: direction of the image's top, clockwise from north.
        scale: ratio of the image's true width on the ground to its assumed width.

    Returns:
        An image or mask of the same shape; ground outside the input is mirrored in an image, 0 in a mask.
    """
    middle = np.full(2, (len(picture) - 1) / 2)
    cos, sin = math.cos(heading_rad) / scale, math.sin(heading_rad) / scale
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.asarray(
        cv2.warpAffine(
            picture,
            np.column_stack([linear, middle - linear @ middle]),
            picture.shape[1::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT if picture.ndim == 2 else cv2.BORDER_REFLECT_101,
        )
    )


def resized(picture: NDArray[Any], side_px: int) -> NDArray[Any]:
    """Return a square image or mask with `side_px` pixels a side, averaged over the pixels of the input."""
    if len(picture) == side_px:
        return picture
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA))
