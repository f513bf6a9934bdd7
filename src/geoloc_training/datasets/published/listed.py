# SPDX-License-Identifier: Apache-2.0
"""Data sets that are lists of pictures in big folders: what a list names and the folders do not hold."""

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from geoloc_training.datasets.probe import named


class Folders:
    """Which files are there; each folder is listed once, for it may hold 100,000."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def hold(self, path: Path) -> bool:
        """Return True where a file is there."""
        names = self._names.get(path.parent)
        if names is None:
            inside = path.parent.iterdir() if path.parent.is_dir() else ()
            names = self._names[path.parent] = frozenset(entry.name for entry in inside)
        return path.name in names


def missing(table: Path, pictures: Iterable[Path], folders: Folders) -> list[str]:
    """Return a sentence if a table names pictures that are not there."""
    absent = [str(path) for path in dict.fromkeys(pictures) if not folders.hold(path)]
    if not absent:
        return []
    return [
        f"{table} names {len(absent)} pictures that are not there: {named(absent)}; complete the download, "
        "or take their rows out."
    ]


def twice(table: Path, what: str, ids: Sequence[Hashable]) -> list[str]:
    """Return a sentence if a table holds something more than once."""
    seen: set[Hashable] = set()
    repeated = []
    for one in ids:
        if one in seen:
            repeated.append(str(one))
        seen.add(one)
    return [f"{table} holds {what} twice: {named(repeated)}; keep one row of each."] if repeated else []
