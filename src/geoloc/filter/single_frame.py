# SPDX-License-Identifier: Apache-2.0
"""Answer each frame by itself, without a filter: the softmax mean over the tiles around the best one.

With several hypotheses, the best tile is the one with the largest cosine under any hypothesis. The hypothesis
that matches this tile best is then taken as true.
"""

import math

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float64Array, Int64Array
from geoloc.filter.belief import Belief, State
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles, score_margin


class SingleFrame:
    """Estimator that answers each look-up by itself.

    Args:
        tiles: tiles of the map.
        temperature: temperature of the softmax that turns cosines into weights.
        min_score: least cosine of the best tile.
        min_margin: least lead of the best tile's cosine over any other place.
    """

    def __init__(self, tiles: Tiles, temperature: float, min_score: float, min_margin: float) -> None:
        self._tiles = tiles
        self._temperature = temperature
        self._min_score = min_score
        self._min_margin = min_margin
        # The depth ensures that the best tile of another place is among the nearest tiles.
        across = 2 * math.ceil(float((tiles.sizes_m[0] / tiles.pitches_m[0]).max())) + 1
        self._depth = min(len(tiles), across**2 * len(tiles.pitches_m) + 1)

    def update(self, stamp_ns: int, lookup: LookUp) -> Belief:
        """Return the belief after one look-up.

        Raises:
            FrameRefused: LOW_SCORE or LOW_MARGIN.
        """
        ids, scores = lookup.nearest(self._depth)
        best = int(ids[0])
        integrity.check_score(float(scores[0]), self._min_score)
        sizes_m = self._tiles.sizes_m[self._tiles.level[ids]]
        integrity.check_margin(score_margin(self._tiles.centres_m[ids], sizes_m, scores), self._min_margin)
        cosines = lookup.cosines_of(ids[:1])[0]
        hypothesis_weights = np.eye(len(cosines))[int(cosines.argmax())]
        lookup = lookup.marginalized(hypothesis_weights, self._temperature)
        near = self._neighbourhood(best)
        weights = softmax(lookup.scores_of(near).astype(np.float64), self._temperature)
        centres_m, pitch_m = self._tiles.centres_m[near], self._pitch_m(best)
        east_m, north_m = weights @ centres_m + lookup.offset_m
        covariance = integrity.covariance_m2(centres_m, weights, pitch_m)
        return Belief(
            stamp_ns, float(east_m), float(north_m), covariance, State.ALONE, 1.0, hypothesis_weights
        )

    def _neighbourhood(self, best: int) -> Int64Array:
        """Return the best tile and those of its level one pitch away, diagonals included."""
        near = self._tiles.in_square(self._tiles.centres_m[best], 1.25 * self._pitch_m(best))
        return np.asarray(near[self._tiles.level[near] == self._tiles.level[best]])

    def _pitch_m(self, tile: int) -> float:
        return float(self._tiles.pitches_m[self._tiles.level[tile]].max())


def softmax(scores: Float64Array, temperature: float) -> Float64Array:
    """Turn scores (n,) into weights that sum to one."""
    powers = np.exp((scores - scores.max()) / temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float64)
