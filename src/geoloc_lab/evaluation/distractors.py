# SPDX-License-Identifier: Apache-2.0
"""Adds distractor tiles from imagery of other places to a map, so that searching a small map is harder.

Distractor tiles keep their true coordinates, and the search treats them like any other tile. A view that is
matched to one gets an answer with an error of hundreds of kilometres.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import BoolArray, Float32Array, Float64Array
from geoloc.camera.views import fill_invalid, has_texture
from geoloc.checksums import file_sha256
from geoloc.errors import BagError, MapError, clause
from geoloc.geodesy import LocalFrame
from geoloc.mapping.directory import TILE_DTYPE, MapDirectory, open_map
from geoloc.mapping.manifest import (
    DESCRIPTORS,
    MANIFEST,
    PARAMS,
    RASTER,
    TILES,
    FileRecord,
    load_manifest,
    write_manifest,
)
from geoloc.progress import progress_bar
from geoloc.raster.colours import Rgb
from geoloc.raster.views import Raster, open_raster
from geoloc_lab.csv_table import read_rows

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_WHITE, _WHITE_PX = 250, 9


@dataclass(frozen=True)
class Picture:
    """A georeferenced image to cut distractor tiles from.

    Attributes:
        path: the file.
        bounds: left, bottom, right, top in `crs`; None if the file is georeferenced.
        crs: coordinate reference system, such as "EPSG:26986"; None if the file is georeferenced.
        white_is_nodata: whether white pixels are nodata, for imagery without a nodata mask.
    """

    path: Path
    bounds: tuple[float, float, float, float] | None = None
    crs: str | None = None
    white_is_nodata: bool = False


@dataclass(frozen=True)
class Draw:
    """Random sample of tiles: at most `count` (None for no limit), and at most `per_picture` of one image."""

    count: int | None = 1000
    per_picture: int = 25
    seed: int = 0


def indexed_pictures(index: Path) -> list[Picture]:
    """Return the images listed in a table with columns file, epsg, left, bottom, right, top.

    The files lie beside the table, or in a folder `images` beside it.

    Raises:
        BagError: if the table cannot be read or lacks a column.
    """
    folder = index.parent / "images" if (index.parent / "images").is_dir() else index.parent
    rows = read_rows(index, "table of georeferenced images")
    try:
        return [
            Picture(
                folder / row["file"],
                (float(row["left"]), float(row["bottom"]), float(row["right"]), float(row["top"])),
                f"EPSG:{int(row['epsg'])}",
            )
            for row in rows
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BagError(
            f"{index} is not a table of georeferenced images ({clause(error)}); correct it."
        ) from error


def placed_pictures(index: Path) -> list[Picture]:
    """Return `indexed_pictures`, or an empty list if the table has no column `epsg`.

    Raises:
        BagError: see `indexed_pictures`.
    """
    header = index.read_text(encoding="utf-8").splitlines()[:1]
    return indexed_pictures(index) if header and "epsg" in header[0] else []


def add_distractors(
    base: MapDirectory,
    encoder: "Encoder",
    pictures: Sequence[Picture],
    out: Path,
    *,
    draw: Draw | None = None,
    progress: bool = False,
) -> MapDirectory:
    """Write a copy of a map with distractor tiles added, or open it if it exists.

    Distractor tiles are cut side by side, at the map's tile size.

    Args:
        base: the map, without index file.
        encoder: encoder of the model that the map was built with.
        pictures: images to cut tiles from, in this order.
        out: folder of the new map.
        draw: number of tiles and seed of the random sample.
        progress: whether to show a progress bar.

    Raises:
        MapError: if `out` holds another map, or no image holds a whole tile.
        RasterError: if an image cannot be read.
    """
    draw = draw or Draw()
    recipe = _recipe(base, pictures, draw)
    if (out / MANIFEST).is_file():
        if load_manifest(out).recipe_sha256 == recipe:
            return open_map(out, encoder.card)
        raise MapError(f"{out} holds another map; remove it, or choose another folder.")
    tiles, descriptors = _described(pictures, base, encoder, draw, progress=progress)
    if not len(tiles):
        raise MapError(
            f"the distractor imagery holds no whole tile of {base.view_size_m:g} m; add larger images."
        )
    _publish(
        base, out, recipe, np.concatenate([base.tiles, tiles]), np.vstack([base.descriptors, descriptors])
    )
    return open_map(out, encoder.card)


def _recipe(base: MapDirectory, pictures: Sequence[Picture], draw: Draw) -> str:
    whites = [p.path.name for p in pictures if p.white_is_nodata]
    parts = [base.manifest.recipe_sha256, asdict(draw), *((p.path.name, p.bounds, p.crs) for p in pictures)]
    parts += [whites] if whites else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _described(
    pictures: Sequence[Picture], base: MapDirectory, encoder: "Encoder", draw: Draw, *, progress: bool
) -> tuple[NDArray[np.void], Float32Array]:
    tiles = [np.empty(0, dtype=TILE_DTYPE)]
    descriptors = [np.empty((0, base.descriptors.shape[1]), dtype=np.float32)]
    rng = np.random.default_rng(draw.seed)
    found = 0
    with progress_bar(label="distractors", unit="tile", total=draw.count, shown=progress) as bar:
        for picture in pictures:
            with open_raster(picture.path, bounds=picture.bounds, crs=picture.crs) as raster:
                most = draw.per_picture if draw.count is None else min(draw.per_picture, draw.count - found)
                centres = rng.permutation(tile_centres_m(raster, base.view_size_m))[:most]
                views, valid = _views(raster, centres, base, encoder, white_is_nodata=picture.white_is_nodata)
                keep = valid >= base.manifest.min_valid
                if keep.any():
                    tiles.append(_tiles(base, raster.frame, centres[keep], valid[keep]))
                    descriptors.append(encoder.describe(views[keep]))
                    found += int(keep.sum())
                    bar.update(int(keep.sum()))
            if found == draw.count:
                break
    return np.concatenate(tiles), np.vstack(descriptors)


def tile_centres_m(raster: Raster, size_m: float) -> Float64Array:
    """Return the centres (n, 2) of adjacent tiles, east and north in the raster's local frame."""
    left, bottom, right, top = raster.bounds_m
    east_m = np.arange(left + size_m / 2, right - size_m / 2 + 1e-6, size_m)
    north_m = np.arange(bottom + size_m / 2, top - size_m / 2 + 1e-6, size_m)
    return np.stack(np.meshgrid(east_m, north_m), axis=-1).reshape(-1, 2)


def _views(
    raster: Raster,
    centres: Float64Array,
    base: MapDirectory,
    encoder: "Encoder",
    *,
    white_is_nodata: bool,
) -> tuple[Rgb, Float64Array]:
    size_m, size_px = base.view_size_m, encoder.card.input_px
    views = np.empty((len(centres), size_px, size_px, 3), dtype=np.uint8)
    share = np.empty(len(centres))
    for i, (east_m, north_m) in enumerate(centres):
        picture, valid = raster.view(float(east_m), float(north_m), size_m, size_px)
        if white_is_nodata:
            valid = valid & ~is_white(picture)
        views[i] = fill_invalid(picture, valid)
        # Some imagery marks nodata by a uniform colour.
        share[i] = valid.mean() if has_texture(views[i]) else 0.0
    return views, share


def is_white(rgb: Rgb) -> BoolArray:
    """Return a mask (H, W), True where an image (H, W, 3) is white over a whole neighbourhood: nodata."""
    white = (rgb.min(axis=2) >= _WHITE).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(white, cv2.MORPH_OPEN, np.ones((_WHITE_PX, _WHITE_PX))) > 0)


def _tiles(
    base: MapDirectory, frame: LocalFrame, centres: Float64Array, valid: Float64Array
) -> NDArray[np.void]:
    tiles = np.zeros(len(centres), dtype=TILE_DTYPE)
    tiles["latitude"], tiles["longitude"] = frame.to_geodetic(*centres.T)
    tiles["east_m"], tiles["north_m"] = base.frame.to_local(tiles["latitude"], tiles["longitude"])
    tiles["size_m"], tiles["valid_fraction"] = base.view_size_m, valid
    return tiles


def _publish(
    base: MapDirectory, out: Path, recipe: str, tiles: NDArray[np.void], descriptors: Float32Array
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in (RASTER, PARAMS):
        shutil.copyfile(base.path / name, out / name)
    np.save(out / TILES, tiles, allow_pickle=False)
    np.save(out / DESCRIPTORS, descriptors.astype(np.float32), allow_pickle=False)
    names = (TILES, DESCRIPTORS, RASTER, PARAMS)
    files = tuple(FileRecord(name, (out / name).stat().st_size, file_sha256(out / name)) for name in names)
    added = len(tiles) - len(base.tiles)
    imagery = replace(
        base.manifest.imagery, source=f"{base.manifest.imagery.source}; {added} distractor tiles"
    )
    manifest = replace(
        base.manifest, tile_count=len(tiles), files=files, recipe_sha256=recipe, imagery=imagery
    )
    write_manifest(out, manifest)  # written last: a folder without a manifest is not a map
