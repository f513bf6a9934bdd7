# SPDX-License-Identifier: Apache-2.0
"""Clusters with N × N matrices, as re-identification code does, for comparison with the sparse clustering.

The steps and the degree of vectorization are those of the common implementation: FAISS for the neighbours,
lists of column entries for the shared masses, DBSCAN on the full matrix. Two float32 matrices are in memory
at a time.
"""

import faiss
import numpy as np

from geoloc.arrays import Float32Array, Int64Array
from geoloc_training.clustering import ClusterConfig


def dense_labels(features: Float32Array, config: ClusterConfig) -> Int64Array:
    """Return the cluster labels (N,) of L2-normalized descriptors (N, D); -1 for outliers."""
    lists = _nearest(features, config.k1)
    vectors = _averaged(_vectors(features, lists), lists[:, : config.k2])
    return _dbscan(_jaccard(vectors), config.eps, config.min_samples)


def _nearest(features: Float32Array, k1: int) -> Int64Array:
    index = faiss.IndexFlatL2(features.shape[1])
    index.add(features)
    return np.asarray(index.search(features, k1)[1])


def _reciprocal(lists: Int64Array) -> list[Int64Array]:
    mutual = (lists[lists] == np.arange(len(lists))[:, None, None]).any(axis=2)
    return [row[kept] for row, kept in zip(lists, mutual, strict=True)]


def _vectors(features: Float32Array, lists: Int64Array) -> Float32Array:
    full, half = _reciprocal(lists), _reciprocal(lists[:, : round(lists.shape[1] / 2) + 1])
    vectors = np.zeros((len(lists), len(lists)), np.float32)
    for row, own in enumerate(full):
        near = [half[one] for one in own]
        wide = [set_ for set_ in near if len(np.intersect1d(set_, own, True)) > 2 / 3 * len(set_)]
        members = np.unique(np.concatenate([own, *wide]))
        weights = np.exp(2 * (features[members] @ features[row]) - 2)
        vectors[row, members] = weights / weights.sum()
    return vectors


def _averaged(vectors: Float32Array, lists: Int64Array) -> Float32Array:
    averaged = np.zeros_like(vectors)
    for row, chosen in enumerate(lists):
        averaged[row] = vectors[chosen].mean(axis=0)
    return averaged


def _jaccard(vectors: Float32Array) -> Float32Array:
    size = len(vectors)
    entries = [np.flatnonzero(vectors[:, column]) for column in range(size)]
    distances = np.zeros_like(vectors)
    for row in range(size):
        shared = np.zeros(size, np.float32)
        for column in np.flatnonzero(vectors[row]):
            met = entries[column]
            shared[met] += np.minimum(vectors[row, column], vectors[met, column])
        distances[row] = 1 - shared / (2 - shared)
    return np.maximum(distances, 0, out=distances)


def _dbscan(distances: Float32Array, eps: float, min_samples: int) -> Int64Array:
    near = [np.flatnonzero(row <= np.float32(eps)) for row in distances]
    labels, count = np.full(len(near), -1, np.int64), 0
    for start, members in enumerate(near):
        if labels[start] >= 0 or len(members) < min_samples:
            continue
        labels[start], stack = count, [start]
        while stack:
            members = near[stack.pop()]
            if len(members) >= min_samples:
                fresh = members[labels[members] < 0]
                labels[fresh] = count
                stack.extend(fresh)
        count += 1
    return labels
