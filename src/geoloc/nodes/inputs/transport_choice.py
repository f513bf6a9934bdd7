# SPDX-License-Identifier: Apache-2.0
"""Choose between topics that carry the same images, such as `image` and `image/compressed`."""

import math
from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet

_SILENT_S = 2.0
_LONGEST_WAIT_S = 8.0


class TransportChoice:
    """The transport to subscribe to: the preferred one that has publishers, unless it is silent.

    A transport without frames for two seconds makes room for another one that has publishers, for a trial of
    two seconds. If the trial brings a frame, the other one stays; if not, the first one returns, and the next
    trial comes later, after up to eight seconds. So a camera that stopped is found again quickly, a slow one
    is left in peace, and one that advertises a transport without using it costs two seconds once.

    Args:
        transports: names of the transports, the preferred one first.
        now_s: time in seconds, of any steady clock.
    """

    def __init__(self, transports: Sequence[str], now_s: float) -> None:
        self.current = transports[0]
        self._transports = transports
        self._home = transports[0]
        self._wait_s = _SILENT_S
        self._since_s = now_s
        self._frame_s = -math.inf
        self._seen: Mapping[str, AbstractSet[Hashable]] = {}

    def frame(self, now_s: float) -> None:
        """Record that a frame arrived on the current transport."""
        if now_s - self._frame_s < _SILENT_S:
            self._wait_s = _SILENT_S
        self._home, self._since_s, self._frame_s = self.current, now_s, now_s

    def choose(self, publishers: Mapping[str, AbstractSet[Hashable]], now_s: float) -> str:
        """Return the transport to subscribe to.

        Args:
            publishers: identities of the publishers of each transport.
            now_s: time in seconds.
        """
        offered = [name for name in self._transports if publishers[name]]
        new = [name for name in offered if publishers[name] - self._seen.get(name, frozenset())]
        preferred = [name for name in new if self._prefers(name)]
        others = [name for name in offered if name != self.current]
        self._seen = publishers
        if offered and self.current not in offered:
            self._home = offered[0]
            self._turn_to(offered[0], now_s)
        elif preferred:
            self._turn_to(preferred[0], now_s)
        elif self.current in new:
            self._since_s = now_s
        elif others and now_s - self._since_s > self._patience_s():
            self._end_patience(others[0], now_s)
        return self.current

    def _prefers(self, name: str) -> bool:
        return self._transports.index(name) < self._transports.index(self.current)

    def _patience_s(self) -> float:
        return self._wait_s if self.current == self._home else _SILENT_S

    def _end_patience(self, other: str, now_s: float) -> None:
        if self.current == self._home:
            self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
            self._turn_to(other, now_s)
        else:
            self._turn_to(self._home, now_s)

    def _turn_to(self, name: str, now_s: float) -> None:
        self.current, self._since_s = name, now_s
