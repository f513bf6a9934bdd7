# SPDX-License-Identifier: Apache-2.0
"""What is read from the results of one command: figures, tables, and the files they were in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

from book import Figure, FigureError, first_number

from geoloc_lab.reports.text import number, percent


@dataclass
class Reading:
    """Figures and tables of one section, as they are found.

    Attributes:
        files: the results that they come from.
        figures: by key.
        tables: Markdown tables, by key.
        facts: entries of the section that the result itself tells, a model's card its commit, for example.
    """

    files: list[Path] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, text: str, meaning: str, value: float | None = None) -> None:
        """Add a figure; its value is the first number of the text unless given.

        Raises:
            FigureError: for a key that is there already.
        """
        if key in self.figures:
            raise FigureError(f"two figures would have the key {key!r}; one of their rows needs another name")
        value = first_number(text) if value is None else value
        self.figures[key] = Figure(None if value is None or isnan(value) else value, text, meaning)

    def share(self, key: str, share: float | None, meaning: str, *, fine_below_one: bool = False) -> None:
        """Add a share of 1 as a figure in per cent; None, as JSON has NaN, is unknown."""
        share = nan if share is None else share
        self.add(key, percent(share, fine_below_one=fine_below_one), meaning, 100 * share)


def nees_text(nees: float) -> str:
    """Return a NEES to a hundredth, from 10 on as reports have it."""
    return f"{nees:.2f}" if nees < 10 else number(nees)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines).replace(" --- ", "---")
