# SPDX-License-Identifier: Apache-2.0
"""How far a drone moved by its odometry, for positions that claim that it stood."""

import math
from collections.abc import Iterable

import numpy as np


class OdometryTrack:
    """Positions by odometry.

    Args:
        rows: stamp in nanoseconds, x and y in the odometry's frame in metres; in any order.
    """

    def __init__(self, rows: Iterable[tuple[int, float, float]]) -> None:
        ordered = sorted(rows)
        self._stamps_ns = np.array([row[0] for row in ordered], dtype=np.int64)
        self._positions_m = np.array([row[1:] for row in ordered], dtype=np.float64).reshape(-1, 2)

    def moved_m(self, start_ns: int, end_ns: int) -> float:
        """Return how far the drone got between two stamps from where it was; NaN if that is unknown."""
        first, last = (int(at) for at in np.searchsorted(self._stamps_ns, (start_ns, end_ns)))
        if last <= first:
            return math.nan
        steps_m = np.hypot(*(self._positions_m[first:last] - self._positions_m[first]).T)
        return float(np.nanmax(steps_m, initial=0.0))
