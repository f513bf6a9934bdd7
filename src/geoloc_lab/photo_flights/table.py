# SPDX-License-Identifier: Apache-2.0
"""Reads a flight's table of photos, `queries*.csv`, and the list `independent.txt`.

The table's columns are `file`, `cam_lat`, `cam_lon`, `agl_m`, `pitch_deg`, `image_up_azimuth_deg`,
`footprint_center_lat`, `footprint_center_lon`, and, for photos that were turned after exposure, `turned_deg`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.errors import BagError, clause
from geoloc_lab.csv_table import read_rows
from geoloc_lab.photo_flights.attitude import aimed_rotation

_COLUMNS = (
    "file",
    "cam_lat",
    "cam_lon",
    "agl_m",
    "pitch_deg",
    "image_up_azimuth_deg",
    "footprint_center_lat",
    "footprint_center_lon",
)
_QUARTER_TURNS = (0.0, 90.0, 180.0, 270.0)


@dataclass(frozen=True)
class TableRow:
    """A photo's pose as a reconstruction has it.

    Attributes:
        table: name of the table.
        file: name of the photo.
        position_deg: latitude and longitude of the camera.
        height_m: height above ground.
        rotation: world_from_optical (3, 3).
        image_up_azimuth_deg: bearing of the top of the image.
        turned_deg: by how much the file was turned clockwise after exposure; None if the table does not say.
    """

    table: str
    file: str
    position_deg: tuple[float, float]
    height_m: float
    rotation: Float64Array
    image_up_azimuth_deg: float
    turned_deg: float | None


def read_table(path: Path) -> list[TableRow]:
    """Read the table of a flight.

    Raises:
        BagError: for a missing column, or a value that is not a number.
    """
    rows = read_rows(path, "table of photos")
    missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise BagError(
            f"{path} lacks {', '.join(missing)}; add the columns that `geoloc flight --help` lists."
        )
    return [_row(path.name, row) for row in rows]


def read_independent(path: Path, listed: frozenset[str], table: str) -> frozenset[str]:
    """Return the photo names in independent.txt; an empty set if the flight has no such file.

    Args:
        path: the file, which may be missing.
        listed: names of the flight's photos.
        table: where these are listed, for the error.

    Raises:
        BagError: if the file cannot be read, or names a photo that the flight does not have.
    """
    if not path.is_file():
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BagError(
            f"{path} cannot be read as a list of photos ({clause(error)}); write one name per line."
        ) from error
    names = frozenset(line.strip() for line in lines if line.strip())
    unknown = sorted(names - listed)
    if unknown:
        raise BagError(
            f"{path} names {', '.join(unknown)}, which {table} does not list; "
            "write the names of the photos that the map was not made from, one per line."
        )
    return names


def _row(table: str, row: Mapping[str, str]) -> TableRow:
    if not (row["file"] or "").strip():
        raise BagError("a row of the table of photos has no file; write the photo's name or delete the row.")
    camera = _number(row, "cam_lat"), _number(row, "cam_lon")
    aim = _number(row, "footprint_center_lat"), _number(row, "footprint_center_lon")
    east_m, north_m = geodesy.offset_m(*camera, *aim)
    azimuth_deg = math.degrees(math.atan2(float(east_m), float(north_m)))
    up_deg = _number(row, "image_up_azimuth_deg")
    return TableRow(
        table=table,
        file=row["file"].strip(),
        position_deg=camera,
        height_m=_number(row, "agl_m"),
        rotation=aimed_rotation(_number(row, "pitch_deg"), azimuth_deg, up_deg),
        image_up_azimuth_deg=up_deg,
        turned_deg=_turned_deg(row),
    )


def _turned_deg(row: Mapping[str, str]) -> float | None:
    if not (row.get("turned_deg") or "").strip():
        return None
    turned = _number(row, "turned_deg") % 360.0
    if turned not in _QUARTER_TURNS:
        raise BagError(f"{row['file']}: turned_deg is {turned:g}; give 0, 90, 180 or 270, clockwise.")
    return turned


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError) as error:
        raise BagError(
            f"{row['file']}: {column} is {row[column]!r}, not a number; correct it in the table of photos."
        ) from error
    if not math.isfinite(value):
        raise BagError(f"{row['file']}: {column} is {value}; give a finite number in the table of photos.")
    return value
