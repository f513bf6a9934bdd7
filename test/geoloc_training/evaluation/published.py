# SPDX-License-Identifier: Apache-2.0
"""Independent loops over queries that follow the formulas of the published scripts."""

import numpy as np


def sorted_ranks(query, gallery, right, junk=()):
    """Return 0-based ranks of the right entries, and the order of the competing entries."""
    order = [int(i) for i in np.argsort(gallery @ query)[::-1] if int(i) not in junk]
    return [place for place, entry in enumerate(order) if entry in right], order


def university(queries, gallery, rights, junk=()):
    """Return R@1, R@5, R@10, R@1 % and the trapezoidal AP."""
    curve, total = np.zeros(max(len(gallery), 11) + 1), 0.0
    for query, right in zip(queries, rights, strict=True):
        if not len(right):
            continue
        ranks, _ = sorted_ranks(query, gallery, right, junk)
        curve[ranks[0] :] += 1
        for i, rank in enumerate(ranks):
            old = i / rank if rank != 0 else 1.0
            total += (1 / len(right)) * (old + (i + 1) / (rank + 1)) / 2
    curve /= len(queries)
    top = round(len(gallery) * 0.01)
    return curve[0], curve[4], curve[9], curve[top], total / len(queries)


def step_ap(queries, gallery, rights, junk=()):
    """Return scikit-learn's average precision, averaged over queries with a right entry.

    It is the sum of each recall step times the precision at that step.
    """
    found = []
    for query, right in zip(queries, rights, strict=True):
        if not len(right):
            continue
        _, order = sorted_ranks(query, gallery, right, junk)
        hits, area, before = 0, 0.0, 0.0
        for place, entry in enumerate(order, start=1):
            hits += entry in right
            recall = hits / len(right)
            area += (recall - before) * (hits / place)
            before = recall
        found.append(area)
    return float(np.mean(found)) if found else 0.0


def pairs(queries, gallery, rights, semis=None):
    """Return R@1, R@5, R@10, R@1 % and the hit rate of pairs."""
    ks = [1, 5, 10, len(gallery) // 100]
    hits, hit_rate = np.zeros(4), 0.0
    for number, (query, right) in enumerate(zip(queries, rights, strict=True)):
        if not len(right):
            continue
        scores = gallery @ query
        higher = [entry for entry in range(len(gallery)) if scores[entry] > scores[right[0]]]
        hits += [len(higher) < k for k in ks]
        aside = semis[number] if semis else ()
        hit_rate += not [entry for entry in higher if entry not in aside]
    return (*hits / len(queries), hit_rate / len(queries))
