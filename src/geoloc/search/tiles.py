# SPDX-License-Identifier: Apache-2.0
"""A map's tiles as places on the ground: their neighbours, their prior, and queries by distance.

The tiles of a level (a scale) lie on one regular grid, which may have holes; single tiles may lie off the
grid. The prior is uniform over the ground: each level covers the ground once, so every level has the same
share, divided evenly among its tiles. So no place counts twice, although tiles and levels overlap.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geoloc.arrays import Float64Array, Int64Array

EAST, WEST, NORTH, SOUTH = range(4)
_STEPS = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)], dtype=np.float64)
_ON_GRID = 0.2
_SAMPLED = 512


class Tiles:
    """Places of a map's tiles.

    Args:
        table: structured array (N,) of a map directory with east_m, north_m, size_m and level.
        pitch_m: largest step between neighbours of level 0.
        view_size_m: side of a tile of level 0.

    Attributes:
        centres_m: centres of the tiles, (N, 2) east, north.
        level: level of each tile, (N,), an index into `pitches_m`.
        sizes_m: side of the tiles of each level, (levels,).
        pitches_m: step between the neighbours of each level, (levels, 2) east, north.
        areas_m2: ground that each level covers, (levels,).
        prior: prior probability of each tile, (N,) float32, summing to one.
        neighbours: ids (4, N + 1) of the tiles one step east, west, north and south; N if missing.
        clamped_neighbours: the same ids (4, N), with the tile itself for a missing neighbour.
        reflected_neighbours: clamped ids (4, N + 1), but N where the opposite neighbour is missing too.
        sample: random ids spread over the map, to estimate the average score.
    """

    def __init__(self, table: NDArray[np.void], pitch_m: float, view_size_m: float) -> None:
        self.centres_m: Float64Array = np.column_stack([table["east_m"], table["north_m"]]).astype(np.float64)
        names, level = np.unique(np.asarray(table["level"]), return_inverse=True)
        self.level = level.reshape(-1).astype(np.int64)
        counts = np.bincount(self.level)
        self.prior = (1.0 / (len(names) * counts[self.level])).astype(np.float32)
        first = [int(np.argmax(self.level == each)) for each in range(len(names))]
        self.sizes_m: Float64Array = np.asarray(table["size_m"][first], dtype=np.float64)
        limits = pitch_m * self.sizes_m / view_size_m
        self.pitches_m = np.array([self._pitch(each, limit_m) for each, limit_m in enumerate(limits)])
        self.areas_m2: Float64Array = counts * self.pitches_m.prod(axis=1)
        self._tree = cKDTree(self.centres_m)
        self.neighbours = self._neighbours()
        inner = self.neighbours[:, :-1]
        self.clamped_neighbours = np.where(inner == len(table), np.arange(len(table)), inner)
        isolated = self.neighbours == len(table)
        isolated = isolated & (self.neighbours[[WEST, EAST, SOUTH, NORTH]] == len(table))
        padded = np.pad(self.clamped_neighbours, ((0, 0), (0, 1)), constant_values=len(table))
        self.reflected_neighbours = np.where(isolated, len(table), padded)
        order = np.random.default_rng(0).permutation(len(table))
        self.sample: Int64Array = np.sort(order[:_SAMPLED])

    def __len__(self) -> int:
        return len(self.centres_m)

    @property
    def pitch_m(self) -> float:
        """Smallest step of the map."""
        return float(self.pitches_m.min())

    def bounds_m(self, margin_m: float) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top of the tiles, with a margin for a camera beside the map."""
        half_m = self.sizes_m[self.level][:, None] / 2.0
        left, bottom = (self.centres_m - half_m).min(axis=0) - margin_m
        right, top = (self.centres_m + half_m).max(axis=0) + margin_m
        return float(left), float(bottom), float(right), float(top)

    def in_square(self, centre_m: Float64Array, half_m: float) -> Int64Array:
        """Return the ascending ids of the tiles whose centres lie in a square with half side `half_m`."""
        return np.sort(np.asarray(self._tree.query_ball_point(centre_m, half_m, p=np.inf), dtype=np.int64))

    def in_circle(self, centre_m: Float64Array, radius_m: float) -> Int64Array:
        """Return the ids of the tiles whose centres lie in a circle."""
        return np.asarray(self._tree.query_ball_point(centre_m, radius_m), dtype=np.int64)

    def nearest(self, points_m: Float64Array) -> tuple[Float64Array, Int64Array]:
        """Return the distance (n,) from points (n, 2) to the nearest centre, and the tile's id (n,)."""
        distance_m, ids = self._tree.query(points_m)
        return np.asarray(distance_m), np.asarray(ids, dtype=np.int64)

    def grid(
        self, ids: Int64Array, level: int, centre_m: Float64Array
    ) -> tuple[Int64Array, Int64Array, Float64Array]:
        """Select the tiles that lie on one level's grid around a place.

        Args:
            ids: tiles to select from.
            level: level of the grid.
            centre_m: place (2,); the grid is anchored at the tile nearest to it.

        Returns:
            The selected ids (n,), their steps east and north of the anchor (n, 2), and its centre (2,).
        """
        ids = ids[self.level[ids] == level]
        if not ids.size:
            return ids, np.empty((0, 2), dtype=np.int64), np.asarray(centre_m)
        away_m = np.linalg.norm(self.centres_m[ids] - centre_m, axis=1)
        origin_m = self.centres_m[ids[np.argmin(away_m)]]
        steps = (self.centres_m[ids] - origin_m) / self.pitches_m[level]
        whole = np.rint(steps)
        on_grid = (np.abs(steps - whole) < _ON_GRID).all(axis=1)
        return ids[on_grid], whole[on_grid].astype(np.int64), origin_m

    def _pitch(self, level: int, limit_m: float) -> tuple[float, float]:
        """Return the step between neighbours; tiles farther apart than the limit are not neighbours."""
        centres_m = self.centres_m[self.level == level]
        steps_m = []
        for axis in (0, 1):
            ordered = centres_m[np.lexsort((centres_m[:, axis], np.round(centres_m[:, 1 - axis], 2)))]
            along = np.diff(ordered, axis=0)
            close = (np.abs(along[:, 1 - axis]) < 0.01) & (along[:, axis] > 0)
            found = along[close & (along[:, axis] <= limit_m * 1.01), axis]
            steps_m.append(float(np.median(found)) if found.size else limit_m)
        return steps_m[0], steps_m[1]

    def _neighbours(self) -> Int64Array:
        count = len(self)
        found = np.full((4, count + 1), count, dtype=np.int64)
        for level, pitch_m in enumerate(self.pitches_m):
            own = np.flatnonzero(self.level == level)
            tree = cKDTree(self.centres_m[own])
            for direction, step in enumerate(_STEPS):
                distance_m, nearest = tree.query(
                    self.centres_m[own] + step * pitch_m, distance_upper_bound=_ON_GRID * pitch_m.min()
                )
                there = np.isfinite(distance_m)
                found[direction, own[there]] = own[nearest[there]]
        return found


def score_margin(centres_m: Float64Array, sizes_m: Float64Array, scores: Float64Array) -> float:
    """Return the lead of the best tile's score over that of another place; inf without another place.

    A tile of another place shares no ground with the best tile.

    Args:
        centres_m: centres (n, 2) of at least one tile, east and north, best first.
        sizes_m: sides (n,) of the tiles.
        scores: descending scores (n,) of the tiles.
    """
    apart_m = np.abs(centres_m - centres_m[0]).max(axis=1)
    touching_m = (sizes_m + sizes_m[0]) / 2.0
    rivals = scores[apart_m >= touching_m * (1.0 - 1e-6)]
    return float(scores[0]) - float(rivals[0]) if rivals.size else math.inf
