# SPDX-License-Identifier: Apache-2.0
"""Recall, average precision and hit rate from ranks, to the letter of the published scripts, as shares 0..1.

Queries without a true match add nothing to a sum and count in its denominator, as in University-1652's
script; `ap_step` alone leaves them out of the denominator too, as GTA-UAV's does.
"""

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_training.evaluation.ranking import Ranking


def recall(ranking: Ranking, k: int) -> float:
    """Return R@K: share of queries with a true match among the best K."""
    return float((ranking.first() < k).mean())


def recall_top_percent(ranking: Ranking) -> float:
    """Return R@1 % of University-1652's script.

    The script reads its curve at the index round(N / 100), N the whole gallery with what is not searched, so
    that K is one more (951: 11); and Python rounds halves to even (50: K = 1, 150: K = 3).
    """
    return recall(ranking, round(ranking.gallery * 0.01) + 1)


def recall_pairs_top_percent(ranking: Ranking) -> float:
    """Return R@1 % of Sample4Geo's scripts for pairs: K = N // 100, so under a hundred entries it is 0."""
    return recall(ranking, ranking.gallery // 100)


def ap_trapezoid(ranking: Ranking) -> float:
    """Return the average precision of University-1652's script, mean over all queries.

    AP = Σ_i (1/n) · ½ · (old_i + (i + 1)/(r_i + 1)) with old_i = i/r_i, 1 where r_i = 0.
    """
    place, rank = _places(ranking), ranking.ranks
    old = np.where(rank > 0, place / np.maximum(rank, 1), 1.0)
    return float(_per_query((old + (place + 1) / (rank + 1)) / 2, ranking).sum() / ranking.queries)


def ap_step(ranking: Ranking) -> float:
    """Return scikit-learn's average precision, mean over matched queries: Σ_i (1/n)(i + 1)/(r_i + 1)."""
    place = _places(ranking)
    some = np.diff(ranking.starts) > 0
    precision = _per_query((place + 1) / (ranking.ranks + 1), ranking)
    return float(precision[some].mean()) if some.any() else 0.0


def hit_rate(ranking: Ranking) -> float:
    """Return VIGOR's hit rate: share of queries whose right entry semi-positives alone outrank."""
    return float((ranking.outranked < 1).mean())


def _places(ranking: Ranking) -> Float64Array:
    """Return for each rank, its number i among its query's ranks, (M,)."""
    counts = np.diff(ranking.starts)
    return (np.arange(len(ranking.ranks)) - np.repeat(ranking.starts[:-1], counts)).astype(np.float64)


def _per_query(values: Float64Array, ranking: Ranking) -> Float64Array:
    """Return the mean of each query's values, (Q,); 0 where it has none."""
    counts = np.diff(ranking.starts)
    rows = np.repeat(np.arange(ranking.queries), counts)
    sums = np.bincount(rows, weights=values, minlength=ranking.queries)
    return np.asarray(sums / np.maximum(counts, 1), np.float64)
