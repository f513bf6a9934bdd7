# SPDX-License-Identifier: Apache-2.0
"""A view among the tiles: its likeness to those that are asked for, computed once and only then.

A view may come in several rows, turned and scaled (see `geoloc.hypotheses`). A tile's score is then that of
its best row, until `under` says how far each row is believed.
"""

import copy
from collections.abc import Callable

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, FloatArray, Int64Array
from geoloc.search.coarse_search import Compared, Overview, compare, cosines
from geoloc.search.index import Index


class LookUp:
    """One view's descriptors against a map's.

    Args:
        queries: (n, D) or, of a single row, (D,) float32, of unit length.
        descriptors: (N, D) float32, of unit length; may be memory-mapped.
        offsets_m: (n, 2), or (2,) of every row: east, north from its centre on the ground to the camera.
        index: called for an index over the descriptors, where `nearest` is wanted.
        overview: of the same map, where it need not be compared with tile by tile.

    Attributes:
        offset_m: (2,) that counts: row 0's, unless rows are believed (`under`).
    """

    def __init__(
        self,
        queries: Float32Array,
        descriptors: Float32Array,
        offsets_m: tuple[float, float] | Float64Array = (0.0, 0.0),
        index: Callable[[], Index] | None = None,
        overview: Overview | None = None,
    ) -> None:
        self.queries = np.atleast_2d(queries)
        offsets = np.array(offsets_m, dtype=np.float64)
        self._offsets_m = np.broadcast_to(offsets, (len(self.queries), 2))
        self.offset_m: Float64Array = self._offsets_m[0]
        self._cosines = _Cosines(self.queries, descriptors, overview)
        self._index = index
        self._believed: Callable[[Float32Array], Float32Array] = _of_the_best_row

    def under(
        self, shares: Float64Array, temperature: float, of_offset: Float64Array | None = None
    ) -> "LookUp":
        """Return the same look where a tile's score is T log sum of share exp(cosine / T): its likelihood.

        The offset is the expected one. It is the place of least mean error, and moves steadily as the rows
        come to be known, where the likeliest row's would jump; over all headings it is none at all.

        Args:
            shares: (n,) how far each row is believed, summing to one; a look of one row stays as it is.
            temperature: T, as a cosine.
            of_offset: (n,) the shares that the offset is expected under; by default the same.
        """
        if len(self.queries) == 1:
            return self
        believed = copy.copy(self)
        believed.offset_m = (shares if of_offset is None else of_offset) @ self._offsets_m
        believed._believed = lambda rows: _marginal(rows, shares, temperature)
        return believed

    def everywhere(self) -> Float32Array:
        """Return the scores (N,) of all tiles; with an overview the lower ones are a neighbour's."""
        compared = self._cosines.everywhere()
        return compared.by_tile(self._believed(compared.cosines))

    def foremost(self) -> Int64Array:
        """Return the ids, rising, of the tiles whose scores `everywhere` are their own: the best, or all."""
        return self._cosines.everywhere().foremost

    def rows_under(self, weights: Float32Array) -> tuple[FloatArray, Float32Array]:
        """Return the weights (N,) of all tiles, summed by whose cosines count for them, and these (m, n)."""
        compared = self._cosines.everywhere()
        return compared.summed(weights), compared.cosines

    def of(self, ids: Int64Array) -> Float32Array:
        """Return the scores of some tiles, in their order."""
        return self._believed(self._cosines.of(ids))

    def rows_of(self, ids: Int64Array) -> Float32Array:
        """Return the cosines of some tiles with every row (m, n)."""
        return self._cosines.of(ids)

    def nearest(self, count: int) -> tuple[Int64Array, Float64Array]:
        """Return the ids and scores of the most like tiles, best first, by the map's index."""
        if self._index is None:
            return self.best(count)
        cosines, ids = self._index().search(self.queries, count)
        found = ids >= 0  # an approximate index pads with -1
        if len(self.queries) == 1:
            self._cosines.seen.append((ids[found].astype(np.int64), cosines[found][:, None]))
        else:
            self._cosines.of(np.unique(ids[found]).astype(np.int64))
        return self.best(count)

    def best(self, count: int) -> tuple[Int64Array, Float64Array]:
        """Return the ids and scores of the most like of the tiles that were looked at, best first."""
        seen = self._cosines.seen
        if not seen:
            return np.empty(0, dtype=np.int64), np.empty(0)
        ids, places = np.unique(np.concatenate([ids for ids, _ in seen]), return_index=True)
        scores = self._believed(np.concatenate([rows for _, rows in seen])[places])
        if len(ids) > count:
            chosen = np.argpartition(-scores, count - 1)[:count]
            ids, scores = ids[chosen], scores[chosen]
        order = np.lexsort((ids, -scores))[:count]
        return np.asarray(ids[order]), scores[order].astype(np.float64)

    def likeness(self, other: "LookUp", row: int = 0) -> float:
        """Return the cosine between two views, by the same row of both."""
        return float(self.queries[row] @ other.queries[row])


class _Cosines:
    """Cosines of every row to the tiles that were asked for; `seen` holds ids (m,) and cosines (m, n)."""

    def __init__(self, queries: Float32Array, descriptors: Float32Array, overview: Overview | None) -> None:
        self._queries, self._descriptors, self._overview = queries, descriptors, overview
        self._all: Compared | None = None
        self.seen: list[tuple[Int64Array, Float32Array]] = []

    def everywhere(self) -> Compared:
        if self._all is None:
            if self._overview is None:
                self._all = compare(self._queries, self._descriptors)
                self.seen.clear()
            else:
                self._all = self._overview.compare(self._queries, self._descriptors)
            self.seen.append((self._all.foremost, self._all.of_foremost))
        return self._all

    def of(self, ids: Int64Array) -> Float32Array:
        if self._all is not None and self._overview is None:
            return np.asarray(self._all.cosines[ids])
        found = cosines(self._queries, self._descriptors[ids])
        self.seen.append((ids, found))
        return found


def _of_the_best_row(rows: Float32Array) -> Float32Array:
    return np.asarray(rows[:, 0] if rows.shape[1] == 1 else rows.max(axis=1))


def _marginal(rows: Float32Array, shares: Float64Array, temperature: float) -> Float32Array:
    width = np.float32(temperature)
    with np.errstate(divide="ignore"):  # a row that is ruled out has a power of -inf
        powers = rows / width + np.log(shares).astype(np.float32)
    top = powers.max(axis=1)
    return np.asarray(width * (top + np.log(np.exp(powers - top[:, None]).sum(axis=1))))
