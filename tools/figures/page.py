# SPDX-License-Identifier: Apache-2.0
"""docs/figures.md: every section of docs/figures.json as a reader sees it."""

from book import Book, Section

_HEAD = """# Figures

`make figures` writes this page, and every figure that a page quotes, from docs/figures.json; do not edit it.
To measure a section again, run its command in a checkout and then `make figures`: it collects the results
that lie where the commands leave them, and keeps the sections whose results are not there.
`tools/figures/figures.py --help` says more.

A page quotes a figure by its section and key: `<!--=demo.median--><!--/-->`.
"""


def page(book: Book) -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(_section(name, section) for name, section in book.items())])


def _section(name: str, section: Section) -> str:
    lines = [f"## {name}", "", f"`{section.command}`", ""]
    lines += [f"Commit {section.commit}, {section.date}; {section.machine}.", ""]
    if section.recorded:
        lines += [f"Recorded: {section.recorded}", ""]
    if section.figures:
        lines += ["| key | figure | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | {one.text} | {one.meaning} |" for key, one in section.figures.items()]
        lines.append("")
    for key, table in section.tables.items():
        lines += [f"Table `{key}`:", "", table, ""]
    return "\n".join(lines)
