# SPDX-License-Identifier: Apache-2.0
"""GTA-UAV and GTA-UAV-LR: drone views of a game's world that overlap tiles of four sizes.

A tile matches a drone view if their footprints overlap: positive above an overlap of 0.39, semi-positive
above 0.14. As in the authors' code, training uses both, weighted by the overlap, and the test counts
positives only. Every drone view has its own id, so no place has several drone views.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from geoloc.errors import ParameterError, clause
from geoloc_training.datasets.probe import PICTURE_SUFFIXES, named, unreadable
from geoloc_training.datasets.published.tree import refuse, wrong_root
from geoloc_training.items import Benchmark, Item, PlaneLocation, Task, TrainingSplit

Area = Literal["cross", "same"]
Overlap = tuple[str, float]

_TITLE = "GTA-UAV"
_MAP_PX = 24576
_PIXEL_M = 0.45
_OFFSET_PARTS = 256  # unit of a tile's offset, in parts of its width
_EXCHANGED_SHARE = 0.5
_NAMED_ENTRIES = 10


@dataclass(frozen=True)
class _Row:
    """A drone view.

    Attributes:
        folder: folder of the image, relative to the root.
        name: file name of the image.
        location: centre of the ground in view.
        positives: image names and overlaps of the positive tiles, largest overlap first.
        overlapping: image names and overlaps of the positive and semi-positive tiles, largest overlap first.
    """

    folder: str
    name: str
    location: PlaneLocation
    positives: tuple[Overlap, ...]
    overlapping: tuple[Overlap, ...]


@dataclass(frozen=True)
class _Survey:
    """Content of the folder, and a sentence for each fault in it."""

    found: tuple[str, ...]
    training: tuple[_Row, ...] = ()
    test: tuple[_Row, ...] = ()
    tiles: tuple[Item, ...] = ()


def load(root: Path, area: Area = "cross") -> Benchmark:
    """Load the data set, with training and test in different regions (cross) or in one region (same).

    Raises:
        ParameterError: a file or folder is missing or malformed.
    """
    survey = _survey(root, area)
    refuse(survey.found)
    test = tuple(row for row in survey.test if row.positives)
    numbers = {tile.path.name: number for number, tile in enumerate(survey.tiles)}
    task = Task(
        "drone→satellite",
        tuple(_drone(root, row) for row in test),
        survey.tiles,
        ("recall", "ap_step", "sdm_metres", "dis"),
        tuple(tuple(numbers[name] for name, _ in row.positives) for row in test),
    )
    name = "gta_uav" if area == "cross" else f"gta_uav_{area}"
    return Benchmark(name, _training(root, survey), (task,))


def check(root: Path, area: Area = "cross") -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    survey = _survey(root, area)
    rows = (*survey.training, *survey.test)
    pictures = (*(_drone(root, row).path for row in rows), *(tile.path for tile in survey.tiles))
    return [*survey.found, *unreadable(path for path in pictures if path.is_file())]


def tile_centre(name: str) -> PlaneLocation:
    """Return the centre of a tile from its name `<zoom>_<offset>_<x>_<y>` (first release: no offset).

    Raises:
        ParameterError: the name has another form.
    """
    try:
        zoom, *offset, x, y = (int(word) for word in name.split("_"))
        (shift,) = offset or [0]
    except ValueError as error:
        raise ParameterError(
            f"tile '{name}' is not named in the form <zoom>_<offset>_<x>_<y>; rename or remove it."
        ) from error
    tile_m = _MAP_PX / 2**zoom * _PIXEL_M
    return PlaneLocation(*(tile_m * (number + 0.5 + shift / _OFFSET_PARTS) for number in (x, y)))


def _survey(root: Path, area: Area) -> _Survey:
    lists = [f"{area}-area-drone2sate-{part}.json" for part in ("train", "test")]
    wrong = wrong_root(root, ("drone", "satellite", *lists), _TITLE)
    if wrong:
        return _Survey((wrong,))
    (training, wrong_training), (test, wrong_test) = (_read_rows(root / name) for name in lists)
    tiles, wrong_tiles = _tiles(root / "satellite")
    found = [*wrong_training, *wrong_test, *wrong_tiles]
    found += _lacking_pictures(root, (*training, *test), tiles) if not found else []
    found += _both_parts(training, test)
    found += _exchanged(root / lists[0], training) + _exchanged(root / lists[1], test)
    if not found and not any(row.positives for row in test):
        found.append(f"{root / lists[1]} has no drone view with a positive tile; fetch it again.")
    return _Survey(tuple(found), training, test, tiles)


def _tiles(folder: Path) -> tuple[tuple[Item, ...], list[str]]:
    """Return every tile below a folder, sorted by path, and a sentence for each fault."""
    if not folder.is_dir():
        return (), [f"{folder} is missing, the folder of the map's tiles; complete the download."]
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    found, tiles, names = [], [], set()
    for path in paths:
        if path.name in names:
            found.append(f"{path} has the name of another tile below {folder}; keep one of them.")
        names.add(path.name)
        try:
            tiles.append(Item(path.stem, "satellite", path, tile_centre(path.stem)))
        except ParameterError as error:
            found.append(f"{path}: {error}")
    if not paths:
        found.append(f"{folder} holds no images, the tiles of the map; complete the download.")
    return tuple(tiles), found


def _lacking_pictures(root: Path, rows: tuple[_Row, ...], tiles: tuple[Item, ...]) -> list[str]:
    folders = {row.folder for row in rows}
    lying = {(folder, path.name) for folder in folders for path in (root / folder).glob("*")}
    drones = [row.name for row in rows if (row.folder, row.name) not in lying]
    names = {tile.path.name for tile in tiles}
    wanted = sorted({name for row in rows for name, _ in (*row.positives, *row.overlapping)} - names)
    missing = ((drones, "drone views", " and ".join(sorted(folders))), (wanted, "tiles", "satellite"))
    return [
        f"{root / where} lacks {len(lost)} {what} of the lists: {named(lost)}; fetch them again."
        for lost, what, where in missing
        if lost
    ]


def _both_parts(training: tuple[_Row, ...], test: tuple[_Row, ...]) -> list[str]:
    both = sorted({row.name for row in training} & {row.name for row in test})
    return (
        [f"{named(both)} are in both the training and the test list; remove them from one list."]
        if both
        else []
    )


def _exchanged(path: Path, rows: tuple[_Row, ...]) -> list[str]:
    """Return a sentence if most drone views lie near their tiles only with x and y exchanged."""
    placed = [(row.location, _centre_of_best(row)) for row in rows if row.overlapping]
    swapped = sum(
        _apart_m(here.x_m, here.y_m, tile) > 2 * _apart_m(here.y_m, here.x_m, tile) + 1.0
        for here, tile in placed
        if tile is not None
    )
    if not placed or swapped <= _EXCHANGED_SHARE * len(placed):
        return []
    return [f"{path}: drone_loc_x_y matches the tiles only with x and y swapped; write x first."]


def _centre_of_best(row: _Row) -> PlaneLocation | None:
    try:
        return tile_centre(Path(row.overlapping[0][0]).stem)
    except ParameterError:
        return None


def _apart_m(x_m: float, y_m: float, tile: PlaneLocation) -> float:
    return float(((x_m - tile.x_m) ** 2 + (y_m - tile.y_m) ** 2) ** 0.5)


def _drone(root: Path, row: _Row) -> Item:
    return Item(Path(row.name).stem, "drone", root / row.folder / row.name, row.location)


def _training(root: Path, survey: _Survey) -> TrainingSplit:
    """Return the drone views and the tiles they overlap; other tiles may belong to the test."""
    wanted = {name for row in survey.training for name, _ in row.overlapping}
    tiles = tuple(tile for tile in survey.tiles if tile.path.name in wanted)
    numbers = {tile.path.name: number for number, tile in enumerate(tiles)}
    return TrainingSplit(
        tuple(_drone(root, row) for row in survey.training),
        tiles,
        tuple(tuple(numbers[name] for name, _ in row.overlapping) for row in survey.training),
        tuple(tuple(overlap for _, overlap in row.overlapping) for row in survey.training),
    )


def _read_rows(path: Path) -> tuple[tuple[_Row, ...], list[str]]:
    """Return the rows of a list, and a sentence for each malformed row."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return (), [f"{path} is missing, the list of drone views and their tiles; complete the download."]
    except (OSError, ValueError) as error:
        return (), [f"{path} is not readable JSON ({clause(error)}); fetch it again."]
    if not isinstance(listed, list) or not listed:
        return (), [f"{path} is not a list of drone views, or is empty; fetch it again."]
    rows: dict[str, _Row] = {}
    found = []
    for number, entry in enumerate(listed):
        try:
            row = _row_of(entry)
        except (KeyError, TypeError, ValueError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            found.append(f"{path}, entry {number}: {what}; correct the entry or fetch the file again.")
            continue
        if row.name in rows:
            found.append(f"{path}, entry {number}: {row.name} is listed twice; keep one of its entries.")
        rows[row.name] = row
    more = len(found) - _NAMED_ENTRIES
    rest = [f"{more} more entries of {path} are faulty."] if more > 0 else []
    return tuple(rows.values()), [*found[:_NAMED_ENTRIES], *rest]


def _row_of(entry: dict[str, Any]) -> _Row:
    """Return the row of an entry; a KeyError, TypeError or ValueError names the fault."""
    x_m, y_m = (float(value) for value in entry["drone_loc_x_y"])
    return _Row(
        str(entry["drone_img_dir"]),
        str(entry["drone_img_name"]),
        PlaneLocation(x_m, y_m),
        _overlaps(entry, "pair_pos_sate"),
        _overlaps(entry, "pair_pos_semipos_sate"),
    )


def _overlaps(entry: dict[str, Any], of: str) -> tuple[Overlap, ...]:
    names, overlaps = entry[f"{of}_img_list"], [float(value) for value in entry[f"{of}_weight_list"]]
    if len(names) != len(overlaps):
        raise ValueError(f"{of} has {len(names)} tiles and {len(overlaps)} weights")
    if len(set(names)) != len(names):
        raise ValueError(f"{of}_img_list names a tile twice")
    if not all(0 <= overlap <= 1 for overlap in overlaps):
        raise ValueError(f"{of}_weight_list has weights outside 0..1")
    # A stable sort keeps the order of the list among equal overlaps.
    return tuple(sorted(zip(map(str, names), overlaps, strict=True), key=lambda pair: -pair[1]))
