# SPDX-License-Identifier: Apache-2.0
"""Images of places on several dates, with an `index.csv` of their positions and dates.

    file           image file in the folder images/ beside the index, or beside the index itself
    location_id    id of the place; its images show the same ground in the same number of pixels
    city or group  group of the place; a city is either trained on or used for validation, as a whole
    year or date   2018, 2018-05 or 2018-05-17
    gsd_m          metres per pixel

The columns `center_lat` and `center_lon`, or `epsg`, `left`, `bottom`, `right` and `top`, hold the position.
"""

import csv
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geoloc.errors import RasterError, clause
from geoloc.progress import progress_bar
from geoloc_training.arrays import Image
from geoloc_training.datasets.data_config import MAX_GSD_M
from geoloc_training.datasets.image_files import read_picture
from geoloc_training.datasets.imagery.ground import Ground, check_side, pyramid
from geoloc_training.datasets.imagery.survey import Survey, attempt, surveyed
from geoloc_training.items import GeoLocation

INDEX = "index.csv"
DATE = re.compile(r"(19|20)\d\d([-_]?(0[1-9]|1[0-2])([-_]?(0[1-9]|[12]\d|3[01]))?)?")

_ALWAYS = ("file", "location_id", "gsd_m")
_EITHER = (("city", "group"), ("year", "date"))
_CENTRE = ("center_lat", "center_lon")
_BOUNDS = ("epsg", "left", "bottom", "right", "top")

_Row = dict[str, str]


@dataclass(frozen=True)
class _Shot:
    """One row of the index: an image of a place."""

    file: str
    place: str
    group: str
    date: str
    gsd_m: float
    location: GeoLocation | None


def load_multiyear(root: Path, cities: Collection[str] | None) -> list[Ground]:
    """Return the places of the given cities, or of all cities if None; raises as `load_dated`."""
    grounds = load_dated(root, lambda city: cities is None or city in cities)
    check_cities(root / INDEX, cities or (), grounds)
    return grounds


def check_cities(where: Path, cities: Collection[str], grounds: Sequence[Ground]) -> None:
    """Check that every given city has a place.

    Raises:
        RasterError: a city has no place.
    """
    missing = set(cities) - {ground.group for ground in grounds}
    if missing:
        raise RasterError(f"{where} has no city {', '.join(sorted(missing))}; correct `cities`.")


def load_dated(root: Path, wanted: Callable[[str], bool]) -> list[Ground]:
    """Load one ground for each place, with one date for each image.

    Args:
        root: folder with `index.csv`.
        wanted: predicate that selects cities (groups); images of other cities are not read.

    Returns:
        Grounds named by `location_id`, with the city as group, in the order of the index.

    Raises:
        RasterError: the index, a column or an image is missing, or rows contradict each other.
    """
    index = root / INDEX
    places = _by_place(shot for shot in _shots(index) if wanted(shot.group))
    for shots in places:
        _check_place(index, shots)
    folder = _folder(root)
    return [_ground(index, folder, shots) for shots in places]


def survey_dated(root: Path) -> Survey:
    """Return the faults of an index and its images; every image is read, one place at a time."""
    index, found = root / INDEX, list[str]()
    table = attempt(found, _rows, index)
    if table is None:
        return Survey(tuple(found))
    columns, rows = table
    shots = [shot for where, row in rows if (shot := attempt(found, _shot, where, row, columns))]
    places, folder = _by_place(shots), _folder(root)
    for of_place in progress_bar(places, label="images", unit="place"):
        attempt(found, _check_place, index, of_place)
        pictures = [attempt(found, _picture, folder, shot) for shot in of_place]
        shapes = [picture.shape for picture in pictures if picture is not None]
        attempt(found, _check_shapes, index, of_place[0].place, shapes)
    return surveyed(found, len(shots), len(places))


def _by_place(shots: Iterable[_Shot]) -> list[list[_Shot]]:
    """Return the images of each place, in the order of the index."""
    places: dict[str, list[_Shot]] = {}
    for shot in shots:
        places.setdefault(shot.place, []).append(shot)
    return list(places.values())


def _folder(root: Path) -> Path:
    return root / "images" if (root / "images").is_dir() else root


def _ground(index: Path, folder: Path, shots: list[_Shot]) -> Ground:
    first = shots[0]
    dates = {shot.date: pyramid(_picture(folder, shot)) for shot in shots}
    _check_shapes(index, first.place, [levels[0].shape for levels in dates.values()])
    return Ground(first.place, first.group, first.gsd_m, dates, location=first.location)


def _picture(folder: Path, shot: _Shot) -> Image:
    image = read_picture(folder / shot.file)
    check_side(folder / shot.file, image.shape)
    return image


def _check_shapes(index: Path, place: str, shapes: Sequence[tuple[int, ...]]) -> None:
    if len(set(shapes)) > 1:
        raise RasterError(
            f"{index}: the images of {place} differ in size; crop them to the same ground and resample them."
        )


def _check_place(index: Path, shots: list[_Shot]) -> None:
    first = shots[0]
    files: dict[str, str] = {}
    for shot in shots:
        if shot.date in files:
            raise RasterError(
                f"{index} lists {shot.place} twice on the date {shot.date}, as {files[shot.date]} and "
                f"{shot.file}; keep one of them."
            )
        files[shot.date] = shot.file
        if (shot.group, shot.gsd_m) != (first.group, first.gsd_m):
            raise RasterError(
                f"{index}: {first.file} and {shot.file} show {shot.place}, one in {first.group} at "
                f"{first.gsd_m:g} m and one in {shot.group} at {shot.gsd_m:g} m; give a place one city and "
                "one gsd_m."
            )


def _shots(index: Path) -> list[_Shot]:
    columns, rows = _rows(index)
    return [_shot(where, row, columns) for where, row in rows]


def _rows(index: Path) -> tuple[tuple[str, str], list[tuple[str, _Row]]]:
    """Return the names of the columns of group and date, and each row with its file and line number."""
    if not index.is_file():
        raise RasterError(
            f"{index} does not exist; set data.root to the folder that contains {index.parent.name}/."
        )
    try:
        with index.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = _columns(index, reader.fieldnames or ())
            rows = [(f"{index}, line {number}", row) for number, row in enumerate(reader, 2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RasterError(
            f"{index} is not a text table ({clause(error)}); save it as CSV in UTF-8."
        ) from error
    if not rows:
        raise RasterError(f"{index} lists no images; add a row for each image.")
    return columns, rows


def _columns(index: Path, found: Collection[str]) -> tuple[str, str]:
    """Return the names of the columns of group and date."""
    absent = [name for name in _ALWAYS if name not in found]
    absent += [" or ".join(names) for names in _EITHER if not set(names) & set(found)]
    if absent:
        raise RasterError(f"{index} lacks the columns {', '.join(absent)}; add them, or give another folder.")
    group, date = (next(name for name in names if name in found) for names in _EITHER)
    return group, date


def _shot(where: str, row: _Row, columns: tuple[str, str]) -> _Shot:
    group, date = columns
    empty = [name for name in (*_ALWAYS, group, date) if not row.get(name)]
    if empty:
        raise RasterError(f"{where} has no {', '.join(empty)}; fill it in or remove the row.")
    if not DATE.fullmatch(row[date]):
        raise RasterError(
            f"{where}: {date} is '{row[date]}' and not a date like 2018 or 2018-05-17; check for swapped "
            "columns."
        )
    gsd_m = _number(where, row, "gsd_m")
    if not 0 < gsd_m <= MAX_GSD_M:
        raise RasterError(
            f"{where}: gsd_m is {row['gsd_m']}, but must be above 0 and at most {MAX_GSD_M:g} metres per "
            "pixel; check for swapped columns."
        )
    return _Shot(row["file"], row["location_id"], row[group], row[date], gsd_m, _location(where, row))


def _number(where: str, row: _Row, column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise RasterError(
            f"{where}: {column} is '{row[column]}' and not a number; check for swapped columns."
        )
    return value


def _location(where: str, row: _Row) -> GeoLocation | None:
    if all(row.get(name) for name in _CENTRE):
        latitude, longitude = (_number(where, row, name) for name in _CENTRE)
    elif all(row.get(name) for name in _BOUNDS):
        code, left, bottom, right, top = (_number(where, row, name) for name in _BOUNDS)
        if not (left < right and bottom < top):
            raise RasterError(f"{where}: the bounds are empty or reversed; check for swapped columns.")
        try:
            longitude, latitude = _to_wgs84(int(code)).transform((left + right) / 2, (bottom + top) / 2)
        except CRSError as error:
            raise RasterError(
                f"{where}: EPSG:{code:g} is not a coordinate reference system; correct it."
            ) from error
    else:
        return None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise RasterError(
            f"{where}: latitude {latitude}, longitude {longitude} is not on the Earth; check for swapped "
            "columns."
        )
    return GeoLocation(latitude, longitude)


@lru_cache
def _to_wgs84(epsg: int) -> Transformer:
    return Transformer.from_crs(CRS.from_epsg(epsg), "EPSG:4326", always_xy=True)
