# SPDX-License-Identifier: Apache-2.0
"""Exact nearest neighbours of every descriptor among all, with half of the products of a search.

A search for each of N descriptors multiplies every pair twice. Here the Gram matrix is computed in tiles on
and above its diagonal, and each tile serves its rows and its columns. The rest is cheap: a cosine matters
only if it exceeds the lowest of the best k so far, and after a few tiles few cosines do.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from geoloc.arrays import Float32Array, Int32Array, Int64Array

_TILE = 2048
_ROUND = 64


@dataclass(frozen=True)
class Neighbours:
    """The k most similar of all N descriptors, for each of U distinct descriptors.

    A descriptor is the first in its own list. Copies, equal bit for bit, share one list, and follow each
    other by index in all lists. If a list ends within a run of copies, the lowest indices stay. Copies after
    the k-th are therefore in no list, not even in their own.

    Attributes:
        ids: indices of images, most similar first, int32 (U, k).
        kept: lowest index of each distinct descriptor, ascending, int64 (U,).
        group: number of each image's distinct descriptor, int64 (N,).
    """

    ids: Int32Array
    kept: Int64Array
    group: Int64Array


def find_neighbours(features: Float32Array, k: int) -> Neighbours:
    """Find the k descriptors with the highest cosine for each descriptor.

    The order of different descriptors with equal cosines is undefined, but deterministic.

    Args:
        features: L2-normalized descriptors, float32 (N, D), contiguous, N at least k.
        k: number of neighbours, including the descriptor itself.
    """
    kept, group = np.unique(_first_copies(features), return_inverse=True)
    if len(kept) == len(features):
        return Neighbours(_search(features, k), kept, group)
    return Neighbours(_with_copies(_search(features[kept], min(k, len(kept))), group, k), kept, group)


def _first_copies(features: Float32Array) -> Int64Array:
    """Return the index of the first row that equals each row bit for bit, (N,)."""
    seen: dict[bytes, int] = {}
    keys = (hashlib.blake2b(row, digest_size=16).digest() for row in features)
    return np.fromiter((seen.setdefault(key, row) for row, key in enumerate(keys)), np.int64, len(features))


def _with_copies(ids: Int32Array, group: Int64Array, k: int) -> Int32Array:
    """Replace each distinct descriptor by all its copies, and cut the lists to length k.

    Args:
        ids: neighbours among the U distinct descriptors (U, ≤ k).
        group: number of each image's distinct descriptor (N,).
        k: length of the lists.
    """
    sizes = np.bincount(group)
    members, begins = np.argsort(group, kind="stable"), np.cumsum(sizes) - sizes
    ends = np.cumsum(sizes[ids], axis=1)
    rows, lists = np.arange(len(ids)), np.empty((len(ids), k), np.int32)
    for slot in range(k):
        column = (ends <= slot).sum(axis=1)
        chosen = ids[rows, column]
        lists[:, slot] = members[begins[chosen] + slot - (ends[rows, column] - sizes[chosen])]
    return lists


def _search(features: Float32Array, k: int) -> Int32Array:
    """Return the k neighbours of N distinct rows, (N, k)."""
    best = _Best(len(features), k)
    tiles = [slice(begin, begin + _TILE) for begin in range(0, len(features), _TILE)]
    for tile in tiles:
        best.offer(*_best_within(features[tile] @ features[tile].T, k, tile.start))
    for left, right in combinations(tiles, 2):
        gram = features[left] @ features[right].T
        rows, columns, cosines = _exceeding(gram, best.bounds[left, None])
        best.offer(rows + left.start, columns + right.start, cosines)
        rows, columns, cosines = _exceeding(gram, best.bounds[None, right])
        best.offer(columns + right.start, rows + left.start, cosines)
    return best.ids


def _best_within(gram: Float32Array, k: int, start: int) -> tuple[Int64Array, Int64Array, Float32Array]:
    """Return rows, columns and cosines of each row's best k in the diagonal tile at `start`."""
    # A row is the most similar to itself, whatever the rounding of its cosine.
    np.fill_diagonal(gram, np.inf)
    width = len(gram)
    k = min(k, width)
    columns = np.argpartition(gram, width - k, axis=1)[:, width - k :]
    cosines = np.take_along_axis(gram, columns, axis=1).ravel()
    return np.repeat(np.arange(start, start + width), k), columns.ravel() + start, cosines


def _exceeding(gram: Float32Array, bounds: Float32Array) -> tuple[Int64Array, Int64Array, Float32Array]:
    """Return rows, columns and values of a tile's entries above the bounds, which broadcast to the tile."""
    at = np.flatnonzero(gram > bounds)
    rows, columns = np.divmod(at, gram.shape[1])
    return rows, columns, gram.ravel()[at]


class _Best:
    """The k best candidates of each row so far.

    Attributes:
        ids: indices of the candidates, best first, int32 (N, k).
        cosines: cosines of the candidates, float32 (N, k); -inf if a row had fewer than k candidates.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.ids = np.zeros((rows, k), np.int32)
        self.cosines = np.full((rows, k), -np.inf, np.float32)

    @property
    def bounds(self) -> Float32Array:
        """Return the cosine that the next candidate of each row must exceed, (N,)."""
        return self.cosines[:, -1]

    def offer(self, rows: Int64Array, ids: Int64Array, cosines: Float32Array) -> None:
        """Insert the candidates among the best of their rows; all (C,), in any order, no pair twice."""
        # A few candidates of each row at a time keep the tables narrow, even if one row has thousands.
        for now in _rounds(rows):
            fresh = now[cosines[now] > self.bounds[rows[now]]]
            self._insert(rows[fresh], ids[fresh], cosines[fresh])

    def _insert(self, rows: Int64Array, ids: Int64Array, cosines: Float32Array) -> None:
        """Insert candidates sorted by row."""
        touched, counts = np.unique(rows, return_counts=True)
        if not len(touched):
            return
        k, lines, places = self.ids.shape[1], np.repeat(np.arange(len(touched)), counts), _places(counts)
        values = np.full((len(touched), k + counts.max()), -np.inf, np.float32)
        names = np.zeros(values.shape, np.int32)
        values[:, :k], names[:, :k] = self.cosines[touched], self.ids[touched]
        values[lines, k + places], names[lines, k + places] = cosines, ids
        order = np.argsort(-values, axis=1, kind="stable")[:, :k]
        self.cosines[touched] = np.take_along_axis(values, order, axis=1)
        self.ids[touched] = np.take_along_axis(names, order, axis=1)


def _rounds(rows: Int64Array) -> Iterator[Int64Array]:
    """Yield the indices of candidates sorted by row, with at most _ROUND candidates of each row at a time."""
    order = np.argsort(rows, kind="stable")
    counts = np.unique(rows, return_counts=True)[1]
    turns = _places(counts) // _ROUND
    for turn in range(int(turns.max(initial=-1)) + 1):
        yield order[turns == turn]


def _places(counts: Int64Array) -> Int64Array:
    """Return 0, 1, … within each of several consecutive runs of the given lengths."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
