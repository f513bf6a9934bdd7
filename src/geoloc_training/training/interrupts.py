# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and a scheduler's SIGTERM end a run after the step at hand, with a checkpoint."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from geoloc.errors import GeolocError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(GeolocError):  # noqa: N818 - what was asked for, not an error
    """A run that was asked to stop, and did so with a checkpoint.

    Attributes:
        number: of the signal.
    """

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.number = number


class Interrupts:
    """While entered, the first signal is only noted; a second one ends the program at once.

    Attributes:
        number: of the signal that came, 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        # Python hands signals to the main thread alone.
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
