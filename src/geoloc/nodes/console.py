# SPDX-License-Identifier: Apache-2.0
"""When a lasting problem is said on the console: at once, and then every 30 s while it lasts."""

import re
import time
from collections.abc import Callable

_EVERY_S = 30.0
_CALM_S = 3.0
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Reminder:
    """Record of the problems that have been said.

    Sentences that differ only in their numbers are one problem. A different sentence is said at once. The
    problems are over when none has been reported for `calm_s`; until then, a problem that comes and goes
    is one that lasts.

    Args:
        every_s: time after which a problem that lasts is said again.
        calm_s: time without a report after which all problems are over.
        now_s: clock, in seconds.
    """

    def __init__(
        self,
        every_s: float = _EVERY_S,
        calm_s: float = _CALM_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_s = every_s
        self._calm_s = calm_s
        self._now_s = now_s
        self._said_s: dict[str, float] = {}
        self._reported_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether a problem has been reported that is not over."""
        return self._reported_s is not None

    def is_due(self, sentence: str) -> bool:
        """Report a problem; return whether to say it now."""
        self.lasts()
        now_s, problem = self._now_s(), _NUMBER.sub("#", sentence)
        if problem in self._said_s and now_s - self._said_s[problem] < self._every_s:
            return False
        self._said_s[problem] = now_s
        return True

    def lasts(self) -> None:
        """Report a problem that another node says."""
        self._reported_s = self._now_s()

    def is_over(self) -> bool:
        """Return True once when the problems are over; they are then forgotten."""
        if self._reported_s is None or self._now_s() - self._reported_s < self._calm_s:
            return False
        self._reported_s = None
        self._said_s.clear()
        return True
