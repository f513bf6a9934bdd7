# SPDX-License-Identifier: Apache-2.0
"""The grids of a map's tiles: a regular grid for each scale, aligned with the edges of the imagery."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.mapping.directory import TILE_DTYPE

_DEFAULT_VIEW_M = 100.0
_PIECES_AT_ONCE = 1000

COARSEST_IMAGERY = 2.0
"""Metres per pixel of imagery over those of the encoder's input above which tiles look blurred."""


def default_view_size_m(
    bounds_m: tuple[float, float, float, float], input_px: int, gsd_range_m: tuple[float, float]
) -> float:
    """Return the default view size: 100 m, or the nearest size that encoder and imagery allow.

    The encoder allows the sizes that it was trained for, `input_px` pixels of `gsd_range_m` metres. The
    imagery allows up to half its shorter side, so that even a small map has several places; this limit has
    priority.

    Args:
        bounds_m: left, bottom, right, top of the imagery.
        input_px: side of the encoder's input, pixels.
        gsd_range_m: finest and coarsest metres per pixel that the encoder was trained for.
    """
    finest, coarsest = gsd_range_m
    wanted = min(max(_DEFAULT_VIEW_M, finest * input_px), coarsest * input_px)
    left, bottom, right, top = bounds_m
    allowed = min(right - left, top - bottom) / 2
    return wanted if wanted <= allowed else math.floor(allowed * 10) / 10


def tile_grid(
    frame: LocalFrame,
    bounds_m: tuple[float, float, float, float],
    view_size_m: float,
    overlap: float,
    scales: Sequence[float],
    pieces_m: Float64Array | None = None,
) -> NDArray[np.void]:
    """Return all tiles of a map, level by level, rows from north to south, each row from west to east.

    Neighbours overlap by at least `overlap` of their side. The step is reduced until the outermost tiles end
    at the edges of the imagery, so that every pixel lies in a tile and no tile exceeds the imagery.

    Args:
        frame: local frame of the map.
        bounds_m: left, bottom, right, top of the imagery in the frame.
        view_size_m: side of a tile of level 0.
        overlap: share of a tile that its neighbour shows too, 0 to below 1.
        scales: side of the tiles of each level, in units of `view_size_m`.
        pieces_m: left, bottom, right, top (N, 4) of the parts of the imagery that are not empty; tiles that
            touch none are left out. None for imagery without gaps.

    Returns:
        Structured array of `TILE_DTYPE`, with valid_fraction 0.

    Raises:
        RasterError: if the imagery is smaller than a tile.
    """
    levels = [
        _level(bounds_m, view_size_m * scale, overlap, number, pieces_m)
        for number, scale in enumerate(scales)
    ]
    tiles = np.concatenate(levels)
    tiles["latitude"], tiles["longitude"] = frame.to_geodetic(tiles["east_m"], tiles["north_m"])
    return tiles


def pitch_m(bounds_m: tuple[float, float, float, float], view_size_m: float, overlap: float) -> float:
    """Return the largest step between neighbours of level 0; the nominal step if there is only one tile."""
    steps = [
        float(centres[1] - centres[0])
        for low, high in _extents(bounds_m)
        if len(centres := _centres(low, high, view_size_m, overlap)) > 1
    ]
    return max(steps, default=view_size_m * (1 - overlap))


def tile_count(
    bounds_m: tuple[float, float, float, float], view_size_m: float, overlap: float, scales: Sequence[float]
) -> int:
    """Return how many tiles `tile_grid` lays out, without making them."""
    (left, right), (bottom, top) = _extents(bounds_m)
    return sum(
        _count(right - left, view_size_m * scale, overlap)
        * _count(top - bottom, view_size_m * scale, overlap)
        for scale in scales
    )


def _level(
    bounds_m: tuple[float, float, float, float],
    size_m: float,
    overlap: float,
    number: int,
    pieces_m: Float64Array | None,
) -> NDArray[np.void]:
    (left, right), (bottom, top) = _extents(bounds_m)
    if size_m > min(right - left, top - bottom) * (1 + 1e-9):
        raise RasterError(
            f"the imagery is {right - left:.0f} m × {top - bottom:.0f} m, smaller than a tile of {size_m:g} "
            "m; choose a smaller --view-size or smaller --scales."
        )
    east = _centres(left, right, size_m, overlap)
    north = _centres(bottom, top, size_m, overlap)[::-1]
    chosen = _touching(east, north, size_m, pieces_m) if pieces_m is not None and len(pieces_m) > 1 else None
    chosen = np.arange(len(east) * len(north)) if chosen is None else chosen
    rows, columns = np.divmod(chosen, len(east))
    tiles = np.zeros(len(chosen), dtype=TILE_DTYPE)
    tiles["east_m"], tiles["north_m"] = east[columns], north[rows]
    tiles["size_m"], tiles["level"] = size_m, number
    return tiles


def _touching(east: Float64Array, north: Float64Array, size_m: float, pieces_m: Float64Array) -> Int64Array:
    """Return the numbers, row by row, of the tiles that touch a piece; memory grows with the pieces alone."""
    half = size_m / 2
    left, bottom, right, top = pieces_m.T
    first, last = (
        np.searchsorted(east + half, left, side="right"),
        np.searchsorted(east - half, right, side="left"),
    )
    # Rows run from north to south, so their order is that of the negative coordinate.
    upper, lower = (
        np.searchsorted(half - north, -top, side="right"),
        np.searchsorted(-half - north, -bottom, side="left"),
    )
    found: Int64Array = np.zeros(0, dtype=np.int64)
    waiting: list[Int64Array] = []
    for piece in zip(first, last, upper, lower, strict=True):
        columns, rows = np.arange(piece[0], piece[1]), np.arange(piece[2], piece[3])
        waiting.append((rows[:, None] * len(east) + columns).ravel())
        if len(waiting) == _PIECES_AT_ONCE:
            found, waiting = np.unique(np.concatenate([found, *waiting])), []
    return np.unique(np.concatenate([found, *waiting]))


def _extents(bounds_m: tuple[float, float, float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    left, bottom, right, top = bounds_m
    return (left, right), (bottom, top)


def _centres(low: float, high: float, size_m: float, overlap: float) -> Float64Array:
    count = _count(high - low, size_m, overlap)
    if count == 1:
        return np.array([(low + high) / 2])
    return np.linspace(low + size_m / 2, high - size_m / 2, count)


def _count(extent_m: float, size_m: float, overlap: float) -> int:
    # The allowance keeps rounding from adding a tile to a span that fits exactly.
    return max(0, math.ceil((extent_m - size_m) / (size_m * (1 - overlap)) - 1e-6)) + 1
