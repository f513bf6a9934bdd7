# SPDX-License-Identifier: Apache-2.0
"""DenseUAV: points 20 m apart over universities, seen from three heights, with a table of positions.

All images of a point share one position, as in the authors' script, which keeps the last row of a point. The
table has rows for some of the images only.
"""

from pathlib import Path

from geoloc_training.datasets.probe import named
from geoloc_training.datasets.published.tree import (
    Layout,
    Places,
    Shelf,
    Trial,
    benchmark,
    both_ways,
    malformed,
    read,
    refuse,
    unreadable_on,
)
from geoloc_training.items import Benchmark, GeoLocation

_WHOLE_TABLE = "Dense_GPS_ALL.txt"
_PART_TABLES = ("Dense_GPS_train.txt", "Dense_GPS_test.txt")
_FARTHEST_DEG = 1e-3  # between rows of one point, whose three images were not taken at exactly one position


def load(root: Path) -> Benchmark:
    """Load the data set, with a position for every image.

    Raises:
        ParameterError: a file or folder is missing or malformed.
    """
    layout = _layout(root)
    shelves = read(layout)
    found, positions = _survey(layout, shelves)
    refuse(found)
    return benchmark(layout, shelves, positions)


def check(root: Path) -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    layout = _layout(root)
    shelves = read(layout)
    return [*_survey(layout, shelves)[0], *unreadable_on(shelves)]


def _layout(root: Path) -> Layout:
    return Layout(
        name="denseuav",
        title="DenseUAV",
        root=root,
        needs=("train", "test"),
        queries=(Shelf(root / "train" / "drone", "drone"),),
        references=(Shelf(root / "train" / "satellite", "satellite"),),
        trials=_trials(root / "test"),
        metrics=("recall", "ap_trapezoid", "sdm_degrees", "ma"),
    )


def _trials(folder: Path) -> tuple[Trial, ...]:
    """Return drone→satellite, and satellite→drone if its folders exist: not every copy has them."""
    forward, backward = both_ways(folder)
    if backward.queries.path.exists() or backward.gallery.path.exists():
        return forward, backward
    return (forward,)


def _survey(layout: Layout, shelves: dict[Shelf, Places]) -> tuple[list[str], dict[str, GeoLocation]]:
    """Return the faults of folders and tables, and the position of each point."""
    found = malformed(layout, shelves)
    if not any(shelves.values()):
        return found, {}
    tables = [layout.root / _WHOLE_TABLE]
    if not tables[0].is_file():
        tables = [path for path in (layout.root / name for name in _PART_TABLES) if path.is_file()]
    if not tables:
        missing = f"{layout.root / _WHOLE_TABLE} is missing, the table of positions; complete the download."
        return [*found, missing], {}
    positions: dict[str, GeoLocation] = {}
    for table in tables:
        found += _read_table(table, positions)
    points = {place for places in shelves.values() for place in places}
    unplaced = sorted(points - positions.keys())
    if unplaced:
        found.append(
            f"{tables[0]} has no row for {len(unplaced)} of {len(points)} points: {named(unplaced)}; "
            "add their rows."
        )
    return found, positions


def _read_table(table: Path, positions: dict[str, GeoLocation]) -> list[str]:
    """Add the positions of a table's points to `positions`; stop at the first faulty row."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [f"{table} cannot be read as text ({error}); fetch it again."]
    rows: dict[str, GeoLocation] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            path, where = _parse(line)
        except ValueError as error:
            return [f"{table}, line {number}: {error}."]
        point, known = path.split("/")[-2], rows.setdefault(path, where)
        if known != where:
            return [f"{table}, line {number}: {path} has another position in an earlier row; keep one row."]
        near = positions.setdefault(point, where)
        if _apart_deg(near, where) > _FARTHEST_DEG:
            return [
                f"{table}, line {number}: the position of point {point} differs from an earlier row; "
                "correct or remove one of them."
            ]
        positions[point] = where
    return []


def _parse(line: str) -> tuple[str, GeoLocation]:
    """Return path and position of a row `<path>/<id>/<file> E<longitude> N<latitude> <height>`.

    Raises:
        ValueError: the row has another form, or its position is not on the Earth.
    """
    words = line.rsplit(maxsplit=3)
    path = words[0].replace("\\", "/")
    if len(words) != 4 or path.count("/") < 1:
        raise ValueError(
            f"'{line.strip()}' is not 'path/id/file E<longitude> N<latitude> <height>'; correct the row"
        )
    if (words[1][:1], words[2][:1]) == ("N", "E"):
        raise ValueError(f"'{words[1]} {words[2]}' are swapped columns; write the longitude (E) first")
    if (words[1][:1], words[2][:1]) != ("E", "N"):
        raise ValueError(f"'{words[1]} {words[2]}' are not E<longitude> and N<latitude>; correct the row")
    longitude, latitude = float(words[1][1:]), float(words[2][1:])
    if abs(latitude) > 90 and abs(longitude) <= 90:
        raise ValueError(
            f"latitude {latitude} is a longitude, the columns are swapped; write E{latitude} N{longitude}"
        )
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError(f"E{longitude} N{latitude} is not on the Earth; correct the row")
    return path, GeoLocation(latitude, longitude)


def _apart_deg(one: GeoLocation, other: GeoLocation) -> float:
    return max(abs(one.latitude_deg - other.latitude_deg), abs(one.longitude_deg - other.longitude_deg))
