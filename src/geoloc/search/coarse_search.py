# SPDX-License-Identifier: Apache-2.0
"""Coarse-to-fine search: compare a view with a large map at a quarter of the cost of an exhaustive search.

Tiles overlap by three quarters, so neighbouring tiles have similar descriptors. The coarse pass compares the
view with every second tile along each axis, using a contiguous copy of their descriptors. The fine pass
compares the view with the tiles around the best coarse tiles. Every other tile takes the cosine of a
neighbour, so its likelihood and the map's average are approximately right. A place that is seldom among the
best is found a few frames later than with an exhaustive search.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float32Array, FloatArray, Int64Array

if TYPE_CHECKING:
    from geoloc.search.tiles import Tiles

_COARSE_TILES_PER_SEED = 100  # number of coarse tiles for each best one that seeds the fine pass
_LARGE_MAP = 20_000  # tiles; an exhaustive search of a smaller map takes about a millisecond
_MAX_PITCH = 0.3  # largest pitch, in sides of a tile, at which every second tile covers all ground


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of comparing a view with a map.

    Attributes:
        cosines: cosines (m, n) float32 of the m compared tiles with the view's n hypotheses.
        fine_ids: ascending ids of the tiles of the fine pass, or of all tiles; they have the last rows.
        source: row of `cosines` that each other tile takes, (N,) int64; None if all tiles were compared.
    """

    cosines: Float32Array
    fine_ids: Int64Array
    source: Int64Array | None = None

    @property
    def fine_cosines(self) -> Float32Array:
        """Cosines of the tiles of the fine pass."""
        return self.cosines[-len(self.fine_ids) :]

    def by_tile(self, scores: Float32Array) -> Float32Array:
        """Expand the scores (m,) of the rows of `cosines` to the scores (N,) of all tiles."""
        if self.source is None:
            return scores
        found = scores.take(self.source)
        found[self.fine_ids] = scores[-len(self.fine_ids) :]
        return found

    def summed_weights(self, weights: Float32Array) -> FloatArray:
        """Return the weight (m,) of each row of `cosines`: the sum over the tiles (N,) that take the row."""
        if self.source is None:
            return weights
        others = weights.copy()
        others[self.fine_ids] = 0.0
        coarse = np.bincount(self.source, others, len(self.cosines) - len(self.fine_ids))
        return np.append(coarse, weights[self.fine_ids])


class CoarseSearch:
    """Coarse-to-fine search in one map, with every second tile along each axis in the coarse pass.

    Args:
        tiles: tiles of the map.
        descriptors: descriptors of the tiles, (N, D) float32; a quarter of them is copied.
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
        """Return the ids of tiles and of their neighbours, diagonals included."""
        near = np.zeros(len(self._source), dtype=bool)
        near[ids] = True
        for directions in (slice(0, 2), slice(2, 4)):
            near[self._neighbours[directions, np.flatnonzero(near)]] = True
        return np.flatnonzero(near)


def worthwhile_coarse_search(tiles: "Tiles", descriptors: Float32Array) -> CoarseSearch | None:
    """Return a coarse search; None if the map is small or its tiles overlap too little to be similar."""
    dense = (tiles.pitches_m <= _MAX_PITCH * tiles.sizes_m[:, None]).all()
    return CoarseSearch(tiles, descriptors) if dense and len(tiles) > _LARGE_MAP else None


def compare(queries: Float32Array, descriptors: Float32Array) -> Comparison:
    """Compare a view's hypotheses (n, D) with every tile (N, D)."""
    return Comparison(cosines(queries, descriptors), np.arange(len(descriptors)))


def cosines(queries: Float32Array, descriptors: Float32Array) -> Float32Array:
    """Return the cosines (m, n) of tiles (m, D) with a view's hypotheses (n, D)."""
    # A single query is multiplied as a vector: a matrix of one column is slower and rounds differently.
    one = len(queries) == 1
    return np.asarray((descriptors @ queries[0])[:, None] if one else descriptors @ queries.T, np.float32)


def _parents(tiles: "Tiles") -> Int64Array:
    """Return the coarse tile (N,) of each tile, which is the tile itself or a neighbour.

    Every second tile along each axis is coarse, and so is a tile without a coarse neighbour, at the edge of a
    hole or off the grid.
    """
    first = np.array([np.argmax(tiles.level == level) for level in range(len(tiles.pitches_m))])
    steps = (tiles.centres_m - tiles.centres_m[first[tiles.level]]) / tiles.pitches_m[tiles.level]
    even = (np.rint(steps).astype(np.int64) % 2 == 0).all(axis=1)
    ids = np.arange(len(tiles))
    parent = np.where(even, ids, -1)
    for neighbours in tiles.clamped_neighbours:
        parent = np.where(parent < 0, parent[neighbours], parent)
    return np.where(parent < 0, ids, parent)
