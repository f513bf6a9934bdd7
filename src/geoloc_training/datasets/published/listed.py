# SPDX-License-Identifier: Apache-2.0
"""Checks of data sets that list the images of large folders: missing files and repeated rows."""

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from geoloc_training.datasets.probe import named


class Folders:
    """Cache of folder listings: a folder may hold 100,000 files, so each is listed only once."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def hold(self, path: Path) -> bool:
        """Return True if a file exists."""
        names = self._names.get(path.parent)
        if names is None:
            inside = path.parent.iterdir() if path.parent.is_dir() else ()
            names = self._names[path.parent] = frozenset(entry.name for entry in inside)
        return path.name in names


def missing(table: Path, pictures: Iterable[Path], folders: Folders) -> list[str]:
    """Return a sentence if a table names images that do not exist."""
    absent = [str(path) for path in dict.fromkeys(pictures) if not folders.hold(path)]
    if not absent:
        return []
    return [
        f"{table} names {len(absent)} images that do not exist: {named(absent)}; complete the download, "
        "or remove their rows."
    ]


def twice(table: Path, what: str, ids: Sequence[Hashable]) -> list[str]:
    """Return a sentence if a table holds an id more than once."""
    seen: set[Hashable] = set()
    repeated = []
    for one in ids:
        if one in seen:
            repeated.append(str(one))
        seen.add(one)
    return [f"{table} lists {what} twice: {named(repeated)}; keep one row of each."] if repeated else []
