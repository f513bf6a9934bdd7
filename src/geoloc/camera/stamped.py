# SPDX-License-Identifier: Apache-2.0
"""A bounded buffer of stamped samples, sorted by stamp and without duplicates."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

CLOCK_JUMP_NS = 1_000_000_000


@dataclass(frozen=True)
class Around(Generic[T]):
    """The samples before and after an instant.

    Attributes:
        first: value before the instant; the nearest value if the instant is outside the buffer.
        second: value after the instant; the same as `first` if the instant is outside the buffer.
        share: position of the instant from first to second, 0 to 1.
        gap_s: time from the instant to the nearer of the two.
        apart_s: time between the two.
    """

    first: T
    second: T
    share: float
    gap_s: float
    apart_s: float = 0.0


class StampedBuffer(Generic[T]):
    """The newest samples of one stream.

    Args:
        capacity: largest number of samples; the oldest are dropped first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._stamps: list[int] = []
        self._values: list[T] = []

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest sample, or None."""
        return self._stamps[-1] if self._stamps else None

    def jumps_back(self, stamp_ns: int) -> bool:
        """Return whether a stamp is so old that the clock must have been set back, as when a bag loops."""
        return bool(self._stamps) and stamp_ns < self._stamps[-1] - CLOCK_JUMP_NS

    def add(self, stamp_ns: int, value: T) -> None:
        """Insert a sample by its stamp; a sample with the same stamp is replaced."""
        at = bisect_left(self._stamps, stamp_ns)
        if at < len(self._stamps) and self._stamps[at] == stamp_ns:
            self._values[at] = value
            return
        self._stamps.insert(at, stamp_ns)
        self._values.insert(at, value)
        if len(self._stamps) > self._capacity:
            del self._stamps[0], self._values[0]

    def clear(self) -> None:
        """Remove all samples."""
        self._stamps.clear()
        self._values.clear()

    def span(self, from_ns: int, to_ns: int) -> list[tuple[int, T]]:
        """Return the samples between two stamps, and the nearest one before and after them, if any."""
        start = max(bisect_right(self._stamps, from_ns) - 1, 0)
        end = bisect_left(self._stamps, to_ns) + 1
        return list(zip(self._stamps[start:end], self._values[start:end], strict=True))

    def around(self, stamp_ns: int) -> Around[T] | None:
        """Return the samples before and after an instant; None if the buffer is empty."""
        if not self._stamps:
            return None
        last = len(self._stamps) - 1
        after = bisect_left(self._stamps, stamp_ns)
        first, second = max(after - 1, 0), min(after, last)
        start, end = self._stamps[first], self._stamps[second]
        share = (stamp_ns - start) / (end - start) if end > start else 0.0
        gap_ns = min(abs(stamp_ns - start), abs(stamp_ns - end))
        return Around(self._values[first], self._values[second], share, gap_ns / 1e9, (end - start) / 1e9)
