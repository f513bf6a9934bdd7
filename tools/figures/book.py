# SPDX-License-Identifier: Apache-2.0
"""All measured figures, by section and key, and the JSON file that holds them: docs/figures.json."""

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
"""Behind a key: the figure without its unit, for a column whose head names it."""


class FigureError(Exception):
    """What is wrong with a figure, in a sentence that says what to do."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        value: the number itself; None where there is none, for example no fix.
        text: as pages show it, rounded and with its unit.
        meaning: what it is, in a few words.
    """

    value: float | None
    text: str
    meaning: str

    def __post_init__(self) -> None:
        if not self.text or "|" in self.text or "\n" in self.text:
            raise FigureError(f"a figure's text must be one line without |, and not empty: {self.text!r}")

    @property
    def number(self) -> str:
        """The text without the unit behind it."""
        return self.text.removesuffix(_unit(self.text)).strip()


@dataclass(frozen=True)
class Section:
    """What one command measured.

    Attributes:
        command: as typed in a checkout.
        commit: short hash of the code that was measured.
        date: of the result, YYYY-MM-DD.
        machine: that it was measured on, in words.
        figures: by key.
        tables: Markdown tables, by key.
        recorded: why the section was not measured again since; empty for one that was.
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
                raise FigureError(f"a section needs a {name}")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.date):
            raise FigureError(f"the date {self.date!r} is not written as YYYY-MM-DD")
        for key in (*self.figures, *self.tables):
            if not _KEY.fullmatch(key):
                raise FigureError(f"{key!r} cannot be a key: use a-z, 0-9, and single . _ - between them")
        for key in set(self.figures) & set(self.tables):
            raise FigureError(f"{key!r} is a figure and a table: give them different keys")


Book = dict[str, Section]


def read_book(path: Path) -> Book:
    """Read docs/figures.json; an absent file is an empty book.

    Raises:
        FigureError: where the file is damaged, or a section lacks an entry.
    """
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FigureError(f"{path} is no JSON ({error}): restore it from git") from error
    return {name: _section(path, name, content) for name, content in tree.items()}


def write_book(book: Book, path: Path) -> None:
    """Write docs/figures.json, a figure a line, so that a new measurement is a small diff."""
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
    """Return what a quote of `section.key` shows: a figure's text, its number alone, or a table.

    Raises:
        FigureError: where nothing has that key.
    """
    name, _, rest = key.partition(".")
    plain = rest.removesuffix(NUMBER)
    if name not in book:
        raise FigureError(f"no section {name!r} is in docs/figures.json; there are {', '.join(book)}")
    section = book[name]
    if plain in section.figures:
        figure = section.figures[plain]
        return figure.text if rest == plain else figure.number
    if rest in section.tables:
        return section.tables[rest]
    raise FigureError(f"section {name!r} has no figure or table {plain!r}; docs/figures.md lists them")


def is_table(book: Book, key: str) -> bool:
    """Whether a key is a table's; False for an unknown one."""
    name, _, rest = key.partition(".")
    return name in book and rest in book[name].tables


def first_number(text: str) -> float | None:
    """Return the first number of a text; None without one."""
    found = _NUMBER.search(text)
    return float(found[0].replace(",", "").replace("−", "-")) if found else None


def key_of(text: str) -> str:
    """Return a key for a name in words: lower case, one _ for whatever is no letter or digit."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower().replace("@", "")).strip("_")
    return words or "unnamed"


def _section(path: Path, name: str, content: dict[str, Any]) -> Section:
    if not _SECTION_KEY.fullmatch(name):
        raise FigureError(
            f"{path}: {name!r} cannot name a section: use a-z, 0-9, and single _ - between them"
        )
    try:
        figures = {key: Figure(**figure) for key, figure in content["figures"].items()}
        return Section(**{**content, "figures": figures})
    except (TypeError, KeyError, AttributeError, FigureError) as error:
        raise FigureError(f"{path}, section {name!r}: {error}") from error


def _unit(text: str) -> str:
    """Return what follows the last digit of a text."""
    return re.split(r"\d(?=\D*$)", text, maxsplit=1)[-1] if any(c.isdigit() for c in text) else ""


def _json(value: object) -> str:
    if isinstance(value, dict) and isinstance(value.get("value"), float) and math.isfinite(value["value"]):
        short = float(f"{value['value']:.6g}")
        value = {**value, "value": int(short) if short.is_integer() else short}
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
