# SPDX-License-Identifier: Apache-2.0
"""The progress of long work: a bar on a terminal, a line now and then in a log or a pipe."""

import sys
from collections.abc import Iterable, Sized
from typing import Any, TextIO, cast

from tqdm import tqdm

LINE_EVERY_S = 30.0
"""Work that is done sooner leaves no line."""

_CURSOR_UP = "\x1b[A"  # written after each state of a bar that runs inside another one
_OF_TOTAL = "{desc}: {percentage:.0f} %, {elapsed} gone, {remaining} left"
_WITHOUT_TOTAL = "{desc}: {n_fmt}, {elapsed} gone"


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
    """Return a tqdm over `work`, or one to be updated by hand.

    Where stderr is a terminal it draws a bar there, elsewhere it writes a line every `LINE_EVERY_S` seconds.

    Args:
        work: what to iterate over.
        label: word before the progress.
        unit: of one piece of work.
        total: how many pieces there are; None for the length of `work`, where that has one.
        initial: pieces that are done already.
        bar_format: of the bar, as tqdm takes it; None for tqdm's own.
        shown: whether to show anything.
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
            "miniters": 0,  # time alone counts
            "delay": LINE_EVERY_S,
        }
    return tqdm(cast("Any", work), **options)


class _Lines:
    """A stream that turns each state of a bar into a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write what is left of a state without the characters that move the cursor."""
        state = text.replace(_CURSOR_UP, "").strip()
        if state:
            self._stream.write(f"{state}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
