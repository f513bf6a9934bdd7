# SPDX-License-Identifier: Apache-2.0
"""Cache that joins two messages of one stamp, in either order of arrival."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Item = TypeVar("Item")


class StampedCache(Generic[Item]):
    """Cache of the last items by stamp; one thread puts items, another takes them.

    Args:
        size: number of items that are kept; the oldest is dropped first.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._items: OrderedDict[int, Item] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, stamp_ns: int, item: Item) -> None:
        """Store an item; it replaces one of the same stamp."""
        with self._changed:
            self._items[stamp_ns] = item
            while len(self._items) > self._size:
                self._items.popitem(last=False)
            self._changed.notify_all()

    def take(self, stamp_ns: int, wait_s: float) -> Item | None:
        """Remove and return the item of a stamp, waiting for it up to `wait_s`; None if it does not come."""
        with self._changed:
            self._changed.wait_for(lambda: stamp_ns in self._items, timeout=wait_s)
            return self._items.pop(stamp_ns, None)
