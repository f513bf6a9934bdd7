# SPDX-License-Identifier: Apache-2.0
"""Events in the order of their stamps, independent of the order of arrival.

The timeline keeps the state after each event. It inserts a late event by its stamp, and computes the states
after it again from the state before it. So the final state does not depend on the order of arrival.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Generic, TypeVar

from geoloc.errors import FrameRefused, Reason

Event = TypeVar("Event")
State = TypeVar("State")
_NS_PER_S = 1_000_000_000
_MAX_EVENTS = 32
_CLOCK_WAS_SET = 5  # number of late events in a row that shows that the clock was set back


class Timeline(Generic[Event, State]):
    """The newest events and their states.

    Args:
        apply: function that returns the state after an event from the state before it (None at first), the
            stamp and the event.
        memory_s: largest age of an event relative to the newest one.
    """

    def __init__(self, apply: Callable[[State | None, int, Event], State], memory_s: float) -> None:
        self._apply = apply
        self._memory_ns = round(memory_s * _NS_PER_S)
        self._stamps: list[int] = []
        self._events: list[Event] = []
        self._states: list[State] = []
        self._is_whole = True  # no event has been dropped
        self._late_in_a_row = 0

    def put(self, stamp_ns: int, event: Event) -> State:
        """Insert an event and return the state after it; if the stamp is known, return the known state.

        Raises:
            FrameRefused: LATE if the event is older than the memory. Several late events in a row mean that
                the clock was set back; the timeline then restarts from the last of them.
        """
        at = bisect_left(self._stamps, stamp_ns)
        if at < len(self._stamps) and self._stamps[at] == stamp_ns:
            return self._states[at]
        if not self.reaches(stamp_ns):
            self._refuse_late(stamp_ns)
            at = 0
        self._late_in_a_row = 0
        self._stamps.insert(at, stamp_ns)
        self._events.insert(at, event)
        self._states[at:] = []
        self._replay()
        state = self._states[at]
        self._trim()
        return state

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest event; None without events."""
        return self._stamps[-1] if self._stamps else None

    def reaches(self, stamp_ns: int) -> bool:
        """Return whether an event of this stamp can be inserted."""
        return not self._stamps or self._stamps[0] <= stamp_ns or self._reaches_back_to(stamp_ns)

    def forget(self) -> None:
        """Forget all events and states."""
        self._stamps, self._events, self._states = [], [], []
        self._is_whole, self._late_in_a_row = True, 0

    def _replay(self) -> None:
        for stamp_ns, event in list(zip(self._stamps, self._events, strict=True))[len(self._states) :]:
            before = self._states[-1] if self._states else None
            self._states.append(self._apply(before, stamp_ns, event))

    def _reaches_back_to(self, stamp_ns: int) -> bool:
        return self._is_whole and stamp_ns >= self._stamps[-1] - self._memory_ns

    def _refuse_late(self, stamp_ns: int) -> None:
        self._late_in_a_row += 1
        if self._late_in_a_row < _CLOCK_WAS_SET:
            behind_s = (self._stamps[-1] - stamp_ns) / _NS_PER_S
            raise FrameRefused(
                Reason.LATE,
                f"the frame is {behind_s:.1f} s older than the newest, more than memory_s "
                f"{self._memory_ns / _NS_PER_S:g}; check the clocks and the delay of the frame.",
            )
        self.forget()

    def _trim(self) -> None:
        oldest_ns = self._stamps[-1] - self._memory_ns
        older = sum(stamp_ns < oldest_ns for stamp_ns in self._stamps[:-1])
        # One event older than the memory is kept, because the oldest event within it builds on its state.
        gone = max(len(self._stamps) - _MAX_EVENTS, older - 1, 0)
        if gone:
            self._is_whole = False
            del self._stamps[:gone], self._events[:gone], self._states[:gone]
