# SPDX-License-Identifier: Apache-2.0
"""Sources of imagery: a GeoTIFF, a picture with bounds or a world file, a folder of XYZ tiles.

Each opens as a `Source`: pixels, and where on Earth they lie.
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
from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.xyz_tiles import is_xyz_folder, mosaic_xml

# The formats read: their readers come with every GDAL, and none of them reaches for the network.
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
    """An open image and its place on Earth.

    Attributes:
        dataset: the open rasterio dataset; the owner of the source closes it.
        crs: coordinate reference system of `transform`.
        transform: pixel (column, row) to coordinates in `crs`, x first.
        path: what was opened, for messages.
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
                f"{self.path}: its centre ({x[0]:.6g}, {y[0]:.6g}) lies outside {self.crs.name}: check the "
                "reference system and the order of the bounds."
            )
        return LocalFrame(latitude, (longitude + 180.0) % 360.0 - 180.0)

    def pixel_size_m(self, frame: LocalFrame) -> tuple[float, float]:
        """Return width and height in metres of the central pixel."""
        column, row = self.dataset.width / 2, self.dataset.height / 2
        columns, rows = np.array([column, column + 1, column]), np.array([row, row, row + 1])
        centre, right, below = self._to_frame(frame, columns, rows)
        size = math.dist(centre, right), math.dist(centre, below)
        if not (math.isfinite(sum(size)) and min(size) > 0):
            raise RasterError(f"{self.path}: its georeference gives pixels no size on the ground; repair it.")
        return size

    def bounds_m(self, frame: LocalFrame) -> Bounds:
        """Return left, bottom, right, top of the image in a local frame."""
        width, height = self.dataset.width, self.dataset.height
        # The outline is curved in the local frame: many points an edge, for corners alone would cut it short.
        along = np.linspace(0.0, 1.0, 65)
        columns = np.concatenate([along * width, along * width, along * 0, along * 0 + width])
        rows = np.concatenate([along * 0, along * 0 + height, along * height, along * height])
        outline = self._to_frame(frame, columns, rows)
        if not np.isfinite(outline).all():
            raise RasterError(f"{self.path}: part of it lies outside {self.crs.name}; crop or mend it.")
        (left, bottom), (right, top) = outline.min(axis=0), outline.max(axis=0)
        return float(left), float(bottom), float(right), float(top)

    def _to_frame(self, frame: LocalFrame, columns: Float64Array, rows: Float64Array) -> Float64Array:
        x, y = _apply(self.transform, columns, rows)
        east, north = Transformer.from_crs(self.crs, frame.crs, always_xy=True).transform(x, y)
        return np.stack([east, north], axis=-1)


def open_source(path: Path, bounds: Sequence[float] | None, crs: str | None) -> Source:
    """Open whatever `path` is.

    Args:
        path: a GeoTIFF, a picture, or a folder z/x/y.png of XYZ tiles.
        bounds: west, south, east, north of a picture's outer edges, in `crs`.
        crs: reference system of the bounds or of a file that names none; EPSG:4326 when omitted with bounds.

    Raises:
        RasterError: if it cannot be read or does not say where it lies.
    """
    path = Path(path)
    if not path.exists():
        raise RasterError(f"{path} does not exist: give a GeoTIFF, a picture, or a folder of XYZ tiles.")
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
        raise RasterError(
            f"{path} is a folder without XYZ tiles: expected files such as {path}/17/34567/45678.png."
        )
    if bounds is not None or crs is not None:
        raise RasterError(f"{path} holds XYZ tiles, placed by their names: omit bounds and crs.")
    dataset = _open(mosaic_xml(path), "VRT", path)
    return Source(dataset, CRS.from_epsg(3857), dataset.transform, path)


def _open_file(path: Path) -> DatasetReader:
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise RasterError(f"{path} is not an image of a supported format: give one of {', '.join(_DRIVERS)}.")
    return _open(str(path), driver, path)


def _open(target: str, driver: str, path: Path) -> DatasetReader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(target, driver=driver)
    except RasterioError as error:
        raise RasterError(
            f"{path} cannot be read as an image ({error}): it is damaged, incomplete or of another kind."
        ) from error


def _place(
    dataset: DatasetReader, path: Path, bounds: Sequence[float] | None, crs: str | None
) -> tuple[CRS, Affine]:
    georeferenced = not dataset.transform.is_identity
    if bounds is not None:
        if dataset.crs is not None and georeferenced:
            raise RasterError(f"{path} carries its own georeference: omit bounds.")
        transform = from_bounds(*checked_bounds(bounds), dataset.width, dataset.height)
        return parse_crs(crs or "EPSG:4326"), transform
    if not georeferenced:
        raise RasterError(
            f"{path} does not say where it lies: give its bounds (west south east north), put a world file "
            "beside it, or georeference it with gdal_edit.py."
        )
    if crs is not None:
        return parse_crs(crs), dataset.transform
    if dataset.crs is None:
        raise RasterError(
            f"{path} has no coordinate reference system: name it (crs, as EPSG:32615), or write it into the "
            f"file with `gdal_edit.py -a_srs EPSG:… {path.name}`."
        )
    return parse_crs(dataset.crs.to_wkt()), dataset.transform


def parse_crs(text: str) -> CRS:
    """Return a pyproj CRS from `EPSG:…`, WKT or a PROJ string.

    Raises:
        RasterError: if PROJ does not know it.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise RasterError(
            f"{text!r} is not a coordinate reference system: write it as EPSG:32615."
        ) from error


def checked_bounds(bounds: Sequence[float]) -> Bounds:
    """Return the four bounds as floats, west < east and south < north.

    Raises:
        RasterError: if they are reversed, empty or not four numbers.
    """
    if len(bounds) != 4:
        raise RasterError(f"bounds are four numbers, west south east north; got {len(bounds)}.")
    west, south, east, north = (float(value) for value in bounds)
    if not (west < east and south < north):
        raise RasterError(
            f"bounds {west} {south} {east} {north} are empty or reversed: the order is west south east "
            "north, with west < east and south < north."
        )
    return west, south, east, north


def _apply(transform: Affine, columns: Float64Array, rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    x = transform.a * columns + transform.b * rows + transform.c
    y = transform.d * columns + transform.e * rows + transform.f
    return x, y
