# SPDX-License-Identifier: Apache-2.0
"""Reads a CSV table with a header; raises an error that names the file if it is missing or damaged."""

import csv
from pathlib import Path

from geoloc.errors import BagError, clause


def read_rows(path: Path, what: str) -> list[dict[str, str]]:
    """Return the rows of a table by column name.

    Args:
        path: path of the file.
        what: kind of table, for the error: "table of truth".

    Raises:
        BagError: if the file is missing or is not CSV.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BagError(f"{path} cannot be read as a {what} ({clause(error)}); copy it again.") from error
