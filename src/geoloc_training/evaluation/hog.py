# SPDX-License-Identifier: Apache-2.0
"""Histograms of oriented gradients (HOG) as a baseline descriptor."""

import cv2
import numpy as np
from numpy.typing import NDArray

_BINS = 9


def describe_hog(views: NDArray[np.uint8], cell_px: int = 16) -> NDArray[np.float32]:
    """Describe views (N, S, S, 3) by gradient histograms per cell, normalized in blocks of 2 x 2 cells.

    Returns:
        L2-normalized descriptors, float32 (N, D).
    """
    return np.stack([_hog(view, cell_px) for view in views])


def _hog(view: NDArray[np.uint8], cell_px: int) -> NDArray[np.float32]:
    grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32)
    east, south = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength, angle = np.hypot(east, south), np.arctan2(south, east) % np.pi
    position = angle / np.pi * _BINS
    low = np.floor(position).astype(int) % _BINS
    high_share = position - np.floor(position)
    planes = np.zeros((_BINS, *grey.shape), np.float32)
    rows, columns = np.indices(grey.shape)
    planes[low, rows, columns] = strength * (1 - high_share)
    planes[(low + 1) % _BINS, rows, columns] += strength * high_share
    cells = grey.shape[0] // cell_px
    side = cells * cell_px
    histogram = planes[:, :side, :side].reshape(_BINS, cells, cell_px, cells, cell_px).sum(axis=(2, 4))
    blocks = np.concatenate(
        [histogram[:, r : cells - 1 + r, c : cells - 1 + c] for r in (0, 1) for c in (0, 1)]
    )
    blocks = blocks / np.sqrt((blocks**2).sum(axis=0, keepdims=True) + 1.0)
    flat = blocks.ravel()
    return (flat / max(float(np.linalg.norm(flat)), 1e-9)).astype(np.float32)  # type: ignore[no-any-return]
