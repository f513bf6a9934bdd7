# SPDX-License-Identifier: Apache-2.0
"""What a node says on the console about its frames: a problem at once, and then every 30 s while it lasts."""

import re
import threading
import time
from collections.abc import Callable

from rclpy.node import Node

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


class Console:
    """Says why there is no fix, and when frames are answered again.

    Args:
        node: node whose logger is used, so that /rosout and bags hold the sentences, too.
        says_return: whether this node gives the suite's answers, and so says when they return.
    """

    def __init__(self, node: Node, *, says_return: bool) -> None:
        self._logger = node.get_logger()
        self._says_return = says_return
        self._lock = threading.Lock()
        self._problems, self._concerns = Reminder(), Reminder()
        self._answered_before = 0

    def no_fix(self, sentence: str | None, answered: int, *, is_normal: bool = False) -> None:
        """Report that there is no fix.

        Args:
            sentence: why; None if another node says it.
            answered: number of frames that were answered so far.
            is_normal: whether this belongs to every flight, so that it is no warning.
        """
        with self._lock:
            if not self._problems.is_open:
                self._answered_before = answered
            self._problems.lasts()
            if sentence is None or not self._problems.is_due(sentence):
                return
        # Two calls, because rclpy allows each line of code one severity.
        if is_normal:
            self._logger.info(f"no fix: {sentence}")
        else:
            self._logger.warning(f"no fix: {sentence}")

    def fix(self) -> None:
        """Report that frames are answered."""
        with self._lock:
            is_over = self._problems.is_over()
        if is_over and self._says_return:
            self._logger.info(f"frames are answered{' again' if self._answered_before else ''}")

    def concern(self, sentence: str | None) -> None:
        """Report a trouble that does not stop the answers; None if there is none."""
        if sentence is None:
            self._concerns.is_over()
        elif self._concerns.is_due(sentence):
            self._logger.warning(sentence)
