# SPDX-License-Identifier: Apache-2.0
"""Cuts a georeferenced image into overlapping tiles, and measures the similarity of neighbouring views."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.camera.views import fill_invalid, has_texture
from geoloc.errors import RasterError
from geoloc.mapping.grid import tile_grid
from geoloc.progress import progress_bar
from geoloc.raster.views import Raster
from geoloc_training.adaptation.view_files import write_view
from geoloc_training.arrays import Describe, Views
from geoloc_training.datasets.region import TileRow, tile_file, write_tiles

_LEAST_TILES = 2
_COMPARED = 64


@dataclass(frozen=True)
class TileOptions:
    """Size and overlap of training tiles.

    Attributes:
        view_size_m: side of a tile on the ground.
        size_px: side of a tile's image in pixels.
        overlap: overlap of neighbouring tiles, as a share of a tile.
        min_valid: least share of a tile that must be imagery.
    """

    view_size_m: float
    size_px: int
    overlap: float = 0.5
    min_valid: float = 0.5


def cut_tiles(raster: Raster, options: TileOptions, root: Path, *, progress: bool) -> tuple[int, int]:
    """Write the tiles of a map as image files, with their table.

    Returns:
        Number of tiles written, and number of tiles left out because they lack imagery.

    Raises:
        RasterError: the imagery is smaller than a tile, gives fewer than two tiles, or cannot be read.
    """
    grid = tile_grid(
        raster.frame, raster.bounds_m, options.view_size_m, options.overlap, (1.0,), raster.pieces_m()
    )
    (root / "tiles").mkdir(parents=True, exist_ok=True)
    rows: list[TileRow] = []
    for tile in progress_bar(grid, label="tiles", unit="tile", shown=progress):
        view, share = _view(raster, float(tile["east_m"]), float(tile["north_m"]), options)
        if share < options.min_valid or not has_texture(view):
            continue
        path = tile_file(root, len(rows))
        write_view(path, view)
        numbers = (float(tile[name]) for name in ("latitude", "longitude", "east_m", "north_m", "size_m"))
        rows.append(TileRow(path.name, *numbers))
    if len(rows) < _LEAST_TILES:
        raise RasterError(
            f"{raster.name} holds {len(rows)} tiles of {options.view_size_m:g} m with imagery, fewer than "
            f"{_LEAST_TILES}; choose a smaller --view-size or a larger map."
        )
    write_tiles(root, rows)
    return len(rows), len(grid) - len(rows)


def step_cosine(
    raster: Raster, options: TileOptions, describe: Describe, share: float, seed: int = 0
) -> float:
    """Return the median cosine of two map views at a given distance.

    Args:
        raster: imagery of the map.
        options: size of a view.
        describe: views uint8 (N, S, S, 3) -> unit descriptors (N, D).
        share: distance of the two views, as a share of their side.
        seed: seed of the random positions.

    Raises:
        RasterError: the imagery cannot be read.
    """
    left, bottom, right, top = raster.bounds_m
    half, step = options.view_size_m / 2, share * options.view_size_m
    rng = np.random.default_rng(seed)
    east = rng.uniform(left + half, max(left + half, right - half - step), _COMPARED)
    north = rng.uniform(bottom + half, max(bottom + half, top - half), _COMPARED)
    here, there = (
        np.stack(
            [_view(raster, float(e) + by, float(n), options)[0] for e, n in zip(east, north, strict=True)]
        )
        for by in (0.0, step)
    )
    return float(np.median((describe(here) * describe(there)).sum(axis=1)))


def _view(raster: Raster, east_m: float, north_m: float, options: TileOptions) -> tuple[Views, float]:
    """Return a view (S, S, 3), cut as by the map builder, and its share of imagery."""
    picture, valid = raster.view(east_m, north_m, options.view_size_m, options.size_px)
    return fill_invalid(picture, valid), float(valid.mean())
