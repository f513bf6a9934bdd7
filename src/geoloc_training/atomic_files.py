# SPDX-License-Identifier: Apache-2.0
"""Replace a folder or a file by another in one move, so that at every moment one of the two is whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends it takes the place of `folder`.

    Whatever ends the block early, `folder` stays as it was and nothing lies beside it. Both folders wait
    inside a hidden one, where nobody who lists the folders beside `folder` comes across them. Killed between
    the two renames, the old one waits there for the next call, which puts it back first.

    Raises:
        OSError: as the file system says; `folder` is as it was.
    """
    stage = folder.with_name(f".{folder.name}.stage")
    fresh, old = stage / "new", stage / "old"
    _put_back(old, folder)
    shutil.rmtree(stage, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        folder_to_disk(fresh)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    finally:
        _put_back(old, folder)
        shutil.rmtree(stage, ignore_errors=True)


def replace_text(path: Path, text: str) -> None:
    """Give a file another text, line ends as they are.

    Raises:
        OSError: as the file system says; `path` is as it was.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8", newline="")
        _file_to_disk(fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _put_back(old: Path, folder: Path) -> None:
    if old.exists() and not folder.exists():
        old.rename(folder)


def folder_to_disk(folder: Path) -> None:
    """Have the disk itself hold what was written, before anything older is given up for it."""
    for path in folder.iterdir():
        _file_to_disk(path)


def _file_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
