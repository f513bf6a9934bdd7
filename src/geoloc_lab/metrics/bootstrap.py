# SPDX-License-Identifier: Apache-2.0
"""How sure a figure is: resampling that respects that successive frames see the same ground.

Frames of a flight are no independent trials: what went wrong at one frame tends to go wrong at the next. So
frames are resampled in blocks of √n successive ones (moving-block bootstrap, Künsch 1989; the flight is
closed to a circle so that no frame counts less, Politis and Romano 1992), and where a formula asks for a
number of trials it gets the effective one, n over the integrated autocorrelation time, which is measured by
the variance of means over the same blocks and half as long ones (overlapping batch means with the lugsail of
Vats and Flegal 2022, which corrects for blocks that are shorter than the trouble lasts).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import stats

from geoloc.arrays import Float64Array

Rows = NDArray[np.intp]
SAMPLES = 1000
CONFIDENCE = 0.95
_TOO_SHORT = 8  # values that tell nothing about how they hang together


def block_length(count: int) -> int:
    """Return how many successive frames make a block."""
    return max(1, round(math.sqrt(count)))


def resamples(count: int, samples: int = SAMPLES, seed: int = 0) -> Iterator[Rows]:
    """Yield the rows (n,) of each resampled flight of `count` frames."""
    length = block_length(count)
    blocks = math.ceil(count / length) if count else 0
    rng = np.random.default_rng(seed)
    steps = np.arange(length)
    for _ in range(samples):
        starts = rng.integers(0, max(1, count), blocks)
        yield ((starts[:, None] + steps).ravel()[:count]) % max(1, count)


def interval(
    figures: Callable[[Rows], Float64Array], count: int, samples: int = SAMPLES, seed: int = 0
) -> tuple[Float64Array, Float64Array]:
    """Return the 95 % intervals of several figures at once: lower and upper ends, each (k,).

    Args:
        figures: computes the figures (k,) from the rows of a resampled flight; NaN where one is not defined.
        count: frames of the flight.
        samples: resampled flights.
        seed: of the resampling; the same seed gives the same interval.
    """
    drawn = np.array([figures(rows) for rows in resamples(count, samples, seed)], dtype=np.float64)
    known = np.isfinite(drawn)
    tail = (1.0 - CONFIDENCE) / 2.0
    ends = np.full((2, drawn.shape[1]), math.nan)
    for column in np.flatnonzero(known.any(axis=0)):
        ends[:, column] = np.quantile(drawn[known[:, column], column], [tail, 1.0 - tail])
    return ends[0], ends[1]


def effective_count(values: Float64Array) -> float:
    """Return how many independent values a series (n,) in order of time is worth, from 1 to n.

    NaN and inf are left out. Series too short to tell, or constant ones, count in full.
    """
    known = values[np.isfinite(values)]
    if known.size < _TOO_SHORT or not float(known.var()) > 0.0:
        return float(known.size)
    length = block_length(known.size)
    time = 2.0 * _autocorrelation_time(known, length) - _autocorrelation_time(known, length // 2)
    return float(max(1.0, known.size / max(1.0, time)))


def _autocorrelation_time(values: Float64Array, length: int) -> float:
    """Return by how much means of blocks of that length scatter more than means of independent values."""
    means = sliding_window_view(values, length).mean(axis=1)
    # They scatter less about their own mean than about the true one.
    scatter = float(np.mean((means - values.mean()) ** 2)) / (1.0 - length / values.size)
    return length * scatter / float(values.var())


def proportion_interval(hits: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share by Clopper and Pearson (1934), exact for independent trials.

    It stays honest where the bootstrap cannot: no hit among few trials still leaves an upper end above 0.
    Effective numbers need not be whole. NaN without trials.
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
