# SPDX-License-Identifier: Apache-2.0
"""Each frame for itself, without a filter: the mean over the tiles around the best one.

Of a view in several rows the best of each tile counts to find the best tile, and then that tile's row alone.
"""

import math

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float64Array, Int64Array
from geoloc.filter.belief import Belief, State
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import (
    Tiles,
)


class FrameAlone:
    """Believes what one look-up says.

    Args:
        tiles: the map.
        temperature: of the softmax that turns cosines into weights; smaller trusts the best tile more.
        min_score: cosine under which the best tile is not believed.
        min_margin: how much better than any other place the best tile must score.
    """

    def __init__(self, tiles: Tiles, temperature: float, min_score: float, min_margin: float) -> None:
        self._tiles = tiles
        self._temperature = temperature
        self._min_score = min_score
        self._min_margin = min_margin
        # So deep that the best tile of another place is surely among those that are found.
        across = 2 * math.ceil(float((tiles.sizes_m[0] / tiles.pitches_m[0]).max())) + 1
        self._depth = min(len(tiles), across**2 * len(tiles.pitches_m) + 1)

    def update(self, stamp_ns: int, look: LookUp) -> Belief:
        """Return what is believed of the camera's place.

        Raises:
            FrameRefused: LOW_SCORE, LOW_MARGIN.
        """
        ids, scores = look.nearest(self._depth)
        best = int(ids[0])
        integrity.check_score(float(scores[0]), self._min_score)
        integrity.check_margin(float(scores[0]) - self._best_elsewhere(best, ids, scores), self._min_margin)
        rows = look.rows_of(ids[:1])[0]
        best_row = np.eye(len(rows))[int(rows.argmax())]
        look = look.under(best_row, self._temperature)
        near = self._neighbourhood(best)
        weights = softmax(look.of(near).astype(np.float64), self._temperature)
        centres_m, pitch_m = self._tiles.centres_m[near], self._pitch_m(best)
        east_m, north_m = weights @ centres_m + look.offset_m
        covariance = integrity.covariance_m2(centres_m, weights, pitch_m)
        return Belief(stamp_ns, float(east_m), float(north_m), covariance, State.ALONE, 1.0, None, best_row)

    def _neighbourhood(self, best: int) -> Int64Array:
        """Return the best tile and those of its level one pitch away, diagonals included."""
        near = self._tiles.near(self._tiles.centres_m[best], 1.25 * self._pitch_m(best))
        return np.asarray(near[self._tiles.level[near] == self._tiles.level[best]])

    def _best_elsewhere(self, best: int, ids: Int64Array, scores: Float64Array) -> float:
        """Return the best score of a tile that shares no ground with the best one, or -inf."""
        centres_m, sizes_m = self._tiles.centres_m, self._tiles.sizes_m[self._tiles.level]
        apart_m = np.abs(centres_m[ids] - centres_m[best]).max(axis=1)
        touching_m = (sizes_m[ids] + sizes_m[best]) / 2.0
        rivals = scores[apart_m >= touching_m * (1.0 - 1e-6)]
        return float(rivals[0]) if rivals.size else -math.inf

    def _pitch_m(self, tile: int) -> float:
        return float(self._tiles.pitches_m[self._tiles.level[tile]].max())


def softmax(scores: Float64Array, temperature: float) -> Float64Array:
    """Turn scores (n,) into weights that sum to one."""
    powers = np.exp((scores - scores.max()) / temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float64)
