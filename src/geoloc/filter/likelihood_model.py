# SPDX-License-Identifier: Apache-2.0
"""Likelihood of a look-up: how its scores weigh the places of the map, tempered by how much of it is new.

The likelihood of a place x with score s(x), relative to the average place of the map, is

    L(x) = (1 - o) exp(s(x) / T) / mean over the map of exp(s / T) + o

T is the temperature, and o is the share of outliers: look-ups that are uninformative about the place. The
floor o lets a belief survive a wrong look-up, and limits the effect of a single look-up. Where all places
have the same score, L is 1, so featureless ground is uninformative without a special rule.

Successive look-ups have correlated errors, because they compare nearly the same ground with nearly the same
tiles. Treated as independent, they would make the filter overconfident. So L is raised to an exponent of at
most one (tempering), which grows with the change of the descriptor since the last look-up.
"""

import math
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import FloatArray
from geoloc.settings import check, setting

_MAX_POWER = 27.6  # log of 1e12, to stay within float32


@dataclass(frozen=True)
class LikelihoodModel:
    """Parameters of the likelihood, which nodes do not expose.

    Raises:
        ParameterError: if a value is outside its range.
    """

    temperature: float = setting(
        0.04, "difference of two cosines at which one place is e times likelier", low=1e-4, high=10.0
    )
    outlier_share: float = setting(
        0.1, "share of look-ups that are uninformative about the place", low=1e-6, high=0.9
    )
    off_map_score: float = setting(
        -1.0,
        "score of the best tile at which, during a search, one look-up makes being off the map as likely as "
        "being at that tile; -1 disables this",
        low=-1.0,
        high=1.0,
    )
    independent_drop: float = setting(
        0.6, "drop of the cosine of two views at which their errors are independent", low=0.01, high=2.0
    )
    min_exponent: float = setting(
        0.05, "least exponent of a likelihood, for a view of the same ground", low=1e-3, high=1.0
    )
    resolution: float = setting(
        0.1, "least standard deviation of an answer, in pitches of the map's tiles", low=0.0, high=10.0
    )

    def __post_init__(self) -> None:
        check(self)

    def background(self, scores: FloatArray, prior: FloatArray) -> float:
        """Return the score of the average place: T log sum of prior exp(s / T).

        Args:
            scores: cosines (n,).
            prior: share (n,) of the map that each score stands for, summing to one.
        """
        top = float(scores.max())
        power = scores - top
        power /= self.temperature
        return top + self.temperature * math.log(max(float(prior @ np.exp(power, out=power)), 1e-30))

    def likelihood(self, scores: FloatArray, background: float) -> FloatArray:
        """Return the likelihood of each score relative to the average place, in the dtype of the scores."""
        kind = scores.dtype.type
        power = np.asarray(scores - kind(background))  # reused in place, as there may be 200,000 scores
        power /= kind(self.temperature)
        np.exp(np.minimum(power, kind(_MAX_POWER), out=power), out=power)
        power *= kind(1.0 - self.outlier_share)
        power += kind(self.outlier_share)
        return power

    def off_map(self, background: float, odds: float) -> float:
        """Return the likelihood of being off the map relative to the average place; at least 1.

        Args:
            background: score of the average place.
            odds: prior odds of a tile against being off the map.
        """
        power = (self.off_map_score - background) / self.temperature + math.log(odds)
        return math.exp(min(max(power, 0.0), _MAX_POWER))

    def exponent(self, cosine: float) -> float:
        """Return the exponent that tempers a likelihood: the share of its look-up that is new.

        Args:
            cosine: cosine between the descriptors of this look-up and the last one; -1 for the first.
        """
        return min(1.0, max(self.min_exponent, (1.0 - cosine) / self.independent_drop))
