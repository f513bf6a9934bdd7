# SPDX-License-Identifier: Apache-2.0
"""Reads a CSV table with a header; raises an error that names the file if it is missing or damaged."""

import codecs
import csv
import io
from pathlib import Path

from geoloc.errors import BagError, clause

_SEPARATORS = (",", ";", "\t")


def read_rows(path: Path, what: str) -> list[dict[str, str]]:
    """Return the rows of a table by column name.

    A byte order mark, spaces beside the separators, and semicolons or tabs instead of commas, as spreadsheets
    write them, are understood. Decimal commas are not: a column of numbers needs points.

    Args:
        path: path of the file.
        what: kind of table, for the error: "table of truth".

    Raises:
        BagError: if the file is missing or is not CSV.
    """
    try:
        text = _decoded(path.read_bytes())
        head, _, _ = text.partition("\n")
        separator = max(_SEPARATORS, key=head.count)  # a comma, if there is none
        lines = io.StringIO(text, newline="")
        return [_stripped(row) for row in csv.DictReader(lines, delimiter=separator, skipinitialspace=True)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BagError(f"{path} cannot be read as a {what} ({clause(error)}); copy it again.") from error


def _decoded(data: bytes) -> str:
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig")


def _stripped(row: dict[str, str]) -> dict[str, str]:
    """Return a row without spaces around names and values; surplus and missing cells stay as they are."""
    return {
        name.strip() if isinstance(name, str) else name: value.strip() if isinstance(value, str) else value
        for name, value in row.items()
    }
