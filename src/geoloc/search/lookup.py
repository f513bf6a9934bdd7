# SPDX-License-Identifier: Apache-2.0
"""The measurement of one frame: cosines of its view with the map's tiles, computed on demand and only once.

A frame may have several views, one for each hypothesis of heading and height (see `geoloc.hypotheses`). The
score of a tile is then the largest of its cosines, until `marginalized` weighs the hypotheses.
"""

import copy
from collections.abc import Callable

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, FloatArray, Int64Array
from geoloc.search.coarse_search import CoarseSearch, Comparison, compare, cosines
from geoloc.search.index import Index


class LookUp:
    """Look-up of one frame: compares its descriptors with those of a map's tiles.

    Args:
        queries: descriptors of the frame, (n, D) for n hypotheses or (D,); float32, of unit length.
        descriptors: descriptors of the tiles, (N, D) float32, of unit length; may be memory-mapped.
        offsets_m: offset (n, 2), or (2,) for all, east and north from a view's centre to the camera.
        index: function that returns an index over the descriptors; only `nearest` calls it.
        coarse_search: coarse search in the same map; None compares a view with every tile.

    Attributes:
        offset_m: offset (2,) of hypothesis 0; after marginalization, the expected offset.
    """

    def __init__(
        self,
        queries: Float32Array,
        descriptors: Float32Array,
        offsets_m: tuple[float, float] | Float64Array = (0.0, 0.0),
        index: Callable[[], Index] | None = None,
        coarse_search: CoarseSearch | None = None,
    ) -> None:
        self.queries = np.atleast_2d(queries)
        offsets = np.array(offsets_m, dtype=np.float64)
        self._offsets_m = np.broadcast_to(offsets, (len(self.queries), 2))
        self.offset_m: Float64Array = self._offsets_m[0]
        self._cosines = _CosineCache(self.queries, descriptors, coarse_search)
        self._index = index
        self._to_scores: Callable[[Float32Array], Float32Array] = _largest

    def marginalized(
        self, weights: Float64Array, temperature: float, offset_weights: Float64Array | None = None
    ) -> "LookUp":
        """Return the look-up with scores marginalized over hypotheses: T log sum of weight exp(cosine / T).

        Its offset is the expected offset, which minimizes the mean error and changes steadily with the
        weights. The offset of the most likely hypothesis would jump. While all headings are equally likely,
        the expected offset is zero.

        Args:
            weights: weights (n,) of the hypotheses, summing to one; a single hypothesis changes nothing.
            temperature: temperature T, in the unit of a cosine.
            offset_weights: weights (n,) for the expected offset; `weights` by default.
        """
        if len(self.queries) == 1:
            return self
        marginal = copy.copy(self)
        marginal.offset_m = (weights if offset_weights is None else offset_weights) @ self._offsets_m
        marginal._to_scores = lambda cosines: _log_mean_exp(cosines, weights, temperature)
        return marginal

    def scores(self) -> Float32Array:
        """Return the scores (N,) of all tiles; with a coarse search, low scores are those of a neighbour."""
        comparison = self._cosines.of_all()
        return comparison.by_tile(self._to_scores(comparison.cosines))

    def fine_ids(self) -> Int64Array:
        """Return the ascending ids of the tiles whose `scores` are their own: the best tiles, or all."""
        return self._cosines.of_all().fine_ids

    def weighted_cosines(self, weights: Float32Array) -> tuple[FloatArray, Float32Array]:
        """Return the cosines of the compared tiles, with the summed weight of the tiles that take them.

        Args:
            weights: weights (N,) of all tiles.

        Returns:
            The summed weight (m,) of each row of cosines, and the cosines (m, n).
        """
        comparison = self._cosines.of_all()
        return comparison.summed_weights(weights), comparison.cosines

    def scores_of(self, ids: Int64Array) -> Float32Array:
        """Return the scores of some tiles, in the order of `ids`."""
        return self._to_scores(self._cosines.of(ids))

    def cosines_of(self, ids: Int64Array) -> Float32Array:
        """Return the cosines (m, n) of some tiles with every hypothesis."""
        return self._cosines.of(ids)

    def nearest(self, count: int) -> tuple[Int64Array, Float64Array]:
        """Find the most similar tiles with the map's index; return their ids and scores, best first."""
        if self._index is None:
            return self.best(count)
        cosines, ids = self._index().search(self.queries, count)
        found = ids >= 0  # an approximate index pads with -1
        if len(self.queries) == 1:
            self._cosines.compared.append((ids[found].astype(np.int64), cosines[found][:, None]))
        else:
            self._cosines.of(np.unique(ids[found]).astype(np.int64))
        return self.best(count)

    def best(self, count: int) -> tuple[Int64Array, Float64Array]:
        """Return the ids and scores of the most similar tiles among those compared so far, best first."""
        compared = self._cosines.compared
        if not compared:
            return np.empty(0, dtype=np.int64), np.empty(0)
        ids, places = np.unique(np.concatenate([ids for ids, _ in compared]), return_index=True)
        scores = self._to_scores(np.concatenate([cosines for _, cosines in compared])[places])
        if len(ids) > count:
            chosen = np.argpartition(-scores, count - 1)[:count]
            ids, scores = ids[chosen], scores[chosen]
        order = np.lexsort((ids, -scores))[:count]
        return np.asarray(ids[order]), scores[order].astype(np.float64)

    def cosine_with(self, other: "LookUp", hypothesis: int = 0) -> float:
        """Return the cosine between two views under the same hypothesis."""
        return float(self.queries[hypothesis] @ other.queries[hypothesis])


class _CosineCache:
    """Cosines of every hypothesis with the requested tiles; `compared` holds ids (m,) and cosines (m, n)."""

    def __init__(
        self, queries: Float32Array, descriptors: Float32Array, coarse_search: CoarseSearch | None
    ) -> None:
        self._queries, self._descriptors, self._coarse_search = queries, descriptors, coarse_search
        self._all: Comparison | None = None
        self.compared: list[tuple[Int64Array, Float32Array]] = []

    def of_all(self) -> Comparison:
        if self._all is None:
            if self._coarse_search is None:
                self._all = compare(self._queries, self._descriptors)
                self.compared.clear()
            else:
                self._all = self._coarse_search.compare(self._queries, self._descriptors)
            self.compared.append((self._all.fine_ids, self._all.fine_cosines))
        return self._all

    def of(self, ids: Int64Array) -> Float32Array:
        if self._all is not None and self._coarse_search is None:
            return np.asarray(self._all.cosines[ids])
        found = cosines(self._queries, self._descriptors[ids])
        self.compared.append((ids, found))
        return found


def _largest(cosines: Float32Array) -> Float32Array:
    return np.asarray(cosines[:, 0] if cosines.shape[1] == 1 else cosines.max(axis=1))


def _log_mean_exp(cosines: Float32Array, weights: Float64Array, temperature: float) -> Float32Array:
    width = np.float32(temperature)
    with np.errstate(divide="ignore"):  # a hypothesis of weight 0 has a power of -inf
        powers = cosines / width + np.log(weights).astype(np.float32)
    top = powers.max(axis=1)
    return np.asarray(width * (top + np.log(np.exp(powers - top[:, None]).sum(axis=1))))
