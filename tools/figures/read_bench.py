# SPDX-License-Identifier: Apache-2.0
"""Reads runs/bench.json, the result of `make bench`."""

import json
import re
from pathlib import Path

from book import key_of
from reading import Reading, markdown_table

_NOTED = {
    "rate": (re.compile(r"\d+ images/s"), "in training"),
    "recall": (re.compile(r"(?<=best ten )[\d.]+"), "recall of the ten most similar"),
    "ready": (re.compile(r"(?<=built in )[\d.]+ s"), "time to build the index"),
    "peak": (re.compile(r"(?<=peak )[\d.]+ MB"), "peak memory"),
    "overhead": (
        re.compile(r"(?<=overhead )-?[\d.]+%"),
        "overhead relative to the encoder's passes",
    ),
    "augmentation": (
        re.compile(r"(?<=augmentation )-?[\d.]+%"),
        "augmentation relative to the encoder's passes",
    ),
    "time_share": (re.compile(r"1/[\d.]+(?= of the wall time)"), "time of sparse relative to dense"),
    "memory_share": (re.compile(r"1/[\d.]+(?= of the memory)"), "memory of sparse relative to dense"),
    "answered": (re.compile(r"(?<=answered )[\d.]+%"), "answered frames of those sent since the first fix"),
    "p95": (re.compile(r"(?<=p95 )\d+ ms"), "95th percentile of the time from frame to fix"),
    "imu": (re.compile(r"(?<=imu )[\d.]+ ms(?= late)"), "95th percentile of the age of imu at its arrival"),
    "off": (re.compile(r"[\d.]+ m(?= off)"), "distance from the true place"),
}
"""Figures that the note of a row may contain: pattern and meaning by key."""


def read_bench(root: Path) -> Reading | None:
    """Read milliseconds, ratio and the figures in the note of every row; None without the file."""
    file = root / "runs/bench.json"
    if not file.is_file():
        return None
    reading = Reading([file])
    for name, table in json.loads(file.read_text(encoding="utf-8"))["tables"].items():
        rows = []
        for row in table["rows"]:
            key, what = f"{key_of(name)}.{key_of(row['name'].replace(',', ''))}", f"{name}: {row['name']}"
            ms, ratio = "–", "–"
            if row["ratio"] is not None:
                ms, ratio = _ms(row["ms"]), f"{row['ratio']:.2f} x"
                reading.add(f"{key}.ms", ms, what, row["ms"])
                reading.add(f"{key}.ratio", ratio, f"{what}, relative to the first row", row["ratio"])
            rows.append((row["name"], ms, ratio, row["note"]))
            _add_noted(reading, key, what, row["note"])
        reading.tables[key_of(name)] = markdown_table((table["about"], "median", "ratio", ""), rows)
    return reading


def _add_noted(reading: Reading, key: str, what: str, note: str) -> None:
    for figure, (pattern, meaning) in _NOTED.items():
        found = pattern.search(note)
        if found:
            text = found[0].replace("%", " %").replace("-", "−")
            reading.add(f"{key}.{figure}", text, f"{what}: {meaning}")


def _ms(value: float) -> str:
    """Return milliseconds with two significant digits below 10, and as an integer from 10 on."""
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
