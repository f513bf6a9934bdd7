# SPDX-License-Identifier: Apache-2.0
"""Reads a truth track from a CSV: stamps or photo names, latitudes and longitudes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from geoloc.errors import BagError, clause
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.csv_table import read_rows
from geoloc_lab.photo_flights.photos import read_photo, stamps_ns

_LATITUDE = ("latitude", "latitude_deg", "cam_lat", "lat")
_LONGITUDE = ("longitude", "longitude_deg", "cam_lon", "lon")


def read_truth_csv(path: Path, max_gap_s: float = 2.0) -> TruthTrack:
    """Read a table of true positions.

    The columns are `stamp_ns` (integer) or `file`, and latitude and longitude in degrees WGS 84 (also named
    `lat`, `cam_lat` and so on). `file` names photos beside the table or in its folder `images`; their EXIF
    time is the stamp.

    Raises:
        BagError: for a missing file or column, an empty table, or a value that is not a number.
    """
    rows = read_rows(path, "table of truth")
    if not rows:
        raise BagError(f"{path} holds no rows; give columns stamp_ns (or file), latitude, longitude.")
    latitude, longitude = _column(path, rows[0], _LATITUDE), _column(path, rows[0], _LONGITUDE)
    stamps = _stamps_ns(path, rows)
    try:
        values = [
            (stamp, float(row[latitude]), float(row[longitude]))
            for stamp, row in zip(stamps, rows, strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise BagError(
            f"{path}: a latitude or longitude is not a number ({clause(error)}); correct it."
        ) from error
    return TruthTrack.of(values, str(path), max_gap_s)


def _column(path: Path, row: Mapping[str, str], names: Sequence[str]) -> str:
    for name in names:
        if name in row:
            return name
    raise BagError(f"{path} has no column {names[0]}, only {', '.join(map(str, row))}; add the column.")


def _stamps_ns(path: Path, rows: Sequence[Mapping[str, str]]) -> list[int]:
    if "stamp_ns" in rows[0]:
        try:
            return [int(row["stamp_ns"]) for row in rows]
        except (TypeError, ValueError) as error:
            raise BagError(
                f"{path}: a stamp_ns is not a whole number of nanoseconds ({clause(error)}); correct it."
            ) from error
    if "file" not in rows[0]:
        raise BagError(
            f"{path} has neither a column stamp_ns nor a column file; add one, to match rows to frames."
        )
    folder = path.parent / "images"
    photos = [(folder if folder.is_dir() else path.parent) / row["file"] for row in rows]
    return stamps_ns([read_photo(photo) for photo in photos])
