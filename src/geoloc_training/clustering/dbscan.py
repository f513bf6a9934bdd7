# SPDX-License-Identifier: Apache-2.0
"""DBSCAN (Ester et al., KDD 1996) over a stream of pairs, with memory linear in the number of points."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoloc.arrays import BoolArray, Int32Array, Int64Array

_PAIRS_HELD = 1 << 22


class Dbscan:
    """Clusters of points, from the pairs of points within eps of each other.

    Core points have at least `min_samples` points within eps, including themselves. Core points within eps of
    each other are in one cluster. Clusters are numbered in the order of their first core points. A non-core
    point within eps of cores of several clusters belongs to the cluster with the lowest number. All of this
    equals scikit-learn's DBSCAN.

    Pairs of cores matter only for the components they connect, and a point that is not yet a core has few
    pairs. Memory is therefore limited to `min_samples` + 1 pairs for each point and the last pieces, even if
    all points are within eps of each other.

    Args:
        copies: number of equal points that each point represents, (N,).
        min_samples: minimum number of neighbours of a core point, including itself.
    """

    def __init__(self, copies: Int64Array, min_samples: int) -> None:
        self._copies, self._min_samples = copies, min_samples
        self._neighbours = np.zeros(len(copies))
        self._pairs = np.empty((2, 0), np.int32)
        self._pieces: list[Int32Array] = []
        self._room = _PAIRS_HELD

    def add(self, rows: Int32Array, columns: Int32Array) -> None:
        """Add pairs within eps (P,); over all calls, each pair and each point with itself comes once."""
        size, pairs = len(self._copies), np.stack([rows, columns])
        self._neighbours += np.bincount(rows, self._copies[columns], size)
        rows, columns = pairs = pairs[:, rows != columns]
        self._neighbours += np.bincount(columns, self._copies[rows], size)
        self._pieces.append(pairs)
        self._room -= len(rows)
        if self._room < 0:
            self._condense()

    def labels(self) -> Int64Array:
        """Return the cluster of each point, -1 for outliers, int64 (N,)."""
        self._condense()
        size, core = len(self._copies), self._core()
        # The label `size` is above all others, and stays for points that no core reaches.
        labels = np.full(size, size, np.int64)
        labels[core] = _in_order(_components(self._pairs[:, core[self._pairs].all(axis=0)], size)[core])
        for border, other in (self._pairs, self._pairs[::-1]):
            reached = ~core[border] & core[other]
            np.minimum.at(labels, border[reached], labels[other[reached]])
        return np.where(labels < size, labels, -1)

    def _core(self) -> BoolArray:
        """Return the mask of points that are cores by the pairs added so far."""
        return self._neighbours >= self._min_samples

    def _condense(self) -> None:
        """Replace the pairs of cores by the fewest pairs that connect the same components."""
        pairs = np.concatenate([self._pairs, *self._pieces], axis=1)
        joined = self._core()[pairs].all(axis=0)
        _, first, component = np.unique(
            _components(pairs[:, joined], len(self._copies)), return_index=True, return_inverse=True
        )
        points = np.arange(len(self._copies))
        stars = np.stack([first[component], points])[:, first[component] != points]
        self._pairs = np.concatenate([pairs[:, ~joined], stars.astype(np.int32)], axis=1)
        self._pieces, self._room = [], max(_PAIRS_HELD, self._pairs.shape[1])


def _components(pairs: Int32Array, size: int) -> Int32Array:
    """Return the component number of each point (N,)."""
    graph = coo_array((np.ones(pairs.shape[1], np.bool_), (pairs[0], pairs[1])), (size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def _in_order(numbers: Int32Array) -> Int64Array:
    """Renumber labels as 0, 1, … in the order of their first appearance."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
