# SPDX-License-Identifier: Apache-2.0
"""A run's figures as CSV, one line a step, consistent over interruptions."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_FIELDS = (
    "step",
    "seconds",
    "loss",
    "batch_r1",
    "learning_rate",
    "temperature",
    "valid_r1",
    "valid_r5",
)


class RunLog:
    """`log.csv` of a run.

    Args:
        run: folder of the run.
        step: the step the run stands at; lines of later steps, lost with an interruption, are dropped.
    """

    def __init__(self, run: Path, step: int) -> None:
        self._path = run / "log.csv"
        self._started = time.monotonic()
        kept = [row for row in self._rows() if int(row["step"]) <= step]
        self._before_s = float(kept[-1]["seconds"]) if kept else 0.0
        self._write("w", kept)

    def append(self, step: int, values: dict[str, float]) -> None:
        """Add a step's figures; unknown ones stay empty."""
        seconds = self._before_s + time.monotonic() - self._started
        row: dict[str, object] = {"step": step, "seconds": round(seconds, 1), **values}
        self._write("a", [row])

    def _rows(self) -> list[dict[str, str]]:
        if not self._path.is_file():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _write(self, mode: str, rows: Sequence[Mapping[str, object]]) -> None:
        with self._path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _FIELDS, restval="", extrasaction="ignore")
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)


def trained_minutes(run: Path) -> float:
    """Minutes of training the run's log accounts for; 0 without one."""
    path = run / "log.csv"
    if not path.is_file():
        return 0.0
    with path.open(newline="", encoding="utf-8") as file:
        return max((float(row["seconds"]) for row in csv.DictReader(file)), default=0.0) / 60
