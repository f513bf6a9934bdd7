# SPDX-License-Identifier: Apache-2.0
"""The clock of a simulated drone, and the words that its processes take on standard input."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType


class DroneClock:
    """Time of the drone: that of the machine, plus the jumps so far."""

    def __init__(self) -> None:
        self._offset_ns = 0

    def now_ns(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return time.time_ns() + self._offset_ns

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        self._offset_ns += round(seconds * 1e9)


class Orders:
    """Orders to a running process: words on standard input, and the signals that end it.

    `stop` and `go` are read by the caller as `flying`; `jump SECONDS` moves the clock.
    """

    def __init__(self, clock: DroneClock, *, flying: bool = True) -> None:
        self.flying = flying
        self._ended = False
        self._clock, self._parent = clock, os.getppid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        threading.Thread(target=self._listen, daemon=True).start()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether a signal came, or the process that started this one has ended."""
        return self._ended or os.getppid() != self._parent

    def _listen(self) -> None:
        for line in sys.stdin:
            self.obey(line)

    def obey(self, line: str) -> None:
        """Carry out one order; an unknown one is told on standard error."""
        word, *rest = line.split() or [""]
        if word in ("stop", "go"):
            self.flying = word == "go"
        elif word == "jump" and len(rest) == 1:
            self._clock.jump(float(rest[0]))
        elif word:
            print(f"'{line.strip()}' is unknown; write stop, go or jump SECONDS.", file=sys.stderr)


def every(period_s: float, orders: Orders, work: Callable[[int], None], seconds: float) -> None:
    """Call `work` with 0, 1, 2 … at a steady rate until the end; late calls are not made up for.

    Args:
        period_s: seconds between two calls.
        orders: orders, which end the loop.
        work: function that takes the number of the call.
        seconds: seconds until the end; 0 for no end.
    """
    began_s = due_s = time.monotonic()
    number = 0
    while not orders.ended and (not seconds or due_s - began_s < seconds):
        time.sleep(max(0.0, due_s - time.monotonic()))
        work(number)
        number += 1
        due_s = max(due_s + period_s, time.monotonic() - period_s)
