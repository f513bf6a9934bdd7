# SPDX-License-Identifier: Apache-2.0
"""Marks folders as finished with a checksum of their inputs, so that a later run skips them."""

import hashlib
from pathlib import Path

_NOTE = "recipe.txt"


def checksum(*parts: str) -> str:
    """Return the SHA-256 of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_done(folder: Path, recipe: str) -> bool:
    """Return whether a folder holds the finished result of a recipe."""
    note = folder / _NOTE
    return note.is_file() and note.read_text(encoding="utf-8").strip() == recipe


def begin(folder: Path) -> None:
    """Create a folder if it is missing, and mark it as unfinished."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NOTE).unlink(missing_ok=True)


def finish(folder: Path, recipe: str) -> None:
    """Mark a folder as the finished result of a recipe."""
    (folder / _NOTE).write_text(recipe + "\n", encoding="utf-8")
