#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measured figures into the documentation: docs/figures.json, docs/figures.md, and every quote in a page.

make figures                                     collect what lies in this checkout, and write
tools/figures/figures.py --from ../elsewhere     the results of another checkout
tools/figures/figures.py --only demo             one section alone
tools/figures/figures.py --check                 write nothing; exit code 1 where a page is not up to date

A command such as `make demo` measures and leaves its result in a file. This one reads those files, a section
of docs/figures.json for each command, and keeps the sections whose results are not there. It then writes
docs/figures.md and the text between the marks of every quote in README.md and docs/:

    The median error is <!--=demo.median-->1.1 m<!--/-->.

So to quote a figure, look its key up in docs/figures.md, type both marks, and run `make figures`.
A key may end in `:number`, which leaves the unit out. A table is quoted with its marks on lines of their own.
Numbers that were chosen and not measured stand in backticks.
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
    """Return the pages that may quote: those at the top and all of docs/, without the page of figures."""
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]
    return [path for path in pages if path != root / PAGE]


def problems(root: Path) -> Iterator[str]:
    """Yield a sentence for everything in the pages that is not as docs/figures.json has it."""
    try:
        book = read_book(root / JSON)
    except FigureError as error:
        yield str(error)
        return
    written = root / PAGE
    if not written.is_file() or written.read_text(encoding="utf-8") != page(book):
        yield f"{PAGE} is not what {JSON} says: `make figures` writes it"
    for path in quoting_pages(root):
        for said in wrong_quotes(path.read_text(encoding="utf-8"), book):
            yield f"{path.relative_to(root)}, {said}"


def write(root: Path, book: Book) -> None:
    """Write the JSON file, the page and every quote.

    Raises:
        FigureError: for a page with a mark that is not closed or a key that is unknown; nothing is written.
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
    """Collect and write, or check."""
    options = _parser().parse_args()
    if options.check:
        found = list(problems(ROOT))
        print("\n".join(found) or "every page shows the figures as they were measured")
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
        print(f"kept, for the result there is older: {', '.join(old)}; `--only` takes it all the same")
    if absent:
        print(f"kept, for no result is there: {', '.join(absent)}")
    for said in problems(ROOT):
        print(said)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {one.name:<16}{one.where}" for one in sources(ROOT))
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nSections, and where their commands leave their results:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [one.name for one in sources(ROOT)]
    parser.add_argument("--only", default="", choices=names, metavar="SECTION", help="this section alone")
    parser.add_argument(
        "--from",
        dest="checkout",
        type=Path,
        default=ROOT,
        metavar="FOLDER",
        help="checkout whose results are read",
    )
    parser.add_argument("--check", action="store_true", help="compare the pages with docs/figures.json only")
    return parser


if __name__ == "__main__":
    main()
