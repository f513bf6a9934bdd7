# SPDX-License-Identifier: Apache-2.0
"""Finds quotes of figures in Markdown pages, compares them with docs/figures.json, and rewrites them.

A figure is quoted within a line, a table as a block of lines:

    The median is <!--=demo.median-->1.1 m<!--/-->.

    <!--=scenarios.targets-->
    | figure | … |
    <!--/-->

The marks are HTML comments, which a rendered page does not show. `<!--=demo.median:number-->` leaves out
the unit.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from book import Book, FigureError, is_table, text_of
from prose import line_of, masked

_MARK = re.compile(r"<!--\s*(?:=(?P<key>.*?)|(?P<close>/))\s*-->", re.DOTALL)
_BEGINS_LINE = re.compile(r"\s*(?:(?:[-*+>]|\d+[.)])\s+)*")


@dataclass(frozen=True)
class Quote:
    """A quote in a page.

    Attributes:
        key: section and key of the figure or table, `section.key`.
        start, end: character range of the quoted text between the marks.
        line: number of the line with the opening mark, from 1.
        opens_line: True if the opening mark begins its line, or only a list bullet precedes it.
    """

    key: str
    start: int
    end: int
    line: int
    opens_line: bool


def quotes_in(text: str) -> list[Quote]:
    """Return the quotes of a page; ignore marks in code.

    Raises:
        FigureError: if an opening mark is not closed, or a closing mark has no opening mark.
    """
    found: list[Quote] = []
    opened: re.Match[str] | None = None
    for mark in [*_MARK.finditer(masked(text)), None]:
        if opened is not None:
            if mark is None or not mark["close"]:
                line = line_of(text, opened.start())
                raise FigureError(f"line {line}: the quote of {opened['key']} is not closed; add <!--/-->.")
            found.append(_quote(text, opened, mark.start()))
            opened = None
        elif mark is not None and mark["close"]:
            raise FigureError(f"line {line_of(text, mark.start())}: <!--/--> closes no quote; remove it.")
        else:
            opened = mark
    return found


def rewritten(text: str, book: Book) -> str:
    """Return a page with every quote replaced by the text of the book.

    Raises:
        FigureError: as `quotes_in`, or if the book does not have a key.
    """
    for quote in reversed(quotes_in(text)):
        try:
            text = text[: quote.start] + _shown(book, quote.key) + text[quote.end :]
        except FigureError as error:
            raise FigureError(f"line {quote.line}: {error}") from error
    return text


def wrong_quotes(text: str, book: Book) -> Iterator[str]:
    """Yield an error sentence for each quote that differs from the book or would not be rendered."""
    try:
        found = quotes_in(text)
    except FigureError as error:
        yield str(error)
        return
    for quote in found:
        said = _wrong(text[quote.start : quote.end], quote, book)
        if said:
            yield f"line {quote.line}: {said}"


def without_quotes(text: str, blank: Callable[[str], str]) -> str:
    """Return a page with each quoted text replaced by the result of `blank`.

    Raises:
        FigureError: as `quotes_in`.
    """
    for quote in reversed(quotes_in(text)):
        text = text[: quote.start] + blank(text[quote.start : quote.end]) + text[quote.end :]
    return text


def _quote(text: str, opened: re.Match[str], end: int) -> Quote:
    before = text[text.rfind("\n", 0, opened.start()) + 1 : opened.start()]
    key = opened["key"].strip()
    bare = _BEGINS_LINE.fullmatch(before) is not None
    return Quote(key, opened.end(), end, line_of(text, opened.start()), bare)


def _shown(book: Book, key: str) -> str:
    text = text_of(book, key)
    return f"\n{text}\n" if is_table(book, key) else text


def _wrong(said: str, quote: Quote, book: Book) -> str:
    try:
        shown = _shown(book, quote.key)
    except FigureError as error:
        return str(error)
    if said != shown:
        return f"{quote.key} is {shown.strip()!r}, not {said.strip()!r}; run `make figures`."
    if is_table(book, quote.key) and not quote.opens_line:
        return f"the marks of the table {quote.key} are not on lines of their own; move them there."
    if not is_table(book, quote.key) and quote.opens_line:
        return f"the line begins with a mark, so its Markdown is not rendered; put a word before {quote.key}."
    return ""
