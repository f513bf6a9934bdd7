# SPDX-License-Identifier: Apache-2.0
"""Sources of imagery: a GeoTIFF, an image with bounds or a world file, or a folder of map tiles.

Each opens as a `Source`, which has the pixels and their georeference.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio import DatasetReader
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import from_bounds

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import RasterError, clause
from geoloc.geodesy import LocalFrame
from geoloc.raster.reference_systems import check_on_earth, parse_crs, position_note
from geoloc.raster.tile_rows import RowOrder, tree_of
from geoloc.raster.xyz_tiles import is_xyz_folder, read_tree

# The supported formats; every build of GDAL can read them, and none of the drivers uses the network.
_DRIVERS = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".jp2": "JP2OpenJPEG",
    ".bmp": "BMP",
    ".vrt": "VRT",
}

Bounds = tuple[float, float, float, float]

_OUTLINE_POINTS = 65
_TURN_PX = 10.0  # a point that returns from the local frame by so much elsewhere went around the Earth
_HALF_WORLD_DEG = 180.0


@dataclass(frozen=True)
class Source:
    """An open image and its georeference.

    Attributes:
        dataset: open rasterio dataset; the owner of the source closes it.
        crs: coordinate reference system of `transform`.
        transform: affine transform from pixel (column, row) to coordinates in `crs`, x first.
        path: file or folder that was opened, for messages.
        pieces: pixel rectangles (N, 4) of column, row, width, height that have imagery; None for the whole
            image.
        notes: sentences for the user about how the source was read.
    """

    dataset: DatasetReader
    crs: CRS
    transform: Affine
    path: Path
    pieces: Int64Array | None = None
    notes: tuple[str, ...] = ()

    def central_frame(self) -> LocalFrame:
        """Return the local frame centred on the image."""
        x, y = _apply(self.transform, np.array([self.dataset.width / 2]), np.array([self.dataset.height / 2]))
        to_geodetic = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = (float(value[0]) for value in to_geodetic.transform(x, y))
        if not (math.isfinite(longitude) and math.isfinite(latitude) and abs(latitude) < 89):
            raise RasterError(
                f"{self.path}: its centre ({x[0]:.6g}, {y[0]:.6g}) lies outside {self.crs.name}; check the "
                "reference system and the order of the bounds."
            )
        return LocalFrame(latitude, (longitude + 180.0) % 360.0 - 180.0)

    def position_note(self, frame: LocalFrame) -> str | None:
        """Return a sentence if the reference system is not accurate; see `reference_systems`."""
        return position_note(self.crs, frame.latitude_deg, frame.longitude_deg, self.path.name)

    def pixel_size_m(self, frame: LocalFrame) -> tuple[float, float]:
        """Return the width and height of the central pixel, metres."""
        column, row = self.dataset.width / 2, self.dataset.height / 2
        columns, rows = np.array([column, column + 1, column]), np.array([row, row, row + 1])
        centre, right, below = self._to_frame(frame, columns, rows)
        size = math.dist(centre, right), math.dist(centre, below)
        if not (math.isfinite(sum(size)) and min(size) > 0):
            raise RasterError(f"{self.path}: the georeference gives pixels no size on the ground; repair it.")
        return size

    def bounds_m(self, frame: LocalFrame) -> Bounds:
        """Return left, bottom, right, top of the image in a local frame, metres."""
        width, height = self.dataset.width, self.dataset.height
        outline = self._to_frame(frame, *_outline(np.array([[0, 0, width, height]])))
        if not np.isfinite(outline).all():
            raise RasterError(f"{self.path}: part of it lies outside {self.crs.name}; crop or repair it.")
        (left, bottom), (right, top) = outline.min(axis=0), outline.max(axis=0)
        return float(left), float(bottom), float(right), float(top)

    def pieces_m(self, frame: LocalFrame) -> Float64Array:
        """Return left, bottom, right, top (N, 4) of each piece with imagery in a local frame, metres."""
        if self.pieces is None:
            return np.array([self.bounds_m(frame)])
        places = self._to_frame(frame, *_outline(self.pieces))
        places = places.reshape(len(self.pieces), -1, 2)
        return np.concatenate([places.min(axis=1), places.max(axis=1)], axis=1)

    def placements(self, frame: LocalFrame) -> tuple[Affine, ...]:
        """Return `transform`, moved by whole turns around the Earth so that PROJ finds each pixel.

        PROJ gives longitudes from -180 to 180 degrees, and projections that repeat give x of one turn. An
        image with longitudes of 0 to 360 degrees, or one across the antimeridian, has others. The latter has
        two placements, each for the part on one side.

        Args:
            frame: local frame of the views.
        """
        columns, rows = _outline(np.array([[0, 0, self.dataset.width, self.dataset.height]]))
        x, y = _apply(self.transform, columns, rows)
        places = self._to_frame(frame, columns, rows)
        to_source = Transformer.from_crs(frame.crs, self.crs, always_xy=True)
        turned_x, turned_y = to_source.transform(places[:, 0], places[:, 1])
        moved, pixel = turned_x - x, max(abs(self.transform.a), abs(self.transform.b))
        turned = (np.abs(moved) > max(_TURN_PX * pixel, np.ptp(x))) & (
            np.abs(turned_y - y) < _TURN_PX * pixel
        )
        turns = [0.0] if not turned.all() else []
        turns += [
            float(np.median(moved[side]))
            for side in (turned & (moved > 0), turned & (moved < 0))
            if side.any()
        ]
        return tuple(Affine.translation(turn, 0) @ self.transform for turn in turns)

    def _to_frame(self, frame: LocalFrame, columns: Float64Array, rows: Float64Array) -> Float64Array:
        x, y = _apply(self.transform, columns, rows)
        east, north = Transformer.from_crs(self.crs, frame.crs, always_xy=True).transform(x, y)
        return np.stack([east, north], axis=-1)


def open_source(path: Path, bounds: Sequence[float] | None, crs: str | None) -> Source:
    """Open imagery of any supported kind.

    Args:
        path: a GeoTIFF, an image, or a folder z/x/y.png of XYZ tiles.
        bounds: west, south, east, north of the outer edges of an image, in `crs`.
        crs: coordinate reference system of the bounds (default EPSG:4326), or of a file without one.

    Raises:
        RasterError: if the source cannot be read or has no georeference.
    """
    path, rows = tree_of(Path(path))
    if not path.exists():
        raise RasterError(f"{path} does not exist; give a GeoTIFF, an image, or a folder of XYZ tiles.")
    if path.is_dir():
        return _open_folder(path, bounds, crs, rows)
    dataset = _open_file(path)
    try:
        reference, transform = _place(dataset, path, bounds, crs)
    except RasterError:
        dataset.close()
        raise
    return Source(dataset, reference, transform, path)


def _open_folder(
    path: Path, bounds: Sequence[float] | None, crs: str | None, rows: RowOrder | None
) -> Source:
    if not is_xyz_folder(path):
        raise RasterError(f"{path} is a folder without XYZ tiles; name them as in {path}/17/34567/45678.png.")
    if bounds is not None or crs is not None:
        raise RasterError(f"{path} holds XYZ tiles, whose names state where they lie; omit bounds and crs.")
    tree = read_tree(path, rows)
    dataset = _open(tree.xml, "VRT", path)
    return Source(dataset, tree.crs, dataset.transform, path, tree.pieces, tree.notes)


def _open_file(path: Path) -> DatasetReader:
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise RasterError(f"{path} is not an image of a supported format; give one of {', '.join(_DRIVERS)}.")
    return _open(str(path), driver, path)


def _open(target: str, driver: str, path: Path) -> DatasetReader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(target, driver=driver)
    except (RasterioError, OSError) as error:  # before rasterio 1.4, an error of a file is an OSError alone
        raise RasterError(
            f"{path} cannot be read as an image ({clause(error)}); restore the file, or give another one."
        ) from error


def _place(
    dataset: DatasetReader, path: Path, bounds: Sequence[float] | None, crs: str | None
) -> tuple[CRS, Affine]:
    georeferenced = not dataset.transform.is_identity
    if bounds is not None:
        if dataset.crs is not None and georeferenced:
            raise RasterError(f"{path} has a georeference of its own; omit bounds.")
        reference = _earthly(crs or "EPSG:4326", path)
        edges = checked_bounds(bounds, degrees=reference.is_geographic)
        return reference, from_bounds(*edges, dataset.width, dataset.height)
    if not georeferenced:
        raise RasterError(
            f"{path} has no georeference; give its bounds (west south east north), put a world file "
            "beside it, or georeference it with gdal_edit.py."
        )
    if dataset.crs is None and crs is None:
        raise RasterError(
            f"{path} has no coordinate reference system; give it (crs, such as EPSG:32615), or write it to "
            f"the file with `gdal_edit.py -a_srs EPSG:… {path.name}`."
        )
    if dataset.crs is None:
        return _earthly(str(crs), path), dataset.transform
    own = parse_crs(dataset.crs.to_wkt())
    if crs is not None and not own.equals(parse_crs(crs), ignore_axis_order=True):
        raise RasterError(
            f"{path} has a reference system of its own ({own.name}); omit crs, or correct the file with "
            f"`gdal_edit.py -a_srs {crs} {path.name}`."
        )
    check_on_earth(own, path.name)
    return own, dataset.transform


def _earthly(crs: str, path: Path) -> CRS:
    """Return the reference system of a text, after a check that it has a place on Earth."""
    reference = parse_crs(crs)
    check_on_earth(reference, path.name)
    return reference


def checked_bounds(bounds: Sequence[float], *, degrees: bool = False) -> Bounds:
    """Return bounds as four floats, with west < east and south < north.

    Args:
        bounds: west, south, east, north.
        degrees: whether they are degrees, so that an east edge beyond 180° may be given as one below west.

    Raises:
        RasterError: if they are reversed, empty or not four numbers.
    """
    if len(bounds) != 4:
        raise RasterError(f"bounds have {len(bounds)} numbers; give four, west south east north.")
    west, south, east, north = (float(value) for value in bounds)
    if degrees and -180 <= east < 0 < west <= 180 and east + 360 - west < _HALF_WORLD_DEG:
        east += 360
    if not (west < east and south < north):
        raise RasterError(
            f"bounds {west} {south} {east} {north} are empty or reversed; give west south east north, "
            "with west < east and south < north."
        )
    return west, south, east, north


def _moved(transform: Affine, x: float) -> Affine:
    return Affine(transform.a, transform.b, transform.c + x, transform.d, transform.e, transform.f)


def _outline(rectangles: NDArray[Any]) -> tuple[Float64Array, Float64Array]:
    """Return columns and rows of points around rectangles (N, 4) of column, row, width, height.

    The outline is curved in the local frame, so the corners alone would underestimate the bounds.
    """
    count = _OUTLINE_POINTS if len(rectangles) == 1 else 2
    along, start, end = np.linspace(0.0, 1.0, count), np.zeros(count), np.ones(count)
    column, row, width, height = (rectangles[:, [side]].astype(np.float64) for side in range(4))
    columns = column + np.concatenate([along, along, start, end]) * width
    rows = row + np.concatenate([start, end, along, along]) * height
    return columns.ravel(), rows.ravel()


def _apply(transform: Affine, columns: Float64Array, rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    x = transform.a * columns + transform.b * rows + transform.c
    y = transform.d * columns + transform.e * rows + transform.f
    return x, y
