# SPDX-License-Identifier: Apache-2.0
"""GeoTIFFs and other georeferenced images as grounds; images of the same ground are the dates of one place.

Files may have any coordinate reference system. Each place is resampled once to square pixels, north up, in
metres. The date of a file is the date in its name (town_2018.tif, town-2018-05.tif), or else its whole name.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.progress import progress_bar
from geoloc.raster.sources import Source, open_source
from geoloc.raster.views import open_raster
from geoloc.raster.xyz_tiles import is_xyz_folder
from geoloc_training.datasets.imagery.dated_index import DATE
from geoloc_training.datasets.imagery.ground import Ground, check_side, pyramid
from geoloc_training.datasets.imagery.survey import Survey, attempt, surveyed
from geoloc_training.datasets.probe import PICTURE_SUFFIXES
from geoloc_training.items import GeoLocation

_CARRY = (".tif", ".tiff", ".jp2")  # may contain a georeference; other formats need a file beside them
_SAME_GROUND = 0.9  # intersection over union of footprints
_IN_NAME = re.compile(rf"(?<!\d){DATE.pattern}(?!\d)")


@dataclass(frozen=True)
class _Footprint:
    """Footprint of a georeferenced file.

    Attributes:
        path: path of the file.
        date: date in the file name, or the name itself.
        frame: local frame at the centre of the file.
        gsd_m: metres per pixel at the centre of the file.
        corners: latitude and longitude of the corners, in order, float64 (4, 2).
    """

    path: Path
    date: str
    frame: LocalFrame
    gsd_m: float
    corners: NDArray[np.float64]


def georeferenced_in(path: Path) -> list[Path]:
    """Return the georeferenced images in a folder or in its subfolder `images`, sorted by name.

    A path to a file is returned as it is, and a folder of XYZ tiles counts as one image.
    """
    if path.is_file() or (path.is_dir() and is_xyz_folder(path)):
        return [path]
    folders = (folder for folder in (path, path / "images") if folder.is_dir())
    return [file for folder in folders for file in sorted(folder.iterdir()) if _georeferenced(file)]


def _georeferenced(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix in _CARRY:
        return True
    world_file = file.with_suffix(f".{suffix[1:2]}{suffix[-1:]}w")
    return suffix in PICTURE_SUFFIXES and (world_file.is_file() or Path(f"{file}.aux.xml").is_file())


def load_geotiffs(path: Path, group: str) -> list[Ground]:
    """Load one ground for each place, in the order of the file names.

    A pixel is invalid if it has no data on any of the dates.

    Args:
        path: a georeferenced image or a folder of them.
        group: group of the grounds, and prefix of their names.

    Raises:
        RasterError: a file cannot be read or has no georeference, or two files of a place have one date.
    """
    return [_ground(place, group) for place in _places(map(_footprint, georeferenced_in(path)))]


def survey_geotiffs(path: Path) -> Survey:
    """Return the faults of the georeferenced images in a folder; every image is read, one place at a time."""
    found: list[str] = []
    files = georeferenced_in(path)
    footprints = [footprint for file in files if (footprint := attempt(found, _footprint, file))]
    places = _places(footprints)
    for place in progress_bar(places, label="images", unit="place"):
        attempt(found, _ground, place, path.stem)
    return surveyed(found, len(files), len(places))


def _places(footprints: Iterable[_Footprint]) -> list[list[_Footprint]]:
    """Group the footprints that cover the same ground."""
    places: list[list[_Footprint]] = []
    for footprint in footprints:
        known = next((place for place in places if _same_ground(place[0], footprint)), None)
        if known is None:
            places.append([footprint])
        else:
            known.append(footprint)
    return places


def _footprint(path: Path) -> _Footprint:
    source = open_source(path, None, None)
    with source.dataset:
        frame = source.central_frame()
        gsd_m = math.sqrt(math.prod(source.pixel_size_m(frame)))
        found = _IN_NAME.search(path.stem)
        return _Footprint(path, found[0] if found else path.stem, frame, gsd_m, _corners(source))


def _corners(source: Source) -> NDArray[np.float64]:
    width, height = source.dataset.width, source.dataset.height
    columns, rows = np.array([0, width, width, 0]), np.array([0, 0, height, height])
    place = source.transform
    x, y = place.a * columns + place.b * rows + place.c, place.d * columns + place.e * rows + place.f
    longitude, latitude = Transformer.from_crs(source.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.stack([latitude, longitude], axis=1)


def _same_ground(one: _Footprint, other: _Footprint) -> bool:
    # A cheap test of the centres first: projecting all pairs of footprints would take long.
    reach = np.ptp(one.corners, axis=0)
    if (np.abs(one.corners.mean(axis=0) - other.corners.mean(axis=0)) > reach).any():
        return False
    first, second = (_outline(one.frame, footprint) for footprint in (one, other))
    shared, _ = cv2.intersectConvexConvex(first, second)
    return bool(shared > _SAME_GROUND * (cv2.contourArea(first) + cv2.contourArea(second) - shared))


def _outline(frame: LocalFrame, footprint: _Footprint) -> NDArray[np.float32]:
    east, north = frame.to_local(footprint.corners[:, 0], footprint.corners[:, 1])
    return np.asarray(cv2.convexHull(np.stack([east, north], axis=1).astype(np.float32)), np.float32)


def _ground(place: Sequence[_Footprint], group: str) -> Ground:
    """Return all dates of a place on one grid, with the finest resolution among them."""
    _check_dates(place)
    first, gsd_m = place[0], min(footprint.gsd_m for footprint in place)
    dates, known = {}, []
    for footprint in place:
        with open_raster(footprint.path, frame=first.frame) as raster:
            if footprint is first:
                left, bottom, right, top = raster.bounds_m
                width, height = math.ceil((right - left) / gsd_m), math.ceil((top - bottom) / gsd_m)
                check_side(first.path, (height, width))
            image, valid = raster.window(left, top, width, height, gsd_m)
        dates[footprint.date] = pyramid(image)
        known.append(valid)
    whole = np.logical_and.reduce(known)
    mask = None if whole.all() else pyramid(whole.astype(np.uint8) * 255)
    location = GeoLocation(first.frame.latitude_deg, first.frame.longitude_deg)
    return Ground(f"{group}/{first.path.stem}", group, gsd_m, dates, mask, location)


def _check_dates(place: Sequence[_Footprint]) -> None:
    files: dict[str, Path] = {}
    for footprint in place:
        if footprint.date in files:
            raise RasterError(
                f"{files[footprint.date]} and {footprint.path.name} cover the same ground on the same date, "
                f"{footprint.date}; put different dates like 2018-05 in their names, or remove one."
            )
        files[footprint.date] = footprint.path
