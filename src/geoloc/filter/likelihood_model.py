# SPDX-License-Identifier: Apache-2.0
"""What a look-up is worth: cosines become likelihoods, and the same look again weighs little.

A place x that scores s(x) is so many times likelier than the average place of the map:

    L(x) = (1 - o) exp(s(x) / T) / mean over the map of exp(s / T) + o

T is the temperature, o the share of look-ups that tell nothing; the floor o is what lets a belief survive a
wrong look-up, and what keeps any single one from convincing. Where all places score alike L is 1: dull ground
says nothing, without a rule for it.

Successive look-ups err alike, because they see nearly the same ground of nearly the same tiles. Multiplied
as if they were independent they would soon be sure of anything, so L is raised to a power below one: the
share of the look that is new, told by how far its descriptor has moved from the one before.
"""

import math
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import FloatArray
from geoloc.errors import ParameterError

_MOST_LIKELY = 27.6  # log of 1e12, to stay within float32


@dataclass(frozen=True)
class Evidence:
    """How far look-ups are believed.

    Attributes:
        temperature: cosine by which a place must score more to be e times likelier.
        outlier_share: share of look-ups that tell nothing about the place.
        off_map_score: what the best tile scores where it is as likely that the drone is off the map, told
            by one look-up while searching. -1 takes no notice.
        new_look: fall of the cosine between two views at which the second is a look of its own.
        least_new: share of a look that is new even over the same ground.
        resolution: least standard deviation of an answer, in pitches of the map's tiles.

    Raises:
        ParameterError: for a value outside its range.
    """

    temperature: float = 0.04
    outlier_share: float = 0.1
    off_map_score: float = -1.0
    new_look: float = 0.6
    least_new: float = 0.05
    resolution: float = 0.1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", 1e-4, 10.0),
            ("outlier_share", 1e-6, 0.9),
            ("off_map_score", -1.0, 1.0),
            ("new_look", 0.01, 2.0),
            ("least_new", 1e-3, 1.0),
            ("resolution", 0.0, 10.0),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ParameterError(f"evidence: {name} is {value}; it must be from {low:g} to {high:g}")

    def background(self, scores: FloatArray, prior: FloatArray) -> float:
        """Return the score of the average place: T log sum of prior exp(s / T).

        Args:
            scores: (n,) cosines.
            prior: (n,) share of the map that each stands for, summing to one.
        """
        top = float(scores.max())
        power = scores - top
        power /= self.temperature
        return top + self.temperature * math.log(max(float(prior @ np.exp(power, out=power)), 1e-30))

    def likelihood(self, scores: FloatArray, background: float) -> FloatArray:
        """Return how many times likelier than the average place each is, in the scores' own type."""
        kind = scores.dtype.type
        power = np.asarray(scores - kind(background))  # one array throughout: there may be 200,000
        power /= kind(self.temperature)
        np.exp(np.minimum(power, kind(_MOST_LIKELY), out=power), out=power)
        power *= kind(1.0 - self.outlier_share)
        power += kind(self.outlier_share)
        return power

    def off_map(self, background: float, odds: float) -> float:
        """Return how many times likelier than the average place it is to be off the map; at least 1.

        Args:
            background: score of the average place.
            odds: of a tile to off the map, before any look-up.
        """
        power = (self.off_map_score - background) / self.temperature + math.log(odds)
        return math.exp(min(max(power, 0.0), _MOST_LIKELY))

    def share_new(self, likeness: float) -> float:
        """Return which share of a look is new.

        Args:
            likeness: cosine between its descriptor and the one before it; -1 for the first.
        """
        return min(1.0, max(self.least_new, (1.0 - likeness) / self.new_look))
