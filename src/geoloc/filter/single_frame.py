# SPDX-License-Identifier: Apache-2.0
"""Each frame answered by itself, without a filter: the softmax mean over the tiles around the best one.

Of several hypotheses the largest score of each tile counts to find the best tile; then the hypothesis that
matches this tile best is taken as true.
"""

import math

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float64Array, Int64Array
from geoloc.filter.belief import Belief, State
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles, score_margin


class SingleFrame:
    """Answers from one look-up at a time.

    Args:
        tiles: the map.
        temperature: of the softmax that turns cosines into weights; smaller trusts the best tile more.
        min_score: cosine under which the best tile is refused.
        min_margin: how much better than any other place the best tile must score.
    """

    def __init__(self, tiles: Tiles, temperature: float, min_score: float, min_margin: float) -> None:
        self._tiles = tiles
        self._temperature = temperature
        self._min_score = min_score
        self._min_margin = min_margin
        # Deep enough that the best tile of another place is among those found.
        across = 2 * math.ceil(float((tiles.sizes_m[0] / tiles.pitches_m[0]).max())) + 1
        self._depth = min(len(tiles), across**2 * len(tiles.pitches_m) + 1)

    def update(self, stamp_ns: int, lookup: LookUp) -> Belief:
        """Return the belief after one look-up.

        Raises:
            FrameRefused: LOW_SCORE, LOW_MARGIN.
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
