# SPDX-License-Identifier: Apache-2.0
"""Markdown pages as the tests of documentation see them: headings, links, fenced blocks."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "figures"))

from prose import line_of, masked  # noqa: E402 - found through the line above

RUNS = "<!-- runs -->"
"""Before a fenced block: it is executed, those of one page one after another in one folder."""

_LINK = re.compile(r"\]\(\s*<?(?P<target>[^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s+<?(?P<target>[^\s>]+)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"<(?:a|img)\s[^>]*?(?:href|src)=\"(?P<target>[^\"]+)\"")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(?P<title>.*?)\s*#*\s*$")
_ANCHOR = re.compile(r"<a\s[^>]*?(?:id|name)=\"(?P<anchor>[^\"]+)\"")
_FENCED = re.compile(
    r"(?P<mark><!-- runs -->\n\s*)?^(?P<indent> *)(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)"
    r"^ *(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Link:
    """A link in a page: its line, from 1, and what it points to."""

    line: int
    target: str


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: path relative to the repository.
        line: of its first line of text, from 1.
        language: named behind the fence.
        text: without the fences.
        runs: whether the page says that it is executed.
    """

    page: str
    line: int
    language: str
    text: str
    runs: bool


def pages() -> list[Path]:
    """Return every page of the documentation, in the order of their names."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
    return sorted(found)


def links(text: str) -> Iterator[Link]:
    """Yield the links and pictures of a page, those in code left out."""
    prose = masked(text)
    for pattern in (_LINK, _REFERENCE, _ATTRIBUTE):
        for found in pattern.finditer(prose):
            yield Link(
                line_of(prose, found.start("target")), text[found.start("target") : found.end("target")]
            )


def anchors(text: str) -> set[str]:
    """Return what a #fragment may name: headings by GitHub's rules, and anchors in HTML."""
    slugs: dict[str, int] = {}
    found = set()
    for line, prose in zip(text.split("\n"), fences_blanked(text).split("\n"), strict=True):
        heading = _HEADING.match(prose)
        if heading:
            slug = slug_of(_HEADING.match(line)["title"])
            count = slugs.get(slug, 0)
            slugs[slug] = count + 1
            found.add(f"{slug}-{count}" if count else slug)
    return found | {one["anchor"] for one in _ANCHOR.finditer(masked(text))}


def slug_of(title: str) -> str:
    """Return GitHub's anchor for a heading: lower case, hyphens for blanks, punctuation dropped."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"<!--.*?-->", "", title))
    return re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")


def fences_blanked(text: str) -> str:
    """Return a page whose fenced blocks are blank; code in a line stays."""
    return _FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)


@cache
def anchors_of(path: Path) -> set[str]:
    """Return the anchors of a file."""
    return anchors(path.read_text(encoding="utf-8"))


def blocks(text: str, page: str = "") -> Iterator[Block]:
    """Yield a page's fenced blocks."""
    for found in _FENCED.finditer(text):
        lines = [line.removeprefix(found["indent"]) for line in found["text"].splitlines()]
        content = "".join(f"{line}\n" for line in lines)
        line = line_of(text, found.start("text"))
        yield Block(page, line, found["language"], content, found["mark"] is not None)


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in these languages."""
    found = []
    for path in pages():
        name = path.relative_to(ROOT).as_posix()
        found += [one for one in blocks(path.read_text(encoding="utf-8"), name) if one.language in languages]
    return found
