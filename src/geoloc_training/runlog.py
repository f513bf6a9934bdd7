# SPDX-License-Identifier: Apache-2.0
"""A run's figures as CSV and for TensorBoard, one line a step, consistent over interruptions."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from geoloc_training.atomic_files import replace_text

_FIRST = ("step", "seconds", "loss")


class RunLog:
    """`log.csv` and `tensorboard/` of a run; columns are added as figures come up.

    Args:
        run: folder of the run.
        step: the step the run stands at; lines of later steps, lost with an interruption, are dropped.
        tensorboard: whether to write for TensorBoard too.
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
        """Add a step's figures; those it lacks stay empty."""
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
        """Write out what TensorBoard's writer still holds."""
        if self._board is not None:
            self._board.close()

    def _rewrite(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Write all lines anew, in one move: a disk that is full then takes no figure that was there."""
        text = io.StringIO(newline="")
        lines = self._lines(text)
        lines.writeheader()
        lines.writerows(rows)
        replace_text(self._path, text.getvalue())

    def _lines(self, file: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(file, self._fields, restval="")


def trained_minutes(run: Path) -> float:
    """Return minutes of training the run's log accounts for; 0 without one."""
    return max((float(row["seconds"]) for row in _rows(run / "log.csv")), default=0.0) / 60


def figures_at(run: Path, step: int) -> dict[str, float]:
    """Return what the run's log has of a step; nothing where it has none."""
    return next((row for row in reversed(logged(run)) if row["step"] == step), {})


def logged(run: Path) -> list[dict[str, float]]:
    """Return the lines of the run's log, each with the figures it has."""
    return [{name: float(value) for name, value in row.items() if value} for row in _rows(run / "log.csv")]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["step"] and row["seconds"]]
