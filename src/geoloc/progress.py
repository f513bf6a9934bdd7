# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: a bar on a terminal, a line every half minute in a log or a pipe."""

import sys
from collections.abc import Iterable, Sized
from typing import Any, TextIO, cast

from tqdm import tqdm

LINE_EVERY_S = 30.0
"""Seconds between two lines; shorter work writes none."""

_CURSOR_UP = "\x1b[A"  # tqdm writes it after each update of a bar inside another bar
_OF_TOTAL = "{desc}: {percentage:.0f} %, {elapsed} elapsed, {remaining} left"
_WITHOUT_TOTAL = "{desc}: {n_fmt}, {elapsed} elapsed"


def progress_bar(
    work: Iterable[Any] | None = None,
    *,
    label: str,
    unit: str = "",
    total: float | None = None,
    initial: int = 0,
    bar_format: str | None = None,
    shown: bool = True,
) -> "tqdm[Any]":
    """Return a tqdm over `work`, or one that the caller updates.

    It draws a bar if stderr is a terminal, and otherwise writes a line every `LINE_EVERY_S` seconds.

    Args:
        work: iterable of pieces of work; None if the caller updates the bar.
        label: text before the progress.
        unit: name of one piece of work.
        total: number of pieces; None takes the length of `work` if it has one.
        initial: number of pieces that are already done.
        bar_format: format of the bar, as tqdm takes it; None for tqdm's default.
        shown: whether to show any progress.
    """
    if total is None and isinstance(work, Sized):
        total = len(work)
    options: dict[str, Any] = {"desc": label, "total": total, "initial": initial, "disable": not shown}
    if sys.stderr.isatty():
        options |= {"unit": unit or "it", "bar_format": bar_format}
    else:
        options |= {
            "file": _Lines(sys.stderr),
            "bar_format": _WITHOUT_TOTAL if total is None else _OF_TOTAL,
            "mininterval": LINE_EVERY_S,
            "miniters": 0,  # only the interval decides
            "delay": LINE_EVERY_S,
        }
    return tqdm(cast("Any", work), **options)


class _Lines:
    """Stream that writes each update of a bar as a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write an update of the bar without the characters that move the cursor."""
        state = text.replace(_CURSOR_UP, "").strip()
        if state:
            self._stream.write(f"{state}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
