# SPDX-License-Identifier: Apache-2.0
"""Reads the Markdown tables of studies: one figure per cell, with a key from the names of row and column."""

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
    """A Markdown table and the line of text above it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Column:
    """How to read the cells of a column.

    Attributes:
        key: key of the figures, appended to the key of the row.
        unit: unit, appended to the text of a cell.
        parts: keys of the two numbers of a cell such as `1.0 / 3.3` or `76.7 → 78.9`; empty if a cell is one
            figure.
    """

    key: str
    unit: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """File of a study's table and how to read it.

    Attributes:
        where: file, relative to the checkout.
        columns: columns by their head; the key of any other column comes from its head.
        titled: True if the keys begin with the line of text above the table.
        unit: unit of the columns that are not in `columns`.
        usual: suffix of a row's name that its key leaves out.
        says: head of the column that describes a row; empty if the name of the row describes it.
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
VIEW_QUALITY = Study(
    "runs/view-quality/table.md",
    {"right tile": Column("right"), "median m": Column("median", " m"), "refined": Column("refined")},
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
    """Read the tables of a study; None without the file."""
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
    """Return the Markdown tables in a text, such as a log; ignore all other lines."""
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
    """Return tables with the same head as one table, with their titles in an additional first column."""
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
