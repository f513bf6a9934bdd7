# SPDX-License-Identifier: Apache-2.0
"""Paths that a user writes: ~ is the home folder, also where no shell expands it."""

from pathlib import Path


def expanded_home(path: str) -> str:
    """Return a path with ~ or ~user at its start replaced by the home folder, and other text as it is."""
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # there is no such user
        return path
