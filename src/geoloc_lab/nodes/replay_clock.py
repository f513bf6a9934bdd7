# SPDX-License-Identifier: Apache-2.0
"""The clock of a replay: converts wall time to bag time."""

import time

_TICK_S = 0.01
_LATEST_S = 0.1


class ReplayClock:
    """Clock that determines when a message of the bag is due and when to publish `/clock`.

    After a delay, playback continues from where it was. Catching up would publish frames in a burst, and the
    nodes would drop them.

    Args:
        start_ns: bag time at the start.
        rate: seconds of bag time per second of wall time.

    Attributes:
        lost_s: total delay of the playback, wall time.
    """

    def __init__(self, start_ns: int, rate: float) -> None:
        self.lost_s = 0.0
        self._start_ns = start_ns
        self._rate = rate
        self._began_s = time.monotonic()
        self._ticked_s = -1.0

    def now_ns(self) -> int:
        """Return the current bag time."""
        return self._start_ns + round((time.monotonic() - self._began_s) * self._rate * 1e9)

    def nap_s(self, time_ns: int) -> float:
        """Return the time to sleep before the next call: at most a tick, 0 once `time_ns` is due."""
        ahead_s = (time_ns - self.now_ns()) / 1e9 / self._rate
        if ahead_s < -_LATEST_S:
            self.lost_s -= ahead_s
            self._began_s -= ahead_s
        return min(max(ahead_s, 0.0), _TICK_S)

    def tick_is_due(self) -> bool:
        """Return True if `/clock` is to be published, which is every hundredth of a second."""
        now_s = time.monotonic()
        due = now_s - self._ticked_s >= 0.9 * _TICK_S
        if due:
            self._ticked_s = now_s
        return due
