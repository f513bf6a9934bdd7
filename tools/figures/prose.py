# SPDX-License-Identifier: Apache-2.0
"""Separates the prose of a Markdown page from its code: fenced blocks and code in backticks."""

import re

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})")
_INLINE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def masked(text: str) -> str:
    """Return a page with spaces in place of its code; all other characters keep their positions."""
    lines, fence = [], ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if fence:
            closes = found is not None and found["fence"].startswith(fence) and not line.strip(" `~")
            fence = "" if closes else fence
            lines.append(" " * len(line))
        elif found:
            fence = found["fence"]
            lines.append(" " * len(line))
        else:
            lines.append(line)
    return "\n\n".join(_INLINE.sub(_blank, part) for part in "\n".join(lines).split("\n\n"))


def line_of(text: str, position: int) -> int:
    """Return the number of the line, from 1, that contains a character position."""
    return text.count("\n", 0, position) + 1


def _blank(code: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", code[0])
