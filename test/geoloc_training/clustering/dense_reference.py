# SPDX-License-Identifier: Apache-2.0
"""Reference implementation of the clustering with sets and full matrices, slow but easy to verify."""

import numpy as np


def nearest(features, k1):
    """Return lists (N, k1) by descending cosine; rounding makes copies equal, lower indices first."""
    cosines = np.round(features.astype(np.float64) @ features.T.astype(np.float64), 12)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k1]


def first_copies(features):
    """Return the first index with the same descriptor, for each descriptor."""
    seen = {}
    return [seen.setdefault(tuple(row), index) for index, row in enumerate(features.tolist())]


def reciprocal(lists, firsts):
    """Return R(i) = {j ∈ N(i) : i ∈ N(j)} for every i; the first copy stands for all copies."""
    return [{int(j) for j in row if firsts[i] in lists[j]} for i, row in enumerate(lists)]


def expanded(lists, firsts):
    """Return R(i) and R½(c) of each member c that has more than two thirds of R½(c) in R(i)."""
    full = reciprocal(lists, firsts)
    half = reciprocal(lists[:, : round(lists.shape[1] / 2) + 1], firsts)
    return [own.union(*(half[c] for c in own if len(half[c] & own) > 2 / 3 * len(half[c]))) for own in full]


def vectors(features, k1, k2):
    """Return V after the mean over k2 neighbours, (N, N)."""
    lists, table = nearest(features, k1), np.zeros((len(features), len(features)))
    for i, members in enumerate(expanded(lists, first_copies(features))):
        members = sorted(members)
        weights = np.exp(-((features[i].astype(np.float64) - features[members]) ** 2).sum(axis=1))
        table[i, members] = weights / weights.sum()
    return np.array([table[row[:k2]].mean(axis=0) for row in lists])


def jaccard(features, k1, k2):
    """Return J, float64 (N, N)."""
    table = vectors(features, k1, k2)
    shared = np.array([np.minimum(row, table).sum(axis=1) for row in table])
    return 1 - shared / (2 - shared)


def dbscan(distances, eps, min_samples):
    """Return clusters grown from one core point after another, by index, as in scikit-learn."""
    near = [np.flatnonzero(row <= eps) for row in distances]
    labels, count = np.full(len(near), -1), 0
    for start, members in enumerate(near):
        if labels[start] >= 0 or len(members) < min_samples:
            continue
        stack, labels[start] = [start], count
        while stack:
            here = near[stack.pop()]
            for other in here[labels[here] < 0] if len(here) >= min_samples else ():
                labels[other] = count
                stack.append(other)
        count += 1
    return labels


def unit(rows):
    """Return rows of length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def noisy_copies(images, numbers, copies, noise, seed=0):
    """Return descriptors (N, D) around random centres, in random order."""
    rng = np.random.default_rng(seed)
    places = -(-images // copies)
    centres = rng.standard_normal((places, numbers))[rng.permutation(images) % places]
    return unit(centres + noise * rng.standard_normal((images, numbers)))
