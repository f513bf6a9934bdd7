# SPDX-License-Identifier: Apache-2.0
"""Recall, average precision and hit rate from ranks, exactly as in the published scripts, as shares in 0..1.

Queries without a true match count as 0, as in University-1652's script. Only `ap_step` excludes them from the
mean, as GTA-UAV's script does.
"""

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_training.evaluation.ranking import Ranking


def recall(ranking: Ranking, k: int) -> float:
    """Return R@K, the share of queries with a true match among the best K entries."""
    return float((ranking.first() < k).mean())


def recall_top_percent(ranking: Ranking) -> float:
    """Return R@1 % of University-1652's script.

    The script reads its curve at the index round(N / 100), where N is the whole gallery, including entries
    that do not compete. So K is one more than the index (951: 11). Python rounds halves to even (50: K = 1,
    150: K = 3).
    """
    return recall(ranking, round(ranking.gallery * 0.01) + 1)


def recall_pairs_top_percent(ranking: Ranking) -> float:
    """Return R@1 % of Sample4Geo's scripts for pairs, with K = N // 100 (0 for fewer than 100 entries)."""
    return recall(ranking, ranking.gallery // 100)


def ap_trapezoid(ranking: Ranking) -> float:
    """Return the average precision of University-1652's script, averaged over all queries.

    AP = Σ_i (1/n) · ½ · (old_i + (i + 1)/(r_i + 1)), where old_i = i/r_i, or 1 if r_i = 0.
    """
    place, rank = _places(ranking), ranking.ranks
    old = np.where(rank > 0, place / np.maximum(rank, 1), 1.0)
    return float(_per_query((old + (place + 1) / (rank + 1)) / 2, ranking).sum() / ranking.queries)


def ap_step(ranking: Ranking) -> float:
    """Return scikit-learn's average precision Σ_i (1/n)(i + 1)/(r_i + 1), averaged over matched queries."""
    place = _places(ranking)
    some = np.diff(ranking.starts) > 0
    precision = _per_query((place + 1) / (ranking.ranks + 1), ranking)
    return float(precision[some].mean()) if some.any() else 0.0


def hit_rate(ranking: Ranking) -> float:
    """Return VIGOR's hit rate, the share of queries with only semi-positives above the right entry."""
    return float((ranking.outranked < 1).mean())


def _places(ranking: Ranking) -> Float64Array:
    """Return each rank's index i among the ranks of its query, (M,)."""
    counts = np.diff(ranking.starts)
    return (np.arange(len(ranking.ranks)) - np.repeat(ranking.starts[:-1], counts)).astype(np.float64)


def _per_query(values: Float64Array, ranking: Ranking) -> Float64Array:
    """Return the mean of each query's values, (Q,); 0 for a query without values."""
    counts = np.diff(ranking.starts)
    rows = np.repeat(np.arange(ranking.queries), counts)
    sums = np.bincount(rows, weights=values, minlength=ranking.queries)
    return np.asarray(sums / np.maximum(counts, 1), np.float64)
