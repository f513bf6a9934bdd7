# SPDX-License-Identifier: Apache-2.0
"""Bag time against wall time."""

import time

_TICK_S = 0.01
_LATEST_S = 0.1


class ReplayClock:
    """Says when a moment of the bag is due, and when `/clock` is to be told again.

    A player that was held up goes on from where it was: catching up would send frames in a burst, and the
    nodes would rightly drop them.

    Args:
        start_ns: bag time that is now.
        rate: bag seconds in a second.

    Attributes:
        lost_s: wall time that the player was held up in all.
    """

    def __init__(self, start_ns: int, rate: float) -> None:
        self.lost_s = 0.0
        self._start_ns = start_ns
        self._rate = rate
        self._began_s = time.monotonic()
        self._ticked_s = -1.0

    def now_ns(self) -> int:
        """Return the bag time that it is."""
        return self._start_ns + round((time.monotonic() - self._began_s) * self._rate * 1e9)

    def nap_s(self, time_ns: int) -> float:
        """Return how long to sleep before looking again: up to a tick, 0 when the moment is due."""
        ahead_s = (time_ns - self.now_ns()) / 1e9 / self._rate
        if ahead_s < -_LATEST_S:
            self.lost_s -= ahead_s
            self._began_s -= ahead_s
        return min(max(ahead_s, 0.0), _TICK_S)

    def tick_is_due(self) -> bool:
        """Tell, once each hundredth of a second, that the clock is to be told."""
        now_s = time.monotonic()
        due = now_s - self._ticked_s >= 0.9 * _TICK_S
        if due:
            self._ticked_s = now_s
        return due
