# SPDX-License-Identifier: Apache-2.0
"""Which work is done already: a folder keeps the checksum of all that decided what it holds."""

import hashlib
from pathlib import Path

_NOTE = "recipe.txt"


def checksum(*parts: str) -> str:
    """Return one checksum of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_done(folder: Path, recipe: str) -> bool:
    """Tell whether a folder holds what this recipe makes."""
    note = folder / _NOTE
    return note.is_file() and note.read_text(encoding="utf-8").strip() == recipe


def begin(folder: Path) -> None:
    """Make a folder count as unfinished, made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NOTE).unlink(missing_ok=True)


def finish(folder: Path, recipe: str) -> None:
    """Note that a folder holds what this recipe makes."""
    (folder / _NOTE).write_text(recipe + "\n", encoding="utf-8")
