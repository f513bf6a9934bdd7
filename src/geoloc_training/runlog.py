# SPDX-License-Identifier: Apache-2.0
"""Log of a run's figures as CSV and for TensorBoard, which stays consistent over interruptions."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from geoloc_training.atomic_files import replace_text

_FIRST = ("step", "seconds", "loss")


class RunLog:
    """Writer of a run's `log.csv` and `tensorboard/`; a new figure adds a column.

    Args:
        run: folder of the run.
        step: current step of the run; lines of later steps, which an interruption discarded, are dropped.
        tensorboard: whether to write for TensorBoard, too.
    """

    def __init__(self, run: Path, step: int, tensorboard: bool = True) -> None:
        self._path = run / "log.csv"
        self._started = time.monotonic()
        kept = [row for row in _rows(self._path) if int(row["step"]) <= step]
        self._before_s = float(kept[-1]["seconds"]) if kept else 0.0
        self._fields = list(dict.fromkeys([*_FIRST, *(kept[0] if kept else ())]))
        self._rewrite(kept)
        self._board = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # takes a second to import

            self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Append a step's figures; columns without a figure stay empty."""
        seconds = self._before_s + time.monotonic() - self._started
        fresh = [name for name in values if name not in self._fields]
        if fresh:
            self._fields += fresh
            self._rewrite(_rows(self._path))
        with self._path.open("a", newline="", encoding="utf-8") as file:
            self._lines(file).writerow({"step": step, "seconds": round(seconds, 1), **values})
        for name, value in values.items() if self._board is not None else ():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close TensorBoard's writer."""
        if self._board is not None:
            self._board.close()

    def _rewrite(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Replace the file atomically, so that a full disk loses no logged figure."""
        text = io.StringIO(newline="")
        lines = self._lines(text)
        lines.writeheader()
        lines.writerows(rows)
        replace_text(self._path, text.getvalue())

    def _lines(self, file: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(file, self._fields, restval="")


def trained_minutes(run: Path) -> float:
    """Return the minutes of training in the run's log; 0 without a log."""
    return max((float(row["seconds"]) for row in _rows(run / "log.csv")), default=0.0) / 60


def figures_at(run: Path, step: int) -> dict[str, float]:
    """Return the logged figures of a step; empty if the log has no such step."""
    return next((row for row in reversed(logged(run)) if row["step"] == step), {})


def logged(run: Path) -> list[dict[str, float]]:
    """Return the lines of the run's log as figures by name, without empty columns."""
    return [{name: float(value) for name, value in row.items() if value} for row in _rows(run / "log.csv")]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["step"] and row["seconds"]]
