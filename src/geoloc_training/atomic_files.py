# SPDX-License-Identifier: Apache-2.0
"""Atomic replacement of a folder or a file: at every moment either the old or the new one is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which replaces `folder` when the block ends.

    If the block ends early, `folder` is unchanged and the new folder is deleted. A hidden folder beside
    `folder` holds both meanwhile, so a listing of the models shows neither. If the process is killed between
    the two renames, the next call restores the old folder from there.

    Raises:
        OSError: the file system refused an operation; `folder` is unchanged.
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
    """Replace the text of a file, without translating line ends.

    Raises:
        OSError: the file system refused an operation; `path` is unchanged.
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
    """Flush the files of a folder to disk, so that an older version may be deleted."""
    for path in folder.iterdir():
        _file_to_disk(path)


def _file_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
