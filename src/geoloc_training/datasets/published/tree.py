# SPDX-License-Identifier: Apache-2.0
"""Data sets that are folders of places: `train/drone/0839/image-01.jpeg`. One reader and one check for all.

A data set of this kind is a `Layout`: which folders are learnt from and which tests look what up in what.
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
    """A folder that holds a folder for each place.

    Attributes:
        path: the folder.
        view: what its pictures show: drone or satellite.
        within: folder of each place that holds its pictures; empty where they lie straight in the place's.
        only: the places that belong to it; None for all.
    """

    path: Path
    view: str
    within: str = ""
    only: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"{self.path / '*' / self.within}" if self.within else str(self.path)


@dataclass(frozen=True)
class Trial:
    """A test: the pictures of one shelf are looked up among those of another."""

    name: str
    queries: Shelf
    gallery: Shelf


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        name: short name, as in `data=u1652`.
        title: the name its authors gave it.
        root: the folder the user named.
        needs: what lies in that folder; by these the right folder is known.
        queries: shelves of the view that is located, to learn from.
        references: shelves of the map, to learn from.
        trials: the published tests.
        metrics: what the authors' script reports.
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
    """Return University-1652's two tests, whose four folders other sets took over.

    Args:
        folder: holds query_drone, gallery_satellite, query_satellite and gallery_drone.
        of: what is tested, for the tests' names: ", 150 m".
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
    """Return the pictures of every place on every shelf, by name; none on a shelf that is missing."""
    return {shelf: _read_shelf(shelf) for shelf in layout.shelves}


def load_tree(layout: Layout) -> Benchmark:
    """Return a data set without locations.

    Raises:
        ParameterError: the first thing that is missing or malformed.
    """
    shelves = read(layout)
    refuse(malformed(layout, shelves))
    return benchmark(layout, shelves)


def check_tree(layout: Layout) -> list[str]:
    """Return sentences that say what is missing or malformed, down to pictures that cannot be read."""
    shelves = read(layout)
    return [*malformed(layout, shelves), *unreadable_on(shelves)]


def benchmark(
    layout: Layout, shelves: Mapping[Shelf, Places], locations: Mapping[str, Location] | None = None
) -> Benchmark:
    """Return the data set that was read, with the locations of its places where they are known."""
    items = {shelf: _items(shelf, places, locations or {}) for shelf, places in shelves.items()}
    training = matched_by_id(
        [item for shelf in layout.queries for item in items[shelf]],
        [item for shelf in layout.references for item in items[shelf]],
    )
    tests = (Task(t.name, items[t.queries], items[t.gallery], layout.metrics) for t in layout.trials)
    return Benchmark(layout.name, training, tuple(tests))


def matched_by_id(queries: Sequence[Item], references: Sequence[Item]) -> TrainingSplit:
    """Return a training split in which all references of a query's place are right, and equally so."""
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
    """Return a sentence where a folder is not of this data set; a right one nearby is named in it.

    Args:
        root: the folder the user named.
        needs: what lies in the right folder; one of them is enough to take it for that.
        title: of the data set.
    """
    content = " and ".join(needs)
    if not root.is_dir():
        what = "is no folder" if root.exists() else "does not exist"
        return f"{root} {what}; give the folder of {title} that holds {content}."
    if any((root / name).exists() for name in needs):
        return None
    below = sorted(path for path in root.iterdir() if path.is_dir())
    for where, folders in (("down", below), ("up", [root.resolve().parent])):
        for folder in folders:
            if all((folder / name).exists() for name in needs):
                return f"{root} is not {title} itself, which lies one level {where}; give {folder}."
    return f"{root} is not {title}: {content} are not in it; give the folder that holds them."


def malformed(layout: Layout, shelves: Mapping[Shelf, Places]) -> list[str]:
    """Return sentences about folders and names; pictures are not opened."""
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
                f"{named(both)} are learnt from and looked up in {trial.queries}; leave each in one of them."
            )
    return list(dict.fromkeys(found))


def unreadable_on(shelves: Mapping[Shelf, Places]) -> list[str]:
    """Return sentences about pictures that cannot be read."""
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
        return [f"{shelf.path} is missing; the {shelf.view} pictures of every place belong there."]
    if not places:
        return [
            f"{shelf} holds no folders of places; each place has a folder with its {shelf.view} pictures."
        ]
    found = []
    empty = [place for place, paths in places.items() if not paths]
    if empty:
        found.append(
            f"{len(empty)} of {len(places)} places in {shelf} hold no picture: {named(empty)}; fetch them "
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
    # A shelf without places has a sentence of its own, and would drown it here.
    missing = sorted(set(queries) - set(gallery)) if queries and gallery else []
    if not missing:
        return []
    return [
        f"{what}: for {len(missing)} of {len(queries)} places there is nothing to be found: "
        f"{named(missing)}; add their pictures to what is searched, or remove their queries."
    ]
