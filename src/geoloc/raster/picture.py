# SPDX-License-Identifier: Apache-2.0
"""The map's raster: imagery warped once into the local frame, from which views are cut quickly.

Warping is exact and slow. It is done once, into a cloud-optimized GeoTIFF with averaged overviews. Views then
need only an affine transform of pixels, which takes a tenth of the time of a warp.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoloc.arrays import BoolArray, Float64Array
from geoloc.errors import MapError, RasterError, clause
from geoloc.geodesy import LocalFrame
from geoloc.progress import progress_bar
from geoloc.raster.colours import Rgb
from geoloc.raster.sources import Source, open_source
from geoloc.raster.views import Raster

_BLOCK_PX = 512
_STEP_PX = 4 * _BLOCK_PX
_JPEG_QUALITY = 90
_SAME_PLACE_M = 1e-3
_MARGIN_PX = 2
_WHOLE = 1e-3


def write_picture(
    raster: Raster, path: Path, gsd_m: float, *, lossless: bool = False, progress: bool = False
) -> None:
    """Warp a raster into its local frame and write it as a cloud-optimized GeoTIFF with mask and overviews.

    The raster is processed in blocks, so memory does not grow with its size. The file gets its name once it
    is complete; until then, files beside it that end in `.part` need up to 4 bytes per pixel.

    Args:
        raster: the raster to copy.
        path: file to write.
        gsd_m: metres per pixel of the copy.
        lossless: whether to compress with deflate instead of JPEG at quality 90.
        progress: whether to show a progress bar.

    Raises:
        MapError: if the file cannot be written.
        RasterError: if the raster cannot be read.
    """
    flat, part = path.with_suffix(".flat.part"), path.with_suffix(".cog.part")
    try:
        _write_blocks(raster, flat, gsd_m, progress=progress)
        _write_cog(flat, part, lossless=lossless)
        part.replace(path)
    except (RasterioError, OSError) as error:
        raise MapError(
            f"{path} cannot be written ({clause(error)}); free some disk space and run the command again."
        ) from error
    finally:
        for leftover in (flat, part):
            leftover.unlink(missing_ok=True)


def _write_blocks(raster: Raster, path: Path, gsd_m: float, *, progress: bool) -> None:
    left, bottom, right, top = raster.bounds_m
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 3,
        "width": max(1, math.ceil((right - left) / gsd_m - 1e-6)),
        "height": max(1, math.ceil((top - bottom) / gsd_m - 1e-6)),
        "crs": raster.frame.crs.to_wkt(),
        "transform": Affine(gsd_m, 0, left, 0, -gsd_m, top),
        "photometric": "RGB",
        "tiled": True,
        "blockxsize": _BLOCK_PX,
        "blockysize": _BLOCK_PX,
        "compress": "deflate",
        "zlevel": 1,
        "BIGTIFF": "IF_SAFER",
        "SPARSE_OK": "TRUE",
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as out:
        blocks = _with_imagery(list(_blocks(out)), raster, gsd_m)
        for block in progress_bar(blocks, label="imagery", unit="block", shown=progress):
            rgb, valid = raster.window(
                left + block.col_off * gsd_m, top - block.row_off * gsd_m, block.width, block.height, gsd_m
            )
            out.write(rgb.transpose(2, 0, 1), window=block)
            out.write_mask(valid, window=block)


def _blocks(dataset: DatasetReader) -> Iterator[Window]:
    for row in range(0, dataset.height, _STEP_PX):
        for column in range(0, dataset.width, _STEP_PX):
            width, height = min(_STEP_PX, dataset.width - column), min(_STEP_PX, dataset.height - row)
            yield Window(column, row, width, height)


def _with_imagery(blocks: list[Window], raster: Raster, gsd_m: float) -> list[Window]:
    """Return the blocks that touch a piece of the raster with imagery; the others stay empty in the file."""
    pieces = raster.pieces_m()
    if len(pieces) == 1:
        return blocks
    left, _, _, top = raster.bounds_m
    first, last = (pieces[:, 0] - left) / gsd_m, (pieces[:, 2] - left) / gsd_m
    upper, lower = (top - pieces[:, 3]) / gsd_m, (top - pieces[:, 1]) / gsd_m
    return [
        block
        for block in blocks
        if (
            (first < block.col_off + block.width + _MARGIN_PX)
            & (last > block.col_off - _MARGIN_PX)
            & (upper < block.row_off + block.height + _MARGIN_PX)
            & (lower > block.row_off - _MARGIN_PX)
        ).any()
    ]


def _write_cog(flat: Path, path: Path, *, lossless: bool) -> None:
    coding = {"compress": "DEFLATE", "predictor": "YES"} if lossless else {"compress": "JPEG"}
    if not lossless:
        coding["quality"] = str(_JPEG_QUALITY)
    rasterio.shutil.copy(
        flat,
        path,
        driver="COG",
        blocksize=_BLOCK_PX,
        overview_resampling="AVERAGE",
        bigtiff="IF_SAFER",
        sparse_ok="TRUE",
        num_threads="ALL_CPUS",
        **coding,
    )


def open_picture(path: Path, frame: LocalFrame) -> Raster:
    """Open a file that `write_picture` wrote; it returns views faster than another `Raster`.

    Args:
        path: the file.
        frame: local frame that the file was written in.

    Raises:
        RasterError: if the file cannot be read, or is in another frame.
    """
    with contextlib.ExitStack() as undo:
        source = open_source(path, None, None)
        undo.callback(source.dataset.close)
        picture = _Picture(source, frame)
        undo.pop_all()
    return picture


class _Picture(Raster):
    """A raster stored in its local frame, so that one affine transform takes its pixels to a view."""

    def __init__(self, source: Source, frame: LocalFrame) -> None:
        super().__init__(source, frame)
        if not np.allclose(self.bounds_m, source.dataset.bounds, rtol=0, atol=_SAME_PLACE_M):
            raise RasterError(f"{source.path} is not the raster of this map; build the map again.")
        self._levels = {1: source.dataset} | {
            factor: rasterio.open(source.path, driver="GTiff", overview_level=level)
            for level, factor in enumerate(source.dataset.overviews(1))
        }

    def close(self) -> None:
        for dataset in self._levels.values():
            dataset.close()

    def _warp(
        self,
        transform: Affine,
        width: int,
        height: int,
        gsd_m: float,
        resampling: Resampling = Resampling.cubic,
    ) -> tuple[Rgb, BoolArray]:
        # The coarsest overview that has at least two pixels per pixel of the view.
        fitting = [factor for factor in self._levels if factor * self.gsd_m * 2 <= gsd_m]
        dataset = self._levels[max(fitting, default=1)]
        try:
            return _cut(dataset, transform, width, height)
        except (RasterioError, OSError) as error:
            raise RasterError(
                f"{self._source.path} cannot be read ({clause(error)}), so it is truncated or "
                "damaged; restore it."
            ) from error


def _cut(dataset: DatasetReader, transform: Affine, width: int, height: int) -> tuple[Rgb, BoolArray]:
    """Return a view of a dataset; `transform` takes its (column, row) to the dataset's coordinates."""
    from_view = np.linalg.inv(_matrix(dataset.transform)) @ _matrix(transform)
    window = _window(dataset, from_view, width, height)
    if window is None:
        return np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.bool_)
    pixels = np.ascontiguousarray(dataset.read([1, 2, 3], window=window).transpose(1, 2, 0))
    known = dataset.dataset_mask(window=window) > 0
    # Where the file is finer than the view, take several samples per pixel and average them against aliasing.
    samples = max(1, math.ceil(math.sqrt(abs(np.linalg.det(from_view[:2, :2]))) - 1e-6))
    to_window = np.array([[1, 0, -window.col_off], [0, 1, -window.row_off], [0, 0, 1.0]])
    place = _between_centres(to_window @ from_view @ np.diag([1 / samples, 1 / samples, 1]))

    def resample(values: NDArray[Any]) -> NDArray[Any]:
        fine = cv2.warpAffine(
            values, place, (width * samples, height * samples), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA))

    share = resample(known.astype(np.float32))
    if share.min() > 1 - _WHOLE:
        return resample(pixels).astype(np.uint8), np.ones((height, width), np.bool_)
    # Near nodata, average the valid pixels alone; the black of nodata would darken the edge.
    valid = share > 0.5
    colours = resample(pixels * known[..., None].astype(np.float32)) / np.maximum(share, 0.5)[..., None]
    return np.rint(np.where(valid[..., None], colours, 0)).astype(np.uint8), valid


def _window(dataset: DatasetReader, from_view: Float64Array, width: int, height: int) -> Window | None:
    """Return the window of a dataset that a view overlaps; None if they do not overlap."""
    corners = from_view @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    left, top = np.floor(corners[:2].min(axis=1)).astype(int) - _MARGIN_PX
    right, bottom = np.ceil(corners[:2].max(axis=1)).astype(int) + _MARGIN_PX
    left, top, right, bottom = (
        max(0, left),
        max(0, top),
        min(dataset.width, right),
        min(dataset.height, bottom),
    )
    if left >= right or top >= bottom:
        return None
    return Window(int(left), int(top), int(right - left), int(bottom - top))


def _matrix(transform: Affine) -> Float64Array:
    return np.array(transform, dtype=np.float64).reshape(3, 3)


def _between_centres(edges: Float64Array) -> Float64Array:
    """Convert an affine transform (3, 3) of pixel edges to OpenCV's (2, 3) of pixel centres."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    return np.asarray((np.linalg.inv(half) @ edges @ half)[:2])
