# SPDX-License-Identifier: Apache-2.0
"""Ends a run with a checkpoint after the current step on Ctrl-C or a scheduler's SIGTERM."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from geoloc.errors import GeolocError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(GeolocError):  # noqa: N818 - a requested stop, not an error
    """A signal stopped the run, which saved a checkpoint.

    Attributes:
        number: number of the signal.
    """

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.number = number


class Interrupts:
    """Context manager that records the first signal; a second signal ends the program at once.

    Attributes:
        number: number of the recorded signal, 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        # Python allows signal handlers only in the main thread.
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
