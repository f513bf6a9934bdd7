# SPDX-License-Identifier: Apache-2.0
"""Count the images that a camera sent and that the node never saw."""

from collections import deque

RECENT_S = 5.0


class Losses:
    """Counts of images that arrived, were lost in transport, or were replaced in the queue by newer ones.

    Attributes:
        lost_in_transport: number of images that the middleware reports as lost.
    """

    def __init__(self) -> None:
        self.lost_in_transport = 0
        self._events: deque[tuple[float, int, int]] = deque()
        self._numbered = False
        self._overrun_before = 0
        self._newest: dict[bytes, int] = {}
        self._missing = 0
        self._lost_at_first = 0

    def lost(self, count: int, now_s: float) -> None:
        """Add images that the middleware reports as lost."""
        self.lost_in_transport += count
        self._remember(now_s, 0, count)

    def arrive(self, sender: bytes, number: int | None, now_s: float) -> None:
        """Add an image that arrived.

        Args:
            sender: identity of its publisher.
            number: the publisher's sequence number of the image; None if the middleware does not give it.
            now_s: time in seconds.
        """
        self._remember(now_s, 1, 0)
        if number is None:
            return
        self._numbered = True
        if not self._newest:
            self._lost_at_first = self.lost_in_transport
        self._missing += max(0, number - self._newest.get(sender, number - 1) - 1)
        self._newest[sender] = number

    def subscribe_anew(self) -> None:
        """Begin a new subscription; images sent between the old and the new one count as neither."""
        self._overrun_before += self._overrun_now()
        self._newest.clear()
        self._missing = 0

    @property
    def overrun(self) -> int | None:
        """Number of images that newer ones replaced in the queue; None if images have no numbers."""
        return self._overrun_before + self._overrun_now() if self._numbered else None

    def recent(self, now_s: float) -> tuple[int, int]:
        """Return how many images arrived and how many were lost in the last seconds."""
        self._forget(now_s)
        return sum(event[1] for event in self._events), sum(event[2] for event in self._events)

    def _overrun_now(self) -> int:
        """Return the gaps in the sequence numbers that lost images do not explain."""
        return max(0, self._missing - (self.lost_in_transport - self._lost_at_first)) if self._newest else 0

    def _remember(self, now_s: float, arrived: int, lost: int) -> None:
        self._events.append((now_s, arrived, lost))
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        while self._events and now_s - self._events[0][0] > RECENT_S:
            self._events.popleft()
