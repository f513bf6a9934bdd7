# SPDX-License-Identifier: Apache-2.0
"""Finds measurements that a page contains as typed text instead of as a quote.

A number with a unit, in prose or in a table, counts as a measurement unless it is quoted. Numbers that were
chosen or specified (a default, a limit, a size) are written in backticks, `90 m`. The comment <!-- given -->
marks a line in which all numbers are of that kind.
"""

import re
from collections.abc import Iterator

from book import FigureError
from prose import masked
from quotes import without_quotes

_GIVEN = "<!-- given -->"
_UNITS = r"(?:m|ms|cm|km|MB|GB|kB)(?![\w/²³])|%|images/s"
_MEASURED = re.compile(rf"(?<![\w.,])[\d.,]*\d\s?(?:{_UNITS})|\b(?:R@\d+|AP)\s+(?:of\s+)?\.?\d[\d.]*")


def unquoted(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and text of each measurement outside quotes, code and lines marked as given."""
    try:
        prose = without_quotes(without_targets(masked(text)), lambda quoted: re.sub(r"[^\n]", " ", quoted))
    except FigureError:
        return  # wrong_quotes reports the error
    for number, (line, typed) in enumerate(zip(prose.split("\n"), text.split("\n"), strict=True), start=1):
        if _GIVEN not in typed:
            yield from ((number, found[0].strip()) for found in _MEASURED.finditer(line))


def without_targets(text: str) -> str:
    """Return a page with spaces in place of link targets, because file names contain no measurements."""
    return re.sub(r"\]\([^)]*\)", lambda found: " " * len(found[0]), text)
