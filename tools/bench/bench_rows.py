# SPDX-License-Identifier: Apache-2.0
"""What the tables of `bench.py` are made of."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_S = 0.5


@dataclass(frozen=True)
class Row:
    """One line of a table: what was done, its median milliseconds, and whatever else tells."""

    name: str
    ms: float
    note: str = ""


def median_ms(work: Callable[[], object], least: int = 5) -> float:
    """Return the median duration of calls, so many and half a second at least, after one to warm up."""
    work()
    laps: list[float] = []
    while sum(laps) < _LEAST_S or len(laps) < least:
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
    return 1e3 * statistics.median(laps)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors (N, D) at length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
