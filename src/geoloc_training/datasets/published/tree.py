# SPDX-License-Identifier: Apache-2.0
"""Reader and check of data sets with one folder for each place, such as `train/drone/0839/image-01.jpeg`.

A `Layout` describes such a data set: the folders of the training split, and the queries and galleries of the
tests.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.datasets.probe import named, pictures_in, unreadable
from geoloc_training.items import Benchmark, Item, Location, Metric, Task, TrainingSplit

Places = dict[str, list[Path]]


@dataclass(frozen=True)
class Shelf:
    """A folder that holds one folder for each place.

    Attributes:
        path: path of the folder.
        view: view of its images, drone or satellite.
        within: folder of the images inside the folder of a place; empty if they lie directly in the latter.
        only: names of the places that belong to the shelf; None for all.
    """

    path: Path
    view: str
    within: str = ""
    only: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"{self.path / '*' / self.within}" if self.within else str(self.path)


@dataclass(frozen=True)
class Trial:
    """A test: the images of one shelf are the queries, the images of another the gallery."""

    name: str
    queries: Shelf
    gallery: Shelf


@dataclass(frozen=True)
class Layout:
    """Layout of a data set on disk.

    Attributes:
        name: short name, as in `data=u1652`.
        title: name given by the authors.
        root: folder given by the user.
        needs: names of folders that identify the root.
        queries: shelves of the training queries.
        references: shelves of the training references.
        trials: published tests.
        metrics: metrics reported by the authors' script.
    """

    name: str
    title: str
    root: Path
    needs: tuple[str, ...]
    queries: tuple[Shelf, ...]
    references: tuple[Shelf, ...]
    trials: tuple[Trial, ...]
    metrics: tuple[Metric, ...]

    @property
    def shelves(self) -> tuple[Shelf, ...]:
        """Return every shelf once."""
        tests = (shelf for trial in self.trials for shelf in (trial.queries, trial.gallery))
        return tuple(dict.fromkeys((*self.queries, *self.references, *tests)))


def both_ways(folder: Path, of: str = "") -> tuple[Trial, Trial]:
    """Return the tests drone→satellite and satellite→drone in the folders of University-1652.

    Args:
        folder: folder with query_drone, gallery_satellite, query_satellite and gallery_drone.
        of: suffix of the tests' names, such as ", 150 m".
    """
    drone, satellite = (
        {part: Shelf(folder / f"{part}_{view}", view) for part in ("query", "gallery")}
        for view in ("drone", "satellite")
    )
    return (
        Trial(f"drone→satellite{of}", drone["query"], satellite["gallery"]),
        Trial(f"satellite→drone{of}", satellite["query"], drone["gallery"]),
    )


def read(layout: Layout) -> dict[Shelf, Places]:
    """Return the images of every place on every shelf, sorted by name; empty for a missing shelf."""
    return {shelf: _read_shelf(shelf) for shelf in layout.shelves}


def load_tree(layout: Layout) -> Benchmark:
    """Load a data set without locations.

    Raises:
        ParameterError: a file or folder is missing or malformed.
    """
    shelves = read(layout)
    refuse(malformed(layout, shelves))
    return benchmark(layout, shelves)


def check_tree(layout: Layout) -> list[str]:
    """Return a sentence for each missing or malformed folder and for each unreadable image."""
    shelves = read(layout)
    return [*malformed(layout, shelves), *unreadable_on(shelves)]


def benchmark(
    layout: Layout, shelves: Mapping[Shelf, Places], locations: Mapping[str, Location] | None = None
) -> Benchmark:
    """Return the data set on the given shelves, with the locations of places where known."""
    items = {shelf: _items(shelf, places, locations or {}) for shelf, places in shelves.items()}
    training = matched_by_id(
        [item for shelf in layout.queries for item in items[shelf]],
        [item for shelf in layout.references for item in items[shelf]],
    )
    tests = (Task(t.name, items[t.queries], items[t.gallery], layout.metrics) for t in layout.trials)
    return Benchmark(layout.name, training, tuple(tests))


def matched_by_id(queries: Sequence[Item], references: Sequence[Item]) -> TrainingSplit:
    """Return a training split in which all references of a query's place match with equal weight."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, item in enumerate(references):
        places[item.id].append(number)
    matches = tuple(tuple(places.get(item.id, ())) for item in queries)
    weights = tuple((1.0,) * len(right) for right in matches)
    return TrainingSplit(tuple(queries), tuple(references), matches, weights)


def refuse(findings: Sequence[str]) -> None:
    """Raise `ParameterError` with the first finding, if there is one."""
    if findings:
        raise ParameterError(findings[0])


def wrong_root(root: Path, needs: Sequence[str], title: str) -> str | None:
    """Return a sentence if a folder is not the root of a data set; it names a correct root nearby.

    Args:
        root: folder given by the user.
        needs: names of folders in the correct root, any of which identifies it.
        title: title of the data set.
    """
    content = " and ".join(needs)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        return f"{root} {what}; give the folder of {title} that holds {content}."
    if any((root / name).exists() for name in needs):
        return None
    below = sorted(path for path in root.iterdir() if path.is_dir())
    for where, folders in (("down", below), ("up", [root.resolve().parent])):
        for folder in folders:
            if all((folder / name).exists() for name in needs):
                return f"{root} is not {title} itself, which lies one level {where}; give {folder}."
    return f"{root} is not {title}, as {content} are not in it; give the folder that holds them."


def malformed(layout: Layout, shelves: Mapping[Shelf, Places]) -> list[str]:
    """Return a sentence for each missing or malformed folder, without opening images."""
    wrong = wrong_root(layout.root, layout.needs, layout.title)
    if wrong:
        return [wrong]
    found = [sentence for shelf, places in shelves.items() for sentence in _on_shelf(shelf, places)]
    learnt = _together(layout.queries, shelves)
    found += _lacking("training", learnt, _together(layout.references, shelves))
    for trial in layout.trials:
        queries, gallery = shelves[trial.queries], shelves[trial.gallery]
        found += _lacking(trial.name, queries, gallery)
        both = sorted(set(learnt) & set(queries))
        if both:
            found.append(
                f"{named(both)} are training places and queries in {trial.queries}; remove them from one."
            )
    return list(dict.fromkeys(found))


def unreadable_on(shelves: Mapping[Shelf, Places]) -> list[str]:
    """Return a sentence for each unreadable image."""
    return unreadable(path for places in shelves.values() for paths in places.values() for path in paths)


def _read_shelf(shelf: Shelf) -> Places:
    if not shelf.path.is_dir():
        return {}
    folders = sorted(path for path in shelf.path.iterdir() if path.is_dir())
    mine = (path for path in folders if shelf.only is None or path.name in shelf.only)
    return {path.name: pictures_in(path / shelf.within) for path in mine}


def _items(shelf: Shelf, places: Places, locations: Mapping[str, Location]) -> tuple[Item, ...]:
    return tuple(
        Item(place, shelf.view, path, locations.get(place))
        for place, paths in places.items()
        for path in paths
    )


def _together(shelves: Sequence[Shelf], read_shelves: Mapping[Shelf, Places]) -> list[str]:
    return sorted({place for shelf in shelves for place in read_shelves[shelf]})


def _on_shelf(shelf: Shelf, places: Places) -> list[str]:
    if not shelf.path.is_dir():
        return [
            f"{shelf.path} is missing, the folder of the places' {shelf.view} images; complete the download."
        ]
    if not places:
        return [f"{shelf} holds no folders of places; add one folder of {shelf.view} images for each place."]
    found = []
    empty = [place for place, paths in places.items() if not paths]
    if empty:
        found.append(
            f"{len(empty)} of {len(places)} places in {shelf} hold no images: {named(empty)}; fetch them "
            "again or remove their folders."
        )
    spelt: dict[str, list[str]] = defaultdict(list)
    for place in places:
        spelt[str(int(place)) if place.isdecimal() else place.casefold()].append(place)
    found += [
        f"{shelf} names one place several times: {', '.join(same)}; keep one folder of them."
        for same in spelt.values()
        if len(same) > 1
    ]
    return found


def _lacking(what: str, queries: Sequence[str] | Places, gallery: Sequence[str] | Places) -> list[str]:
    # A shelf without places is reported by itself, and would repeat all places here.
    missing = sorted(set(queries) - set(gallery)) if queries and gallery else []
    if not missing:
        return []
    return [
        f"{what}: {len(missing)} of {len(queries)} places have queries but no references: "
        f"{named(missing)}; add their reference images, or remove their queries."
    ]
