# SPDX-License-Identifier: Apache-2.0
"""Renders docs/figures.json as the page docs/figures.md."""

from book import Book, Section

_HEAD = """# Figures

`make figures` writes this page and all quoted figures of other pages from docs/figures.json; do not edit it.
To measure a section again, run its command in a checkout, then `make figures`. `make figures` collects the
results that the commands left in the checkout; sections without a result stay as they are.
`tools/figures/figures.py --help` explains the options.

A page quotes a figure by its section and key: `<!--=demo.median--><!--/-->`.
"""


def page(book: Book) -> str:
    """Return the text of the page docs/figures.md."""
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
