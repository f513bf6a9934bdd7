# SPDX-License-Identifier: Apache-2.0
"""Georeferenced imagery as grounds: multi-date crops with an index, and folders of large orthophotos."""

import csv
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from geoloc.errors import RasterError
from geoloc_training.datasets.ground import Ground, Image, pyramid

_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


def read_picture(path: Path) -> Image:
    """Read a picture as uint8 RGB (H, W, 3).

    Raises:
        RasterError: the file is missing, empty, truncated beyond reading or not a picture.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        raise RasterError(
            f"{path} cannot be read as a picture; replace the file or remove it from the data set."
        )
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def load_multiyear(root: Path, cities: Iterable[str] | None) -> list[Ground]:
    """Places seen in several years (`index.csv` and `images/`), one ground a place, one date a year.

    Args:
        root: folder with `index.csv` (columns file, location_id, city, year, gsd_m) and `images/`.
        cities: which cities to take; None for all.

    Returns:
        Grounds named by `location_id`, grouped by city, in the order of the index.

    Raises:
        RasterError: the folder, a column, a city or a picture is missing.
    """
    wanted = set(cities or ())
    places: dict[str, list[dict[str, str]]] = {}
    for row in _rows(root / "index.csv", ("file", "location_id", "city", "year", "gsd_m")):
        if cities is None or row["city"] in wanted:
            places.setdefault(row["location_id"], []).append(row)
    missing = wanted - {rows[0]["city"] for rows in places.values()}
    if missing:
        raise RasterError(
            f"{root / 'index.csv'} has no city named {', '.join(sorted(missing))}; correct `cities`."
        )
    return [_place(root, name, rows) for name, rows in places.items()]


def load_orthophotos(root: Path, gsd_m: float, *, group: str, white_is_nodata: bool = False) -> list[Ground]:
    """Large single-date pictures of one resolution in `root/images`.

    Args:
        root: folder that holds `images/`.
        gsd_m: metres per pixel of every picture.
        group: name shared by the grounds.
        white_is_nodata: treat areas of pure white as missing.

    Raises:
        RasterError: no picture there, or one that cannot be read.
    """
    folder = root / "images"
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURES) if folder.is_dir() else []
    if not paths:
        raise RasterError(
            f"{folder} holds no pictures ({', '.join(_PICTURES)}); point --data at the folder above."
        )
    return [_orthophoto(path, gsd_m, group, white_is_nodata) for path in paths]


def _orthophoto(path: Path, gsd_m: float, group: str, white_is_nodata: bool) -> Ground:
    image = read_picture(path)
    valid = pyramid(_not_white(image)) if white_is_nodata else None
    return Ground(path.stem, group, gsd_m, {"0": pyramid(image)}, valid)


def _not_white(image: Image) -> Image:
    """255 where there is data; compression smears the edge of the white, hence the margin."""
    white = (image.min(axis=2) >= 250).astype(np.uint8)
    white = cv2.morphologyEx(white, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    grown = cv2.dilate(white, np.ones((7, 7), np.uint8))
    mask: Image = ((1 - grown) * 255).astype(np.uint8)
    return mask


def _place(root: Path, name: str, rows: list[dict[str, str]]) -> Ground:
    dates = {row["year"]: pyramid(read_picture(root / "images" / row["file"])) for row in rows}
    if len({levels[0].shape for levels in dates.values()}) > 1:
        raise RasterError(
            f"{root}: the years of {name} differ in size; a place needs the same ground in each."
        )
    return Ground(name, rows[0]["city"], float(rows[0]["gsd_m"]), dates)


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        raise RasterError(
            f"{path} does not exist; --data must name the folder that holds {path.parent.name}/."
        )
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        absent = [c for c in columns if c not in (reader.fieldnames or ())]
        if absent:
            raise RasterError(
                f"{path} lacks the columns {', '.join(absent)}; it is not an index of dated places."
            )
        return list(reader)
