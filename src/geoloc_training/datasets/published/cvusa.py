# SPDX-License-Identifier: Apache-2.0
"""CVUSA: panoramas of the United States, each with one satellite image (Workman et al. 2015).

    bingmap/19/<7 digits>.jpg  streetview/panos/<7 digits>.jpg
    splits/train-19zl.csv      splits/val-19zl.csv      rows: satellite image, panorama, annotation (unused)
    split_locations/all.csv    optional: positions, for hard negatives that are near on the ground

`all.csv` has no header. According to the script of Sample4Geo, row n (from 1) belongs to image number n. It
holds latitude and longitude of the satellite image, then of the panorama, then a column of unknown meaning.
This is not verified against the authors' own description.
"""

import csv
from pathlib import Path

from geoloc_training.datasets.probe import named, unreadable
from geoloc_training.datasets.published.ground_pairs import Pair, task_of, training_of
from geoloc_training.datasets.published.listed import Folders, missing, twice
from geoloc_training.datasets.published.tree import refuse, wrong_root
from geoloc_training.items import Benchmark, GeoLocation

_SATELLITES, _PANORAMAS = "bingmap", "streetview"
_NEEDS = (_SATELLITES, _PANORAMAS, "splits")
_TRAIN, _TEST = Path("splits", "train-19zl.csv"), Path("splits", "val-19zl.csv")
_POSITIONS = Path("split_locations", "all.csv")

_Positions = list[tuple[GeoLocation, GeoLocation]]


def load(root: Path) -> Benchmark:
    """Load the published split: 35,532 training pairs and 8,884 test pairs.

    Args:
        root: folder with `bingmap`, `streetview` and `splits`.

    Raises:
        ParameterError: a file or folder is missing or malformed.
    """
    found: list[str] = []
    training, tests = _read(root, found)
    refuse(found)
    return Benchmark("cvusa", training_of(training), (task_of("ground→satellite", tests),))


def check(root: Path) -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    found: list[str] = []
    training, tests = _read(root, found)
    folders = Folders()
    pictures = (path for pair in training + tests for path in (pair.satellite, pair.ground))
    return found + unreadable(path for path in pictures if folders.hold(path))


def _read(root: Path, found: list[str]) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs of both splits; append a sentence for each fault to `found`."""
    wrong = wrong_root(root, _NEEDS, "CVUSA")
    if wrong:
        found.append(wrong)
        return [], []
    positions = _read_positions(root / _POSITIONS, found)
    training = _read_pairs(root, root / _TRAIN, positions, found)
    tests = _read_pairs(root, root / _TEST, positions, found)
    shared = sorted({pair.id for pair in training} & {pair.id for pair in tests})
    if shared:
        found.append(f"{root / _TEST} has test places that {_TRAIN} trains on: {named(shared)}; remove them.")
    return training, tests


def _read_pairs(root: Path, table: Path, positions: _Positions, found: list[str]) -> list[Pair]:
    rows = _rows(table, found)
    for line, row in enumerate(rows, 1):
        fault = _fault(row)
        if fault:
            found.append(f"{table}, line {line}: {fault}.")
            return []
    pairs = [_pair(root, row, positions) for row in rows]
    found += twice(table, "a place", [pair.id for pair in pairs])
    found += missing(table, (path for pair in pairs for path in (pair.satellite, pair.ground)), Folders())
    return pairs


def _fault(row: list[str]) -> str:
    if len(row) < 2:
        return f"{len(row)} columns instead of 3 (satellite image, panorama, annotation); fetch it again"
    for number, (cell, folder) in enumerate(zip(row, (_SATELLITES, _PANORAMAS), strict=False), 1):
        if Path(cell.strip()).parts[:1] != (folder,):
            return (
                f"column {number} is '{cell}' and not an image under {folder}/; put the columns in the order "
                "satellite image, panorama, annotation"
            )
    if not Path(row[0].strip()).stem.isdecimal():
        return f"'{row[0]}' is not named by a number, as the images of CVUSA are; fetch it again"
    return ""


def _pair(root: Path, row: list[str], positions: _Positions) -> Pair:
    satellite, ground = row[0].strip(), row[1].strip()
    name = Path(satellite).stem
    here, there = positions[int(name) - 1] if 1 <= int(name) <= len(positions) else (None, None)
    return Pair(name, root / ground, root / satellite, there, here)


def _read_positions(table: Path, found: list[str]) -> _Positions:
    if not table.is_file():
        return []
    positions = []
    for line, row in enumerate(_rows(table, found), 1):
        try:
            latitude, longitude, ground_latitude, ground_longitude = (float(cell) for cell in row[:4])
        except ValueError:
            found.append(
                f"{table}, line {line}: the first four columns are not latitude and longitude, twice; "
                "fetch it again."
            )
            return []
        if max(abs(latitude), abs(ground_latitude)) > 90 or max(abs(longitude), abs(ground_longitude)) > 180:
            found.append(f"{table}, line {line}: {row[:4]} are not on the Earth; check for swapped columns.")
            return []
        positions.append((GeoLocation(latitude, longitude), GeoLocation(ground_latitude, ground_longitude)))
    return positions


def _rows(table: Path, found: list[str]) -> list[list[str]]:
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found.append(f"{table} cannot be read ({error}); fetch it again.")
        return []
    if not rows:
        found.append(f"{table} is empty; fetch it again.")
    return rows
