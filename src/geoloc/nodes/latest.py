# SPDX-License-Identifier: Apache-2.0
"""Worker thread for the newest frame: callbacks never wait, and frames that come too fast are dropped."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """Slot for one item, and a thread that works on it.

    Args:
        work: function that the thread calls with the newest item; it must handle its own refusals.
        name: name of the thread, for debuggers.
        on_idle: function that the thread calls when it has nothing left to do.

    Attributes:
        dropped: number of items that a newer one replaced before the thread took them.
    """

    def __init__(
        self, work: Callable[[Item], None], name: str, on_idle: Callable[[], None] = lambda: None
    ) -> None:
        self.dropped = 0
        self._work = work
        self._on_idle = on_idle
        self._working = False
        self._item: Item | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Store the newest item.

        Raises:
            RuntimeError: if the thread has died of a defect; the node must end too, instead of going silent.
        """
        with self._changed:
            if not self._thread.is_alive() and not self._stopping:
                raise RuntimeError(f"the thread {self._thread.name} has died; see its traceback above.")
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def is_idle(self) -> bool:
        """Return whether the thread waits for an item, or has died, which `put` reports."""
        with self._changed:
            return not self._thread.is_alive() or (self._item is None and not self._working)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Let the thread finish its current item, then stop it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=timeout_s)

    def _take(self) -> Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._item is not None)
            item, self._item = self._item, None
            self._working = True
            return None if self._stopping else item

    def _run(self) -> None:
        while (item := self._take()) is not None:
            self._work(item)
            self._rest()

    def _rest(self) -> None:
        with self._changed:
            self._working = False
            idle = self._item is None
        if idle:
            self._on_idle()
