# SPDX-License-Identifier: Apache-2.0
"""Coarse-to-fine search: a large map compared with a view at a quarter of the cost of comparing every tile.

Tiles overlap by three quarters, so neighbouring tiles have similar descriptors. The coarse pass compares the
view with every second tile along each axis; a contiguous copy of their descriptors is kept here. The fine
pass compares it with the tiles around the best of these. Each remaining tile takes the cosine of a neighbour,
so its likelihood and the map's average are approximately right. A place that is seldom among the best is
found a few frames later than with an exhaustive search.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float32Array, FloatArray, Int64Array

if TYPE_CHECKING:
    from geoloc.search.tiles import Tiles

_COARSE_TILES_PER_SEED = 100  # the best of this many coarse tiles seeds the fine pass
_LARGE_MAP = 20_000  # tiles: comparing a view with fewer takes about a millisecond
_MAX_PITCH = 0.3  # of a tile's side; with a larger one every second tile would leave ground out


@dataclass(frozen=True, eq=False)
class Comparison:
    """A view compared with a map.

    Attributes:
        cosines: (m, n) float32, of the m tiles that were compared with the view's n hypotheses.
        fine_ids: ids, rising, of the tiles of the fine pass, or of all; the last cosines are theirs.
        source: (N,) int64, the row of `cosines` that each other tile takes; None where all were compared.
    """

    cosines: Float32Array
    fine_ids: Int64Array
    source: Int64Array | None = None

    @property
    def fine_cosines(self) -> Float32Array:
        """The cosines of the tiles of the fine pass."""
        return self.cosines[-len(self.fine_ids) :]

    def by_tile(self, scores: Float32Array) -> Float32Array:
        """Return the score of each tile (N,) from the scores (m,) of the rows of `cosines`."""
        if self.source is None:
            return scores
        found = scores.take(self.source)
        found[self.fine_ids] = scores[-len(self.fine_ids) :]
        return found

    def summed_weights(self, weights: Float32Array) -> FloatArray:
        """Return a weight (m,) for each row of `cosines`: the sum over the tiles (N,) that take it."""
        if self.source is None:
            return weights
        others = weights.copy()
        others[self.fine_ids] = 0.0
        coarse = np.bincount(self.source, others, len(self.cosines) - len(self.fine_ids))
        return np.append(coarse, weights[self.fine_ids])


class CoarseSearch:
    """Every second tile of a map along each axis.

    Args:
        tiles: the map's places.
        descriptors: (N, D) float32 of the tiles; a quarter of them is copied.
    """

    def __init__(self, tiles: "Tiles", descriptors: Float32Array) -> None:
        self._neighbours = tiles.clamped_neighbours
        parent = _parents(tiles)
        self._ids, self._source = np.unique(parent, return_inverse=True)
        self._descriptors = np.ascontiguousarray(descriptors[self._ids], dtype=np.float32)

    def compare(self, queries: Float32Array, descriptors: Float32Array) -> Comparison:
        """Compare a view's hypotheses (n, D) with the map, given the descriptors of all its tiles (N, D)."""
        coarse = cosines(queries, self._descriptors)
        seeds = max(1, len(coarse) // _COARSE_TILES_PER_SEED)
        best = np.argpartition(coarse.max(axis=1), len(coarse) - seeds)[-seeds:]
        fine_ids = self._with_neighbours(self._ids[best])
        found = np.concatenate([coarse, cosines(queries, descriptors[fine_ids])])
        return Comparison(found, fine_ids, self._source)

    def _with_neighbours(self, ids: Int64Array) -> Int64Array:
        """Return tiles and their neighbours, diagonals included."""
        near = np.zeros(len(self._source), dtype=bool)
        near[ids] = True
        for directions in (slice(0, 2), slice(2, 4)):
            near[self._neighbours[directions, np.flatnonzero(near)]] = True
        return np.flatnonzero(near)


def worthwhile_coarse_search(tiles: "Tiles", descriptors: Float32Array) -> CoarseSearch | None:
    """Return a coarse search; None for a small map, or one whose tiles overlap too little to be similar."""
    dense = (tiles.pitches_m <= _MAX_PITCH * tiles.sizes_m[:, None]).all()
    return CoarseSearch(tiles, descriptors) if dense and len(tiles) > _LARGE_MAP else None


def compare(queries: Float32Array, descriptors: Float32Array) -> Comparison:
    """Compare a view's hypotheses (n, D) with every tile (N, D)."""
    return Comparison(cosines(queries, descriptors), np.arange(len(descriptors)))


def cosines(queries: Float32Array, descriptors: Float32Array) -> Float32Array:
    """Return the cosines (m, n) of tiles (m, D) with a view's hypotheses (n, D)."""
    # A vector where it can be one: a matrix of one column costs more, and rounds differently.
    one = len(queries) == 1
    return np.asarray((descriptors @ queries[0])[:, None] if one else descriptors @ queries.T, np.float32)


def _parents(tiles: "Tiles") -> Int64Array:
    """Return for each tile (N,) its coarse tile: itself or a neighbour, every second one along each axis.

    A tile without a coarse neighbour, at the edge of a hole or off the grid, is a coarse tile itself.
    """
    first = np.array([np.argmax(tiles.level == level) for level in range(len(tiles.pitches_m))])
    steps = (tiles.centres_m - tiles.centres_m[first[tiles.level]]) / tiles.pitches_m[tiles.level]
    even = (np.rint(steps).astype(np.int64) % 2 == 0).all(axis=1)
    ids = np.arange(len(tiles))
    parent = np.where(even, ids, -1)
    for neighbours in tiles.clamped_neighbours:
        parent = np.where(parent < 0, parent[neighbours], parent)
    return np.where(parent < 0, ids, parent)
