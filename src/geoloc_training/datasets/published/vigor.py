# SPDX-License-Identifier: Apache-2.0
"""VIGOR: panoramas of four cities, off the centres of overlapping satellite tiles (Zhu et al. 2021).

    <City>/panorama/*.jpg         <City>/satellite/satellite_<latitude>_<longitude>.png    as published
    ground/<City>/*.jpg           satellite/<City>/…                                       as in Sample4Geo
    splits/<City>/satellite_list.txt
    splits/<City>/{same_area_balanced_train,same_area_balanced_test,pano_label_balanced}.txt

A label line names the panorama, its tile, and three semi-positive tiles, each tile with two offsets in
pixels, which are not used. Same area: training and test in all four cities. Cross area: training in New York
and Seattle, test in Chicago and San Francisco.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geoloc_training.datasets.probe import named, unreadable
from geoloc_training.datasets.published.listed import Folders, missing, twice
from geoloc_training.datasets.published.tree import matched_by_id, refuse, wrong_root
from geoloc_training.items import Benchmark, GeoLocation, Item, Task

_CITIES = ("Chicago", "NewYork", "SanFrancisco", "Seattle")
_CROSS_TRAINING, _CROSS_TESTS = ("NewYork", "Seattle"), ("Chicago", "SanFrancisco")
_TILE = re.compile(r"satellite_(-?\d+\.?\d*)_(-?\d+\.?\d*)\.\w+")
_PANORAMA = re.compile(r".+,(-?\d+\.\d+),(-?\d+\.\d+),\.\w+")
_TILE_COLUMNS = (1, 4, 7, 10)  # the positive tile, then the semi-positives

Area = Literal["same", "cross"]


@dataclass(frozen=True)
class _Label:
    """A panorama and the file names of its tiles, the positive tile first."""

    city: str
    panorama: str
    tiles: tuple[str, ...]


@dataclass(frozen=True)
class _Lists:
    """The tiles of a split by file name, and its labels."""

    tiles: dict[str, Item]
    labels: list[_Label]


def load(root: Path, area: Area = "same") -> Benchmark:
    """Load one of the two published splits.

    The training references are the positive tiles of the panoramas. The gallery holds all tiles of the test
    cities.

    Args:
        root: folder with `splits` and the cities.
        area: same to train and test in the same cities, cross to test in other cities.

    Raises:
        ParameterError: a file or folder is missing or malformed.
    """
    found: list[str] = []
    training, tests = _read(root, area, found)
    refuse(found)
    used = {label.tiles[0]: training.tiles[label.tiles[0]] for label in training.labels}
    split = matched_by_id(_queries(root, training), list(used.values()))
    return Benchmark("vigor" if area == "same" else "vigor_cross", split, (_task(root, tests, area),))


def check(root: Path, area: Area = "same") -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    found: list[str] = []
    parts = _read(root, area, found)
    pictures = [item.path for part in parts for item in part.tiles.values()]
    pictures += [_panorama_path(root, label) for part in parts for label in part.labels]
    folders = Folders()
    return found + unreadable(path for path in pictures if folders.hold(path))


def _read(root: Path, area: Area, found: list[str]) -> tuple[_Lists, _Lists]:
    """Return both splits; append a sentence for each fault to `found`."""
    wrong = wrong_root(root, ("splits",), "VIGOR")
    absent = [city for city in _CITIES if not _satellites(root, city).is_dir()]
    if wrong or absent:
        found.append(wrong or f"{root} has no satellite folder of {named(absent)}; complete the download.")
        return _Lists({}, []), _Lists({}, [])
    if area == "cross":
        return (
            _read_cities(root, _CROSS_TRAINING, "pano_label_balanced", found),
            _read_cities(root, _CROSS_TESTS, "pano_label_balanced", found),
        )
    training = _read_cities(root, _CITIES, "same_area_balanced_train", found)
    tests = _read_cities(root, _CITIES, "same_area_balanced_test", found)
    shared = sorted(
        {label.panorama for label in training.labels} & {label.panorama for label in tests.labels}
    )
    if shared:
        found.append(
            f"{root / 'splits'} has panoramas in both training and test: {named(shared)}; fetch it again."
        )
    return training, tests


def _satellites(root: Path, city: str) -> Path:
    moved = root / "satellite" / city
    return moved if moved.is_dir() else root / city / "satellite"


def _panoramas(root: Path, city: str) -> Path:
    moved = root / "ground" / city
    return moved if moved.is_dir() else root / city / "panorama"


def _panorama_path(root: Path, label: _Label) -> Path:
    return _panoramas(root, label.city) / label.panorama


def _read_cities(root: Path, cities: Sequence[str], labels: str, found: list[str]) -> _Lists:
    lists = _Lists({}, [])
    for city in cities:
        folder = root / "splits" / city
        tiles = _read_tiles(folder / "satellite_list.txt", _satellites(root, city), found)
        lists.tiles.update(tiles)
        if tiles:
            lists.labels.extend(_read_labels(root, folder / f"{labels}.txt", city, tiles, found))
    return lists


def _read_tiles(table: Path, folder: Path, found: list[str]) -> dict[str, Item]:
    names = [line[0] for line in _lines(table, found)]
    wrong = [name for name in names if not _TILE.fullmatch(name)]
    if wrong:
        found.append(
            f"{table} lists {named(wrong)}, but tiles are named satellite_<latitude>_<longitude>.png; "
            "fetch it again."
        )
        return {}
    found += twice(table, "a tile", names)
    found += missing(table, (folder / name for name in names), Folders())
    return {name: Item(Path(name).stem, "satellite", folder / name, _location(_TILE, name)) for name in names}


def _read_labels(
    root: Path, table: Path, city: str, tiles: dict[str, Item], found: list[str]
) -> list[_Label]:
    labels = []
    for number, row in enumerate(_lines(table, found), 1):
        fault = _fault(row)
        if fault:
            found.append(f"{table}, line {number}: {fault}.")
            return []
        labels.append(_Label(city, row[0], tuple(row[column] for column in _TILE_COLUMNS)))
    unknown = sorted({name for label in labels for name in label.tiles} - set(tiles))
    if unknown:
        found.append(
            f"{table} names tiles that are not in satellite_list.txt: {named(unknown)}; fetch both again."
        )
        return []
    found += twice(table, "a panorama", [label.panorama for label in labels])
    found += missing(table, (_panorama_path(root, label) for label in labels), Folders())
    return labels


def _fault(row: list[str]) -> str:
    if len(row) <= _TILE_COLUMNS[-1]:
        return (
            f"{len(row)} columns instead of 13 (a panorama, then four tiles with two offsets each); fetch it "
            "again"
        )
    if _TILE.fullmatch(row[0]):
        return f"column 1 is the satellite tile '{row[0]}' instead of a panorama; check for swapped columns"
    for column in _TILE_COLUMNS:
        if not _TILE.fullmatch(row[column]):
            return (
                f"column {column + 1} is '{row[column]}' instead of a satellite tile; check for swapped "
                "columns"
            )
    return ""


def _lines(table: Path, found: list[str]) -> list[list[str]]:
    try:
        lines = [line.split() for line in table.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        found.append(f"{table} cannot be read ({error}); fetch VIGOR's splits again.")
        return []
    if not lines:
        found.append(f"{table} is empty; fetch VIGOR's splits again.")
    return lines


def _location(pattern: re.Pattern[str], name: str) -> GeoLocation | None:
    """Return the position in a file name, or None if the name has no position on the Earth."""
    found = pattern.fullmatch(name)
    if not found:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    return GeoLocation(latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _queries(root: Path, lists: _Lists) -> tuple[Item, ...]:
    return tuple(
        Item(
            lists.tiles[label.tiles[0]].id,
            "ground",
            _panorama_path(root, label),
            _location(_PANORAMA, label.panorama),
        )
        for label in lists.labels
    )


def _task(root: Path, lists: _Lists, area: Area) -> Task:
    number = {name: i for i, name in enumerate(lists.tiles)}
    return Task(
        name=f"ground→satellite, {area} area",
        queries=_queries(root, lists),
        gallery=tuple(lists.tiles.values()),
        metrics=("recall_pairs", "hit_rate"),
        positives=tuple((number[label.tiles[0]],) for label in lists.labels),
        semi_positives=tuple(tuple(number[name] for name in label.tiles[1:]) for label in lists.labels),
    )
