#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Collect measured figures and write them into the documentation.

make figures                                   collect the results in this checkout and write all pages
tools/figures/figures.py --from ../other       collect the results of another checkout
tools/figures/figures.py --only demo           collect one section
tools/figures/figures.py --check               write nothing; exit with 1 if a page is not up to date

A command such as `make demo` measures something and leaves its result in a file. This command reads these
files into docs/figures.json, one section for each measuring command. A section without a result in the
checkout stays as it is. The command then writes docs/figures.md and, in README.md and docs/, the text between
the two marks of every quote:

    The median error is <!--=demo.median-->1.1 m<!--/-->.

To quote a figure, look up its key in docs/figures.md, type both marks, and run `make figures`.
The suffix `:number` of a key leaves out the unit. The marks of a table are on lines of their own.
Numbers that were chosen, not measured, are in backticks.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from book import Book, FigureError, read_book, write_book
from page import page
from quotes import rewritten, wrong_quotes
from sections import collect, merged, outdated, sources

ROOT = Path(__file__).resolve().parents[2]
JSON, PAGE = "docs/figures.json", "docs/figures.md"


def quoting_pages(root: Path) -> list[Path]:
    """Return the pages that may quote figures: *.md at the top and in docs/, except docs/figures.md."""
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]
    return [path for path in pages if path != root / PAGE]


def problems(root: Path) -> Iterator[str]:
    """Yield an error sentence for each place where a page differs from docs/figures.json."""
    try:
        book = read_book(root / JSON)
    except FigureError as error:
        yield str(error)
        return
    written = root / PAGE
    if not written.is_file() or written.read_text(encoding="utf-8") != page(book):
        yield f"{PAGE} does not match {JSON}; run `make figures`."
    for path in quoting_pages(root):
        for said in wrong_quotes(path.read_text(encoding="utf-8"), book):
            yield f"{path.relative_to(root)}, {said}"


def write(root: Path, book: Book) -> None:
    """Write docs/figures.json, docs/figures.md and every quote.

    Raises:
        FigureError: if a page has an unclosed mark or an unknown key; no file is written then.
    """
    pages = {}
    for path in quoting_pages(root):
        text = path.read_text(encoding="utf-8")
        try:
            pages[path] = (text, rewritten(text, book))
        except FigureError as error:
            raise FigureError(f"{path.relative_to(root)}, {error}") from error
    write_book(book, root / JSON)
    (root / PAGE).write_text(page(book), encoding="utf-8")
    for path, (before, after) in pages.items():
        if after != before:
            path.write_text(after, encoding="utf-8")


def main() -> None:
    """Collect the figures and write the pages, or only check the pages."""
    options = _parser().parse_args()
    if options.check:
        found = list(problems(ROOT))
        print("\n".join(found) or "all pages match docs/figures.json")
        raise SystemExit(1 if found else 0)
    try:
        book = read_book(ROOT / JSON)
        measured, absent = collect(options.checkout.resolve(), options.only)
        old = [] if options.only else outdated(book, measured)
        measured = {name: section for name, section in measured.items() if name not in old}
        write(ROOT, merged(book, measured))
    except FigureError as error:
        print(f"figures: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    print(f"read: {', '.join(measured) or 'nothing'}")
    if old:
        print(f"kept, because the result is older: {', '.join(old)}; pass `--only` to take it anyway")
    if absent:
        print(f"kept, because there is no result: {', '.join(absent)}")
    for said in problems(ROOT):
        print(said)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {one.name:<16}{one.where}" for one in sources(ROOT))
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nSections, and the files that their commands write:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [one.name for one in sources(ROOT)]
    parser.add_argument(
        "--only", default="", choices=names, metavar="SECTION", help="Collect this section only."
    )
    parser.add_argument(
        "--from",
        dest="checkout",
        type=Path,
        default=ROOT,
        metavar="FOLDER",
        help="Checkout that holds the results; this one by default.",
    )
    parser.add_argument(
        "--check", action="store_true", help="Only compare the pages with docs/figures.json; write nothing."
    )
    return parser


if __name__ == "__main__":
    main()
