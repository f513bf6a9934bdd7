# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals of metrics over correlated frames: block bootstrap and effective sample size.

Frames of a flight are not independent: an error at one frame tends to persist at the next. The bootstrap
therefore resamples blocks of √n successive frames (moving-block bootstrap, Künsch 1989; circular, so that
every frame has the same weight, Politis and Romano 1992).

A formula that needs a number of trials gets the effective sample size: n divided by the integrated
autocorrelation time. That time is estimated from the variance of means over the same blocks and over blocks
half as long (overlapping batch means with the lugsail window of Vats and Flegal 2022, which corrects for
blocks shorter than the correlation).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import stats

from geoloc.arrays import Float64Array

SAMPLES = 1000
CONFIDENCE = 0.95
_TOO_SHORT = 8  # too few values to estimate a correlation from


def block_length(count: int) -> int:
    """Return the number of successive frames in a block."""
    return max(1, round(math.sqrt(count)))


def resamples(count: int, samples: int = SAMPLES, seed: int = 0) -> Iterator[NDArray[np.intp]]:
    """Yield the row indices (n,) of each resampled flight of `count` frames."""
    length = block_length(count)
    blocks = math.ceil(count / length) if count else 0
    rng = np.random.default_rng(seed)
    steps = np.arange(length)
    for _ in range(samples):
        starts = rng.integers(0, max(1, count), blocks)
        yield ((starts[:, None] + steps).ravel()[:count]) % max(1, count)


def interval(
    metrics: Callable[[NDArray[np.intp]], Float64Array], count: int, samples: int = SAMPLES, seed: int = 0
) -> tuple[Float64Array, Float64Array]:
    """Return the 95 % bootstrap intervals of several metrics: lower and upper ends, each (k,).

    Args:
        metrics: function from the rows of a resampled flight to the metrics (k,); NaN if undefined.
        count: number of frames of the flight.
        samples: number of resampled flights.
        seed: seed of the resampling; the same seed gives the same interval.
    """
    drawn = np.array([metrics(rows) for rows in resamples(count, samples, seed)], dtype=np.float64)
    known = np.isfinite(drawn)
    tail = (1.0 - CONFIDENCE) / 2.0
    ends = np.full((2, drawn.shape[1]), math.nan)
    for column in np.flatnonzero(known.any(axis=0)):
        ends[:, column] = np.quantile(drawn[known[:, column], column], [tail, 1.0 - tail])
    return ends[0], ends[1]


def effective_count(values: Float64Array) -> float:
    """Return the effective sample size, from 1 to n, of a series (n,) in time order.

    NaN and inf are ignored. The values of a series that is constant or shorter than 8 count as independent.
    """
    known = values[np.isfinite(values)]
    if known.size < _TOO_SHORT or not float(known.var()) > 0.0:
        return float(known.size)
    length = block_length(known.size)
    time = 2.0 * _autocorrelation_time(known, length) - _autocorrelation_time(known, length // 2)
    return float(max(1.0, known.size / max(1.0, time)))


def _autocorrelation_time(values: Float64Array, length: int) -> float:
    """Return the ratio of the variance of block means to that of means of as many independent values."""
    means = sliding_window_view(values, length).mean(axis=1)
    # Block means scatter less about the sample mean than about the true one.
    scatter = float(np.mean((means - values.mean()) ** 2)) / (1.0 - length / values.size)
    return length * scatter / float(values.var())


def proportion_interval(hits: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share by Clopper and Pearson (1934), exact for independent trials.

    Unlike the bootstrap, it is valid for rare events: without a hit among few trials, the upper end is above
    0. The arguments may be fractional, as effective sample sizes are. The ends are NaN without trials.
    """
    if trials <= 0:
        return math.nan, math.nan
    tail = (1.0 - CONFIDENCE) / 2.0
    low = float(stats.beta.ppf(tail, hits, trials - hits + 1)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def upper_bound(hits: float, trials: float) -> float:
    """Return the one-sided 95 % upper bound of a share by Clopper and Pearson; 1 without trials."""
    if hits >= trials:
        return 1.0
    return float(stats.beta.ppf(CONFIDENCE, hits + 1, trials - hits))
