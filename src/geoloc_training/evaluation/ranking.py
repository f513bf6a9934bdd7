# SPDX-License-Identifier: Apache-2.0
"""Ranks of true matches among gallery descriptors, computed in chunks that fit in memory.

Two functions treat ties as the published scripts do:

- `rank_by_sorting` calls `np.argsort(score)[::-1]` for each row, as University-1652's `evaluate_gpu.py` does.
  With the same NumPy and processor, equal scores get the same order as there.
- `rank_by_counting` follows Sample4Geo's rule for pairs. A rank is the number of entries with a higher score
  than the right entry, so a tie counts in favour of the query.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import BoolArray, Float32Array, Int64Array
from geoloc.errors import ParameterError

UNFOUND = np.iinfo(np.int64).max
_CHUNK_BYTES = 96 << 20
_BYTES_PER_SCORE = 24  # score, order, entries removed after sorting, masks


@dataclass(frozen=True)
class Truth:
    """Right gallery entries of each query, as concatenated lists.

    Attributes:
        entries: gallery indices of all queries' lists, int64 (M,).
        starts: start of each query's list, and the end of the last list, int64 (Q + 1,).
    """

    entries: Int64Array
    starts: Int64Array

    def of(self, query: int) -> Int64Array:
        """Return the gallery indices of one query."""
        return self.entries[self.starts[query] : self.starts[query + 1]]

    def first(self) -> Int64Array:
        """Return the first index of each query, (Q,); -1 for an empty list."""
        found = np.full(len(self.starts) - 1, -1, np.int64)
        some = self.starts[1:] > self.starts[:-1]
        found[some] = self.entries[self.starts[:-1][some]]
        return found

    def mask(self, begin: int, end: int, gallery: int) -> BoolArray:
        """Return a mask of the right gallery entries of queries `begin` to `end`, bool (end - begin, G)."""
        mask = np.zeros((end - begin, gallery), np.bool_)
        rows = np.repeat(np.arange(end - begin), np.diff(self.starts[begin : end + 1]))
        mask[rows, self.entries[self.starts[begin] : self.starts[end]]] = True
        return mask


@dataclass(frozen=True)
class Ranking:
    """Ranking of the gallery for each query.

    Attributes:
        ranks: 0-based ranks of the true matches, ascending within a query, int64 (M,).
        starts: start of each query's ranks, and the end of the last query's, int64 (Q + 1,).
        outranked: number of entries above the best true match, without semi-positives, int64 (Q,).
        nearest: gallery index of the best true match, int64 (Q,); -1 if a query has none.
        nearest_scores: score of the best true match, float32 (Q,); NaN if a query has none.
        best: gallery indices of the K best entries, best first, int64 (Q, K); K is at most `searched`.
        best_scores: scores of the K best entries, float32 (Q, K).
        gallery: number of entries of the whole gallery, including entries that do not compete.
        searched: number of entries that compete.
    """

    ranks: Int64Array
    starts: Int64Array
    outranked: Int64Array
    nearest: Int64Array
    nearest_scores: Float32Array
    best: Int64Array
    best_scores: Float32Array
    gallery: int
    searched: int

    @property
    def queries(self) -> int:
        """Return the number of queries, including queries without a true match."""
        return len(self.starts) - 1

    def first(self) -> Int64Array:
        """Return the rank of each query's best true match, (Q,); UNFOUND if it has none."""
        found = np.full(self.queries, UNFOUND, np.int64)
        some = self.starts[1:] > self.starts[:-1]
        found[some] = self.ranks[self.starts[:-1][some]]
        return found


def truth_of(lists: Iterable[Sequence[int]]) -> Truth:
    """Return the lists of gallery indices, one for each query, as a `Truth`."""
    rows = [np.asarray(row, np.int64) for row in lists]
    starts = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
    return Truth(np.concatenate([np.zeros(0, np.int64), *rows]), starts)


def rank_by_sorting(
    queries: Float32Array, gallery: Float32Array, truth: Truth, junk: BoolArray | None = None, best: int = 10
) -> Ranking:
    """Rank as University-1652's script does, by descending inner product, removing junk after sorting.

    Args:
        queries: descriptors of the queries (Q, D).
        gallery: descriptors of the gallery (G, D).
        truth: right entries of each query; they must not be junk.
        junk: mask of entries that do not compete, (G,).
        best: number of best entries to keep.

    Raises:
        ParameterError: the descriptors have different sizes or are not finite.
    """
    _check(queries, gallery, truth)
    kept = np.ones(len(gallery), np.bool_) if junk is None else ~junk
    parts = [
        _sorted_chunk(scores, truth.mask(begin, begin + len(scores), len(gallery)), kept, best)
        for begin, scores in _chunks(queries, gallery)
    ]
    ranks, nearest, nearest_scores, top, top_scores = (
        np.concatenate([part[column] for part in parts]) for column in range(5)
    )
    found = Ranking(
        ranks,
        truth.starts,
        np.zeros(0, np.int64),
        nearest,
        nearest_scores,
        top,
        top_scores,
        len(gallery),
        int(kept.sum()),
    )
    return Ranking(**{**vars(found), "outranked": found.first()})


def _sorted_chunk(
    scores: Float32Array, right: BoolArray, kept: BoolArray, best: int
) -> tuple[Int64Array, Int64Array, Float32Array, Int64Array, Float32Array]:
    order = np.argsort(scores, axis=1)[:, ::-1]
    if not kept.all():
        order = order[kept[order]].reshape(len(scores), -1)
    rows, ranks = np.nonzero(np.take_along_axis(right, order, axis=1))
    nearest = np.full(len(scores), -1, np.int64)
    some, at = np.unique(rows, return_index=True)
    nearest[some] = order[some, ranks[at]]
    nearest_scores = np.where(nearest >= 0, scores[np.arange(len(scores)), nearest], np.nan)
    top = order[:, :best].copy()
    return ranks, nearest, nearest_scores.astype(np.float32), top, np.take_along_axis(scores, top, axis=1)


def rank_by_counting(
    queries: Float32Array,
    gallery: Float32Array,
    truth: Truth,
    semi: Truth | None = None,
    best: int = 10,
) -> Ranking:
    """Rank pairs by the number of higher scores, as Sample4Geo's scripts for CVUSA, CVACT and VIGOR do.

    Only the first entry of a query's list counts as its pair. The order of equal scores among the best
    entries is undefined.

    Args:
        queries: descriptors of the queries (Q, D).
        gallery: descriptors of the gallery (G, D).
        truth: right entry of each query.
        semi: semi-positive entries, which do not count in `outranked` (VIGOR).
        best: number of best entries to keep.

    Raises:
        ParameterError: the descriptors have different sizes or are not finite.
    """
    _check(queries, gallery, truth)
    pairs, pieces = truth.first(), []
    for begin, scores in _chunks(queries, gallery):
        rows, end = np.arange(len(scores)), begin + len(scores)
        right = scores[rows, pairs[begin:end]]
        higher = scores > right[:, None]
        ranks = higher.sum(axis=1)
        if semi is not None:
            higher &= ~semi.mask(begin, end, len(gallery))
        top = _largest(scores, min(best, len(gallery)))
        pieces.append((ranks, higher.sum(axis=1), right, top, np.take_along_axis(scores, top, axis=1)))
    ranks, outranked, right, top, top_scores = (
        np.concatenate([piece[column] for piece in pieces]) for column in range(5)
    )
    some = pairs >= 0
    return Ranking(
        ranks=ranks[some],
        starts=np.concatenate([[0], np.cumsum(some)]).astype(np.int64),
        outranked=np.where(some, outranked, UNFOUND),
        nearest=pairs,
        nearest_scores=np.where(some, right, np.nan).astype(np.float32),
        best=top,
        best_scores=top_scores,
        gallery=len(gallery),
        searched=len(gallery),
    )


def _largest(scores: Float32Array, count: int) -> Int64Array:
    """Return the columns of the `count` largest scores of each row, largest first."""
    columns = scores.shape[1]
    part = (
        np.argpartition(scores, columns - count, axis=1)[:, columns - count :]
        if count < columns
        else np.broadcast_to(np.arange(columns), scores.shape)
    )
    order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def _chunks(queries: Float32Array, gallery: Float32Array) -> Iterator[tuple[int, Float32Array]]:
    """Yield the scores of a chunk of queries (b, G), with the index of its first query."""
    rows = max(1, _CHUNK_BYTES // (_BYTES_PER_SCORE * max(1, len(gallery))))
    columns = np.ascontiguousarray(gallery, np.float32).T
    for begin in range(0, len(queries), rows):
        yield begin, np.asarray(queries[begin : begin + rows], np.float32) @ columns


def _check(queries: Float32Array, gallery: Float32Array, truth: Truth) -> None:
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ParameterError(
            f"descriptors of queries {queries.shape} and gallery {gallery.shape} differ in size; describe "
            "both with one model."
        )
    if not len(queries) or not len(gallery) or len(truth.starts) != len(queries) + 1:
        raise ParameterError(
            f"{len(queries)} queries and {len(gallery)} gallery entries with {len(truth.starts) - 1} lists "
            "of matches cannot be ranked; give at least one query and entry, and a list for every query."
        )
    for name, rows in (("queries", queries), ("gallery", gallery)):
        if not np.isfinite(rows.sum(axis=1, dtype=np.float64)).all():
            raise ParameterError(
                f"descriptors of the {name} are not finite, so the weights are broken; train again."
            )
