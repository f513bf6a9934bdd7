# SPDX-License-Identifier: Apache-2.0
"""Measured figures by section and key, and their file, docs/figures.json."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_KEY = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_SECTION_KEY = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_NUMBER = re.compile(r"[-−]?\d[\d,]*(\.\d+)?")
NUMBER = ":number"
"""Suffix of a key: quote the figure without its unit, for a column whose head names the unit."""


class FigureError(Exception):
    """A figure, a quote or a result is wrong; the message says what to do."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        value: number; None if there is no number, for example without a fix.
        text: number as pages show it, rounded and with its unit.
        meaning: description of the number in a few words.
    """

    value: float | None
    text: str
    meaning: str

    def __post_init__(self) -> None:
        if not self.text or "|" in self.text or "\n" in self.text:
            raise FigureError(
                f"the text {self.text!r} of a figure is empty or contains '|' or a line break; "
                "write one line without '|'."
            )

    @property
    def number(self) -> str:
        """The text without its unit."""
        return self.text.removesuffix(_unit(self.text)).strip()


@dataclass(frozen=True)
class Section:
    """Figures and tables that one command measured.

    Attributes:
        command: command line, as typed in a checkout.
        commit: short hash of the measured code.
        date: date of the result, YYYY-MM-DD.
        machine: description of the machine that the command ran on.
        figures: figures by key.
        tables: Markdown tables, by key.
        recorded: origin of a section that its command did not write; empty otherwise.
    """

    command: str
    commit: str
    date: str
    machine: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    recorded: str = ""

    def __post_init__(self) -> None:
        for name in ("command", "commit", "date", "machine"):
            if not getattr(self, name):
                raise FigureError(f"the {name} is missing; add it.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.date):
            raise FigureError(f"the date {self.date!r} does not have the form YYYY-MM-DD; correct it.")
        for key in (*self.figures, *self.tables):
            if not _KEY.fullmatch(key):
                raise FigureError(f"the key {key!r} is invalid; use a-z, 0-9, and single . _ - between them.")
        for key in set(self.figures) & set(self.tables):
            raise FigureError(f"the key {key!r} names a figure and a table; give them different keys.")


Book = dict[str, Section]


def read_book(path: Path) -> Book:
    """Read docs/figures.json; an absent file is an empty book.

    Raises:
        FigureError: if the file is damaged or a section lacks an entry.
    """
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FigureError(f"{path} is not valid JSON ({error}); restore it from git.") from error
    return {name: _section(path, name, content) for name, content in tree.items()}


def write_book(book: Book, path: Path) -> None:
    """Write docs/figures.json with one figure per line, so that a new measurement is a small diff."""
    sections = []
    for name, section in book.items():
        content = asdict(section)
        if not section.recorded:
            del content["recorded"]
        figures = content.pop("figures")
        lines = [f"    {_json(key)}: {_json(value)}" for key, value in content.items()]
        rows = ",\n".join(f"      {_json(key)}: {_json(figure)}" for key, figure in figures.items())
        lines.insert(4, f'    "figures": {{\n{rows}\n    }}' if figures else '    "figures": {}')
        sections.append(f"  {_json(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    path.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf-8")


def text_of(book: Book, key: str) -> str:
    """Return the text that a quote of `section.key` shows: a figure, a figure without its unit, or a table.

    Raises:
        FigureError: if no figure or table has this key.
    """
    name, _, rest = key.partition(".")
    plain = rest.removesuffix(NUMBER)
    if name not in book:
        raise FigureError(f"docs/figures.json has no section {name!r}; use one of {', '.join(book)}.")
    section = book[name]
    if plain in section.figures:
        figure = section.figures[plain]
        return figure.text if rest == plain else figure.number
    if rest in section.tables:
        return section.tables[rest]
    raise FigureError(f"section {name!r} has no figure or table {plain!r}; choose one from docs/figures.md.")


def is_table(book: Book, key: str) -> bool:
    """Return True if the key names a table; False for an unknown key."""
    name, _, rest = key.partition(".")
    return name in book and rest in book[name].tables


def first_number(text: str) -> float | None:
    """Return the first number in a text, or None."""
    found = _NUMBER.search(text)
    return float(found[0].replace(",", "").replace("−", "-")) if found else None


def key_of(text: str) -> str:
    """Return a key for a name: lower case, with _ for each run of other characters."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower().replace("@", "")).strip("_")
    return words or "unnamed"


def _section(path: Path, name: str, content: dict[str, Any]) -> Section:
    if not _SECTION_KEY.fullmatch(name):
        raise FigureError(
            f"{path}: the section name {name!r} is invalid; use a-z, 0-9, and single _ - between them."
        )
    try:
        figures = {key: Figure(**figure) for key, figure in content["figures"].items()}
        return Section(**{**content, "figures": figures})
    except FigureError as error:
        raise FigureError(f"{path}, section {name!r}: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise FigureError(f"{path}, section {name!r} is damaged ({error}); restore it from git.") from error


def _unit(text: str) -> str:
    """Return the text behind the last digit; empty without a digit."""
    return re.split(r"\d(?=\D*$)", text, maxsplit=1)[-1] if any(c.isdigit() for c in text) else ""


def _json(value: object) -> str:
    if isinstance(value, dict) and isinstance(value.get("value"), float) and math.isfinite(value["value"]):
        short = float(f"{value['value']:.6g}")
        value = {**value, "value": int(short) if short.is_integer() else short}
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
