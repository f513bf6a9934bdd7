# SPDX-License-Identifier: Apache-2.0
"""The clustering once more, with sets and full matrices, letter by letter: slow, and easy to check by eye."""

import numpy as np


def nearest(features, k1):
    """Lists (N, k1) by falling cosine; rounding makes copies tie, and the lower index comes first."""
    cosines = np.round(features.astype(np.float64) @ features.T.astype(np.float64), 12)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k1]


def first_copies(features):
    """The first index that has the same descriptor, for each."""
    seen = {}
    return [seen.setdefault(tuple(row), index) for index, row in enumerate(features.tolist())]


def reciprocal(lists, firsts):
    """R(i) = {j ∈ N(i) : i ∈ N(j)} for every i; for a copy stands the first one."""
    return [{int(j) for j in row if firsts[i] in lists[j]} for i, row in enumerate(lists)]


def expanded(lists, firsts):
    """R(i), and R½(c) of each of its members c that has more than two thirds of it in common with R(i)."""
    full = reciprocal(lists, firsts)
    half = reciprocal(lists[:, : round(lists.shape[1] / 2) + 1], firsts)
    return [own.union(*(half[c] for c in own if len(half[c] & own) > 2 / 3 * len(half[c]))) for own in full]


def vectors(features, k1, k2):
    """V after the mean over k2 neighbours, (N, N)."""
    lists, table = nearest(features, k1), np.zeros((len(features), len(features)))
    for i, members in enumerate(expanded(lists, first_copies(features))):
        members = sorted(members)
        weights = np.exp(-((features[i].astype(np.float64) - features[members]) ** 2).sum(axis=1))
        table[i, members] = weights / weights.sum()
    return np.array([table[row[:k2]].mean(axis=0) for row in lists])


def jaccard(features, k1, k2):
    """J, float64 (N, N)."""
    table = vectors(features, k1, k2)
    shared = np.array([np.minimum(row, table).sum(axis=1) for row in table])
    return 1 - shared / (2 - shared)


def dbscan(distances, eps, min_samples):
    """Clusters grown from one core point after another, by index, as scikit-learn grows them."""
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
    """Rows of length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def noisy_copies(images, numbers, copies, noise, seed=0):
    """Descriptors (N, D) around random centres, in random order."""
    rng = np.random.default_rng(seed)
    places = -(-images // copies)
    centres = rng.standard_normal((places, numbers))[rng.permutation(images) % places]
    return unit(centres + noise * rng.standard_normal((images, numbers)))
