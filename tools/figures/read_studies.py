# SPDX-License-Identifier: Apache-2.0
"""Reads the Markdown tables that studies leave: a figure a cell, its key from the row's and column's name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import nan
from pathlib import Path

from book import key_of
from reading import Reading, markdown_table

_SEPARATORS = re.compile(r" (?:/|→) ")


@dataclass(frozen=True)
class Sheet:
    """A Markdown table, and the line of text above it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Column:
    """What the cells of a column are.

    Attributes:
        key: of its figures, behind the row's.
        unit: put behind the text of a cell.
        parts: keys of the two numbers of a cell such as `1.0 / 3.3` or `76.7 → 78.9`; empty for a cell that
            is one figure.
    """

    key: str
    unit: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """Where a study leaves its table, and what is in it.

    Attributes:
        where: the file, relative to the checkout.
        columns: by their head; others get a key from their head, and no unit.
        titled: whether the text above a table begins the keys of its figures.
        unit: of columns that are not named.
        usual: end of a row's name that its key leaves out.
        says: head of the column that says in words what a row is; empty where the row's name does.
    """

    where: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    titled: bool = False
    unit: str = ""
    usual: str = ""
    says: str = ""


_MEDIAN_P95 = ("median", "p95")
_BEFORE_AFTER = ("before", "after")
_HALVES = {"half in the footage": "shown", "other half": "other"}

HEADING = Study(
    "runs/heading/table.md",
    {
        "warp ms": Column("warp", " ms"),
        "encode ms": Column("encode", " ms"),
        "answer ms, median / p95": Column("answer", " ms", _MEDIAN_P95),
        "median m": Column("median", " m"),
        "p95 m": Column("p95", " m"),
        "first fix, frames": Column("first_fix_frames"),
        "> 100 m": Column("beyond_100"),
        "> 50 m": Column("beyond_50"),
    },
    says="what is wrong",
)
REFINE = Study(
    "runs/refine/table.md",
    {
        "before, median / p95 m": Column("before", " m", _MEDIAN_P95),
        "after, median / p95 m": Column("after", " m", _MEDIAN_P95),
        "fused, error above a tile": Column("fused_false"),
        "confirmed at a wrong place": Column("wrong_place"),
        "mean NEES of fused": Column("nees"),
        "CPU ms": Column("cpu", " ms"),
    },
    titled=True,
)
DPHR = Study("runs/dphr-study/table.md", unit=" %")
BACKBONES = Study(
    "runs/backbones/backbones.md",
    {
        "R@1": Column("r1"),
        "R@1, distractors": Column("r1_crowd"),
        "onnxruntime, ms": Column("onnxruntime", " ms"),
        "openvino, ms": Column("openvino", " ms"),
        "parameters, M": Column("parameters", " M"),
        "MB": Column("size", " MB"),
        "minutes": Column("training", " min"),
    },
)
DMNIL = Study(
    "runs/dmnil-study/table.md",
    {
        "within a run, mean": Column("mean"),
        "within a run, lowest": Column("lowest"),
        "over all runs": Column("over_all"),
    },
    unit=" %",
    usual=", last epoch",
)
ADAPTATION = Study(
    "runs/adaptation-study/table.md",
    {
        f"{half}: {head}": Column(f"{key}.{name}", unit, _BEFORE_AFTER)
        for half, key in _HALVES.items()
        for head, name, unit in (
            ("R@1, %", "r1", " %"),
            ("median, m", "median", " m"),
            ("p95, m", "p95", " m"),
            ("within a tile, %", "within_tile", " %"),
        )
    },
)


def read_study(study: Study, root: Path) -> Reading | None:
    """Read a study's table; None where it is not there."""
    file = root / study.where
    if not file.is_file():
        return None
    reading, found = Reading([file]), sheets(file.read_text(encoding="utf-8"))
    if study.titled:
        reading.tables["table"] = _together(found)
    for number, sheet in enumerate(found):
        name = key_of(sheet.title.partition(",")[0]) if study.titled else ""
        for row in sheet.rows:
            key = key_of(row[0].removesuffix(study.usual))
            _add_row(reading, study, sheet, f"{name}.{key}" if name else key, row)
        reading.tables[f"{name}.table" if name else f"table_{number + 1}" if number else "table"] = (
            markdown_table(sheet.head, sheet.rows)
        )
    return reading


def sheets(text: str) -> list[Sheet]:
    """Return the tables of a text in Markdown, a log among them: whatever else it says is passed over."""
    found: list[Sheet] = []
    title, lines = "", list[tuple[str, ...]]()
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            lines.append(tuple(cell.strip() for cell in line.strip().strip("|").split("|")))
        else:
            if len(lines) > 2:
                found.append(Sheet(title, lines[0], tuple(lines[2:])))
            if line.strip() or lines:
                title = line.strip()
            lines = []
    return found


def _together(found: Sequence[Sheet]) -> str:
    """Return tables of one head as one, a column with their titles before it."""
    rows = [(sheet.title, *row) for sheet in found for row in sheet.rows]
    return markdown_table(("", *found[0].head), rows) if found else ""


def _add_row(reading: Reading, study: Study, sheet: Sheet, key: str, row: Sequence[str]) -> None:
    cells = dict(zip(sheet.head, row, strict=True))
    what = cells.pop(study.says, row[0])
    del cells[sheet.head[0]]
    for head, cell in cells.items():
        column = study.columns.get(head, Column(key_of(head), study.unit))
        if not any(character.isdigit() for character in cell):
            continue
        meaning = ", ".join(part for part in (sheet.title if study.titled else "", what, head) if part)
        add = partial(_add_cell, reading, column.unit)
        parts = _SEPARATORS.split(cell) if column.parts else []
        whole = f"{key}.{column.key}"
        for name, part in zip(column.parts, parts, strict=bool(parts)):
            add(f"{whole}.{name}", part, f"{meaning}: {name}")
        add(whole, cell, meaning, nan if len(parts) > 1 else None)


def _add_cell(
    reading: Reading, unit: str, key: str, cell: str, meaning: str, value: float | None = None
) -> None:
    spaced = re.sub(r"(?<=\d)%", " %", cell)
    reading.add(key, spaced + unit, meaning, value)
