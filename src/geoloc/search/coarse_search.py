# SPDX-License-Identifier: Apache-2.0
"""A great map at a quarter of the cost: every second tile each way first, then those around the best.

Tiles overlap by three quarters, so that a tile is much like the next. A view is compared with every second
one, whose descriptors lie here in one piece; then with all around the places that these tell of. Each other
tile is given the cosine of one beside it: its likelihood is then about right, and that of the map's average.
So a place that seldom is among the best is found some frames later than if every tile were compared.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float32Array, FloatArray, Int64Array

if TYPE_CHECKING:
    from geoloc.search.tiles import Tiles

_LOOKED_AROUND = 100  # one in so many of the compared tiles, the best, is looked around
_GREAT_MAP = 20_000  # tiles: comparing a view with fewer takes about a millisecond
_OVERLAPPING = 0.3  # pitches of a tile's side, beyond which every second tile would leave ground out


@dataclass(frozen=True, eq=False)
class Compared:
    """A view compared with a map.

    Attributes:
        cosines: (m, n) float32, of the tiles that it was compared with by the view's rows.
        foremost: ids, rising, of the tiles around the best, or all; the last cosines are theirs.
        place: (N,) int64, whose cosines count for each other tile; None where all were compared.
    """

    cosines: Float32Array
    foremost: Int64Array
    place: Int64Array | None = None

    @property
    def of_foremost(self) -> Float32Array:
        """The cosines of the foremost tiles."""
        return self.cosines[-len(self.foremost) :]

    def by_tile(self, scores: Float32Array) -> Float32Array:
        """Return what each tile (N,) scores of these (m,)."""
        if self.place is None:
            return scores
        found = scores.take(self.place)
        found[self.foremost] = scores[-len(self.foremost) :]
        return found

    def summed(self, weights: Float32Array) -> FloatArray:
        """Return the weights (m,) of the cosines, each the sum of its tiles', of all tiles' (N,)."""
        if self.place is None:
            return weights
        others = weights.copy()
        others[self.foremost] = 0.0
        first = np.bincount(self.place, others, len(self.cosines) - len(self.foremost))
        return np.append(first, weights[self.foremost])


class Overview:
    """Every second tile of a map.

    Args:
        tiles: the map's places.
        descriptors: (N, D) float32 of the tiles; a quarter of them is copied.
    """

    def __init__(self, tiles: "Tiles", descriptors: Float32Array) -> None:
        self._beside = tiles.beside
        parent = _parents(tiles)
        self._ids, self._place = np.unique(parent, return_inverse=True)
        self._descriptors = np.ascontiguousarray(descriptors[self._ids], dtype=np.float32)

    def compare(self, queries: Float32Array, descriptors: Float32Array) -> Compared:
        """Compare a view's rows (n, D) with the map, whose tiles all have these descriptors (N, D)."""
        first = cosines(queries, self._descriptors)
        looked = max(1, len(first) // _LOOKED_AROUND)
        best = np.argpartition(first.max(axis=1), len(first) - looked)[-looked:]
        foremost = self._around(self._ids[best])
        found = np.concatenate([first, cosines(queries, descriptors[foremost])])
        return Compared(found, foremost, self._place)

    def _around(self, ids: Int64Array) -> Int64Array:
        """Return tiles and their neighbours, diagonals included."""
        near = np.zeros(len(self._place), dtype=bool)
        near[ids] = True
        for ways in (slice(0, 2), slice(2, 4)):
            near[self._beside[ways, np.flatnonzero(near)]] = True
        return np.flatnonzero(near)


def overview_where_it_pays(tiles: "Tiles", descriptors: Float32Array) -> Overview | None:
    """Return none of a map that is small, or whose tiles overlap too little for one to stand for the next."""
    dense = (tiles.pitches_m <= _OVERLAPPING * tiles.sizes_m[:, None]).all()
    return Overview(tiles, descriptors) if dense and len(tiles) > _GREAT_MAP else None


def compare(queries: Float32Array, descriptors: Float32Array) -> Compared:
    """Compare a view's rows (n, D) with every tile (N, D)."""
    return Compared(cosines(queries, descriptors), np.arange(len(descriptors)))


def cosines(queries: Float32Array, descriptors: Float32Array) -> Float32Array:
    """Return the cosines (m, n) of tiles (m, D) with a view's rows (n, D)."""
    # A vector where it can be one: a matrix of one column costs more, and rounds differently.
    one = len(queries) == 1
    return np.asarray((descriptors @ queries[0])[:, None] if one else descriptors @ queries.T, np.float32)


def _parents(tiles: "Tiles") -> Int64Array:
    """Return for each tile (N,) the one that stands for it: itself or one beside it, every second each way.

    A tile that has none of these beside it, at a hole's rim or off the grid, stands for itself.
    """
    first = np.array([np.argmax(tiles.level == level) for level in range(len(tiles.pitches_m))])
    steps = (tiles.centres_m - tiles.centres_m[first[tiles.level]]) / tiles.pitches_m[tiles.level]
    second = (np.rint(steps).astype(np.int64) % 2 == 0).all(axis=1)
    everyone = np.arange(len(tiles))
    parent = np.where(second, everyone, -1)
    for beside in tiles.beside:
        parent = np.where(parent < 0, parent[beside], parent)
    return np.where(parent < 0, everyone, parent)
