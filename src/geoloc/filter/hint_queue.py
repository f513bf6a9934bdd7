# SPDX-License-Identifier: Apache-2.0
"""Queue of hints that are ahead of the look-ups, which would make the next look-up a late one."""

from geoloc.filter.hint import Hint

_EVERY_NS = 500_000_000  # a faster stream says nothing more, and would fill the timeline
_SIZE = 16


class HintQueue:
    """Keeps hints until a look-up reaches their stamps; the oldest are dropped first."""

    def __init__(self) -> None:
        self._hints: list[tuple[int, Hint]] = []
        self._newest_ns: int | None = None

    def is_new(self, stamp_ns: int) -> bool:
        """Return whether a hint says more than the last one, and remember it if so."""
        if self._newest_ns is not None and abs(stamp_ns - self._newest_ns) < _EVERY_NS:
            return False
        self._newest_ns = stamp_ns
        return True

    def put(self, stamp_ns: int, given: Hint) -> None:
        """Add a hint."""
        self._hints = [*self._hints, (stamp_ns, given)][-_SIZE:]

    def take(self, until_ns: int) -> tuple[int, Hint] | None:
        """Remove the hints up to a stamp and return the last of them; those before it say nothing more."""
        due = [each for each in self._hints if each[0] <= until_ns]
        self._hints = [each for each in self._hints if each[0] > until_ns]
        return due[-1] if due else None

    def clear(self) -> None:
        """Forget all hints."""
        self._hints, self._newest_ns = [], None
