# SPDX-License-Identifier: Apache-2.0
"""Two messages of one stamp find each other here, whichever comes first."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Item = TypeVar("Item")


class StampedCache(Generic[Item]):
    """Remembers the last items by stamp; one thread puts, another takes.

    Args:
        size: how many are kept; the oldest goes first.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._items: OrderedDict[int, Item] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, stamp_ns: int, item: Item) -> None:
        """Store an item; one of the same stamp is replaced."""
        with self._changed:
            self._items[stamp_ns] = item
            while len(self._items) > self._size:
                self._items.popitem(last=False)
            self._changed.notify_all()

    def take(self, stamp_ns: int, wait_s: float) -> Item | None:
        """Return and forget the item of a stamp, waiting for it this long at most; None where none came."""
        with self._changed:
            self._changed.wait_for(lambda: stamp_ns in self._items, timeout=wait_s)
            return self._items.pop(stamp_ns, None)
