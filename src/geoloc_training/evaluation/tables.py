# SPDX-License-Identifier: Apache-2.0
"""Writes results as text, JSON and CSV, with the protocol in every row."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geoloc_training.evaluation.benchmark import Result
from geoloc_training.evaluation.figures import Figure

_HEAD = ("test", "protocol", "queries", "gallery", "searched")
_CSV_HEAD = (*_HEAD, "variant", "figure", "value", "unit")
_ON_THE_GROUND = ("SDM", "MA", "Dis", "median", "p90", "L@")


def table(results: Sequence[Result]) -> str:
    """Return plain-text tables of recall and of distances, with a row for each test and protocol."""
    near = _block(results, [name for name in _names(results) if not name.startswith(_ON_THE_GROUND)])
    far = [name for name in _names(results) if name.startswith(_ON_THE_GROUND)]
    blocks = [near, *([_block(results, far)] if far else [])]
    return "\n\n".join(blocks) + "\nshares in %" + ("; median, p90 and Dis in metres" if far else "")


def percent(figure: Figure) -> float:
    """Return a share in per cent, rounded as in the published scripts, where recall is a float32 tensor.

    This can change the last digit: 529 of 4,000 queries are 13.225 %, which the scripts print as 13.22.
    """
    if figure.name.startswith("R@"):
        return float(np.float32(figure.value) * np.float32(100))
    return 100 * figure.value


def write_json(path: Path, results: Sequence[Result]) -> None:
    """Write the tests with their figures, shares in 0..1 or metres."""
    path.write_text(json.dumps([_plain(result) for result in results], indent=2, ensure_ascii=False), "utf-8")


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Write a row for each figure, shares in 0..1 or metres."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_CSV_HEAD)
        for result in results:
            head = (*_head(result).values(), result.variant)
            writer.writerows((*head, f.name, repr(f.value), f.unit) for f in result.figures)


def _block(results: Sequence[Result], names: Sequence[str]) -> str:
    rows = [[*_HEAD, *names]]
    for result in results:
        figures = {figure.name: _cell(figure) for figure in result.figures}
        head = {**_head(result), "protocol": _protocol(result)}
        rows.append([*map(str, head.values()), *(figures.get(name, "") for name in names)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(_padded(row, widths)).rstrip() for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return a row padded to column widths, with words left-aligned and numbers right-aligned."""
    pairs = zip(row, widths, strict=True)
    return [
        word.ljust(width) if number < 2 else word.rjust(width) for number, (word, width) in enumerate(pairs)
    ]


def _protocol(result: Result) -> str:
    return f"{result.protocol} ({result.variant})" if result.variant else result.protocol


def _cell(figure: Figure) -> str:
    return f"{figure.value:.1f}" if figure.unit == "m" else f"{percent(figure):.2f}"


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(figure.name for result in results for figure in result.figures))


def _head(result: Result) -> dict[str, str | int]:
    ranking = result.ranking
    words = result.task.name, result.protocol, ranking.queries, ranking.gallery, ranking.searched
    return dict(zip(_HEAD, words, strict=True))


def _plain(result: Result) -> dict[str, object]:
    figures = {
        figure.name + (" m" if figure.unit == "m" else ""): figure.value
        if math.isfinite(figure.value)
        else None
        for figure in result.figures
    }
    curve = {"accuracy_curve_m": result.curve} if result.curve else {}
    return {**_head(result), "variant": result.variant, "figures": figures, **curve}
