# SPDX-License-Identifier: Apache-2.0
"""Provides the rows and timers of the tables of `bench.py`."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_S = 0.5


@dataclass(frozen=True)
class Row:
    """A row of a table: name of the work, median duration in milliseconds (NaN if it never ended), note."""

    name: str
    ms: float
    note: str = ""


def median_ms(work: Callable[[], object], least: int = 5) -> float:
    """Return the median milliseconds of `least` calls or more, for at least 0.5 s, after a warm-up call."""
    work()
    laps: list[float] = []
    while sum(laps) < _LEAST_S or len(laps) < least:
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
    return 1e3 * statistics.median(laps)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return vectors (N, D) scaled to unit length."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
