# SPDX-License-Identifier: Apache-2.0
"""Measurements that a page types instead of quoting.

Every number with a unit in prose or in a table is taken for a measurement, unless it is quoted. What was not
measured but chosen or specified (a default, a limit, a size) is written in backticks, `90 m`; where a whole
line is of that kind, the comment <!-- given --> in it says so.
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
    """Yield line and text of every measurement outside quotes, code and lines marked as given."""
    try:
        prose = without_quotes(without_targets(masked(text)), lambda quoted: re.sub(r"[^\n]", " ", quoted))
    except FigureError:
        return  # the quotes' own check tells
    for number, (line, typed) in enumerate(zip(prose.split("\n"), text.split("\n"), strict=True), start=1):
        if _GIVEN not in typed:
            yield from ((number, found[0].strip()) for found in _MEASURED.finditer(line))


def without_targets(text: str) -> str:
    """Return a page whose link targets are blanked out; a file's name measures nothing."""
    return re.sub(r"\]\([^)]*\)", lambda found: " " * len(found[0]), text)
