# SPDX-License-Identifier: Apache-2.0
"""Sources of imagery: a GeoTIFF, an image with bounds or a world file, or a folder of XYZ tiles.

Each opens as a `Source`, which has the pixels and their georeference.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio import DatasetReader
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import from_bounds

from geoloc.arrays import Float64Array
from geoloc.errors import RasterError, clause
from geoloc.geodesy import LocalFrame
from geoloc.raster.xyz_tiles import is_xyz_folder, mosaic_xml

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


@dataclass(frozen=True)
class Source:
    """An open image and its georeference.

    Attributes:
        dataset: open rasterio dataset; the owner of the source closes it.
        crs: coordinate reference system of `transform`.
        transform: affine transform from pixel (column, row) to coordinates in `crs`, x first.
        path: file or folder that was opened, for messages.
    """

    dataset: DatasetReader
    crs: CRS
    transform: Affine
    path: Path

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
        # The outline is curved in the local frame, so the corners alone would underestimate the bounds.
        along = np.linspace(0.0, 1.0, 65)
        columns = np.concatenate([along * width, along * width, along * 0, along * 0 + width])
        rows = np.concatenate([along * 0, along * 0 + height, along * height, along * height])
        outline = self._to_frame(frame, columns, rows)
        if not np.isfinite(outline).all():
            raise RasterError(f"{self.path}: part of it lies outside {self.crs.name}; crop or repair it.")
        (left, bottom), (right, top) = outline.min(axis=0), outline.max(axis=0)
        return float(left), float(bottom), float(right), float(top)

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
    path = Path(path)
    if not path.exists():
        raise RasterError(f"{path} does not exist; give a GeoTIFF, an image, or a folder of XYZ tiles.")
    if path.is_dir():
        return _open_folder(path, bounds, crs)
    dataset = _open_file(path)
    try:
        reference, transform = _place(dataset, path, bounds, crs)
    except RasterError:
        dataset.close()
        raise
    return Source(dataset, reference, transform, path)


def _open_folder(path: Path, bounds: Sequence[float] | None, crs: str | None) -> Source:
    if not is_xyz_folder(path):
        raise RasterError(f"{path} is a folder without XYZ tiles; name them as in {path}/17/34567/45678.png.")
    if bounds is not None or crs is not None:
        raise RasterError(f"{path} holds XYZ tiles, whose names state where they lie; omit bounds and crs.")
    dataset = _open(mosaic_xml(path), "VRT", path)
    return Source(dataset, CRS.from_epsg(3857), dataset.transform, path)


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
        transform = from_bounds(*checked_bounds(bounds), dataset.width, dataset.height)
        return parse_crs(crs or "EPSG:4326"), transform
    if not georeferenced:
        raise RasterError(
            f"{path} has no georeference; give its bounds (west south east north), put a world file "
            "beside it, or georeference it with gdal_edit.py."
        )
    if crs is not None:
        return parse_crs(crs), dataset.transform
    if dataset.crs is None:
        raise RasterError(
            f"{path} has no coordinate reference system; give it (crs, such as EPSG:32615), or write it to "
            f"the file with `gdal_edit.py -a_srs EPSG:… {path.name}`."
        )
    return parse_crs(dataset.crs.to_wkt()), dataset.transform


def parse_crs(text: str) -> CRS:
    """Return the pyproj CRS of `EPSG:…`, WKT or a PROJ string.

    Raises:
        RasterError: if PROJ does not know the text.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise RasterError(
            f"{text!r} is not a coordinate reference system; give one such as EPSG:32615."
        ) from error


def checked_bounds(bounds: Sequence[float]) -> Bounds:
    """Return bounds as four floats, with west < east and south < north.

    Raises:
        RasterError: if they are reversed, empty or not four numbers.
    """
    if len(bounds) != 4:
        raise RasterError(f"bounds have {len(bounds)} numbers; give four, west south east north.")
    west, south, east, north = (float(value) for value in bounds)
    if not (west < east and south < north):
        raise RasterError(
            f"bounds {west} {south} {east} {north} are empty or reversed; give west south east north, "
            "with west < east and south < north."
        )
    return west, south, east, north


def _apply(transform: Affine, columns: Float64Array, rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    x = transform.a * columns + transform.b * rows + transform.c
    y = transform.d * columns + transform.e * rows + transform.f
    return x, y
