# SPDX-License-Identifier: Apache-2.0
"""Times encoders, and writes a comparison of backbones as CSV, Markdown and a plot."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geoloc.encoder import Encoder

BACKENDS_TIMED = ("onnxruntime", "openvino")
_ROUNDS, _A_ROUND = 7, 10


def write_tables(rows: Sequence[Mapping[str, Any]], folder: Path, title: str) -> str:
    """Write backbones.csv, .md and .png into the folder, and return the table."""
    with (folder / "backbones.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    table = markdown(rows)
    (folder / "backbones.md").write_text(f"{title}\n\n{table}", encoding="utf-8")
    plot(rows, folder / "backbones.png", title)
    return table


def time_all(encoders: Mapping[tuple[str, str], Encoder]) -> dict[tuple[str, str], float]:
    """Return the median milliseconds to describe one view, by candidate and backend.

    The encoders take turns, so that other load on the machine slows all of them.
    """
    laps: dict[tuple[str, str], list[float]] = {key: [] for key in encoders}
    for _ in range(_ROUNDS):
        for key, encoder in encoders.items():
            laps[key] += _laps_ms(encoder)
    return {key: round(float(np.median(times)), 2) for key, times in laps.items()}


def _laps_ms(encoder: Encoder) -> list[float]:
    side = encoder.card.input_px
    view = np.random.default_rng(1).integers(0, 255, (1, side, side, 3), dtype=np.uint8)
    encoder.describe(view)
    laps = []
    for _ in range(_A_ROUND):
        began = time.perf_counter()
        encoder.describe(view)
        laps.append(1e3 * (time.perf_counter() - began))
    return laps


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as Markdown; a dash marks a backend that is not installed."""
    lines = [
        "| backbone | R@1 | R@1, distractors | onnxruntime, ms | openvino, ms | parameters, M "
        "| MB | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = " | ".join(str(row.get(f"{backend}_ms", "–")) for backend in BACKENDS_TIMED)
        lines.append(
            f"| {row['name']} | {row['r1']:.3f} | {row['r1_crowd']:.3f} | {times} "
            f"| {row['parameters_m']} | {row['graph_mb']} | {row['minutes']} |"
        )
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Plot R@1 over onnxruntime's milliseconds, with filled markers; with distractors, hollow markers."""
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    ms = [row["onnxruntime_ms"] for row in rows]
    axes.scatter(ms, [row["r1"] for row in rows], color="C0", label="without distractors")
    axes.scatter(
        ms, [row["r1_crowd"] for row in rows], facecolor="none", edgecolor="C0", label="with distractors"
    )
    for row in rows:
        axes.annotate(
            row["name"], (row["onnxruntime_ms"], row["r1"]), (5, 4), textcoords="offset points", fontsize=8
        )
    axes.set(xlabel="ms per view, onnxruntime", ylabel="R@1", title=title)
    axes.set_xlim(0, 1.25 * max(ms))
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
