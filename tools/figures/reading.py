# SPDX-License-Identifier: Apache-2.0
"""The figures and tables read from the results of one command, and the files read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

from book import Figure, FigureError, first_number

from geoloc_lab.reports.text import number, percent


@dataclass
class Reading:
    """Figures and tables of one section, filled by a reader.

    Attributes:
        files: result files that were read.
        figures: figures by key.
        tables: Markdown tables, by key.
        facts: entries of the section that the result contains, such as the commit in a model's card.
    """

    files: list[Path] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, text: str, meaning: str, value: float | None = None) -> None:
        """Add a figure; without a value, take the first number in the text.

        Raises:
            FigureError: if the key exists already.
        """
        if key in self.figures:
            raise FigureError(f"two figures have the key {key!r}; rename one of their rows.")
        value = first_number(text) if value is None else value
        self.figures[key] = Figure(None if value is None or isnan(value) else value, text, meaning)

    def share(self, key: str, share: float | None, meaning: str, *, fine_below_one: bool = False) -> None:
        """Add a share, 0 to 1, as a figure in per cent; None, which stands for NaN in JSON, is unknown."""
        share = nan if share is None else share
        self.add(key, percent(share, fine_below_one=fine_below_one), meaning, 100 * share)


def nees_text(nees: float) -> str:
    """Return a NEES with two decimals below 10, and as in reports from 10 on."""
    return f"{nees:.2f}" if nees < 10 else number(nees)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines).replace(" --- ", "---")
