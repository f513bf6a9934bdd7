# SPDX-License-Identifier: Apache-2.0
"""Reads a CSV table with a header; a file that is missing or damaged becomes an error that names it."""

import csv
from pathlib import Path

from geoloc.errors import BagError


def read_rows(path: Path, what: str) -> list[dict[str, str]]:
    """Return the rows of a table by column name.

    Args:
        path: the file.
        what: what it should be, for the error: "table of truth".

    Raises:
        BagError: for a file that is missing or no CSV.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BagError(f"{path} cannot be read as a {what} ({error}); copy it again") from error
