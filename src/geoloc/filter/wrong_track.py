# SPDX-License-Identifier: Apache-2.0
"""The hypothesis that the drone is not where it is tracked: its probability, and where the drone is then.

Usually the alternative is a uniform belief: a look-up that matches the track lowers its probability, and
nothing about the map is computed. Once look-ups match the average place better than the track, the
alternative is a global belief, updated beside the track. So every look-up of a kidnapped drone supports its
new place, and the track is soon given up.
"""

from dataclasses import dataclass

import numpy as np

from geoloc.filter import global_belief
from geoloc.filter.global_belief import GlobalBelief
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.local_belief import LocalBelief
from geoloc.filter.motion import MotionStep
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_NEGLIGIBLE = 1e-3  # probability below which the alternative need not be searched
_MARGIN_PITCHES = 1.0
_MIN_SHARE = 0.5  # of the alternative that one place must have to be reported


@dataclass(frozen=True)
class Likelihoods:
    """The likelihood of a look-up at the track, relative to the average place of the map.

    Attributes:
        full: as if it were the only look-up.
        tempered: raised to its exponent.
    """

    full: float
    tempered: float


@dataclass(frozen=True, eq=False)
class WrongTrack:
    """The hypothesis that the drone is not where it is tracked.

    Attributes:
        probability: of this hypothesis.
        alternative: belief about the place under it; None for a uniform one.
        likelihood: of the last look-up at the track, relative to the average place of the map.
        unmatched_s: time since a look-up last matched the track.
    """

    probability: float = 0.0
    alternative: GlobalBelief | None = None
    likelihood: float = 1.0
    unmatched_s: float = 0.0


@dataclass(frozen=True)
class Relocation:
    """The way from the track to another place that look-ups support: its length, and the time for it."""

    distance_m: float
    duration_s: float


def predict(wrong: WrongTrack, tiles: Tiles, step: MotionStep, duration_s: float) -> WrongTrack:
    """Predict the hypothesis after a motion; at any time the drone may have been kidnapped."""
    alternative = wrong.alternative
    if alternative is not None:
        variance_m2 = np.diag(step.spread_m2)
        alternative = global_belief.predict(alternative, tiles, step.shift_m, variance_m2, duration_s)
    kidnapped = global_belief.kidnap_probability(duration_s) * (1.0 - wrong.probability)
    return WrongTrack(
        wrong.probability + kidnapped, alternative, wrong.likelihood, wrong.unmatched_s + duration_s
    )


def update(
    wrong: WrongTrack,
    place: LocalBelief,
    tiles: Tiles,
    lookup: LookUp,
    model: LikelihoodModel,
    exponent: float,
    at_track: Likelihoods,
) -> WrongTrack:
    """Update the hypothesis with a look-up.

    Args:
        wrong: before the look-up.
        place: the track before the look-up.
        tiles: the map.
        lookup: the measurement.
        model: its likelihood.
        exponent: power that the likelihood is raised to.
        at_track: likelihood of the look-up at the track.
    """
    matches = at_track.full >= 1.0
    if wrong.alternative is None and matches:
        return WrongTrack(_posterior(wrong.probability, 1.0, at_track.tempered), None, at_track.full)
    alternative = wrong.alternative or global_belief.uniform(tiles)
    alternative, likelihood = global_belief.update(alternative, tiles, lookup, model, exponent)
    half_m = place.half_m + _MARGIN_PITCHES * float(tiles.pitches_m.max())
    alternative, outside = global_belief.outside(alternative, tiles, place.centre_m, half_m)
    probability = _posterior(wrong.probability, likelihood * outside, at_track.tempered)
    settled = matches and probability <= _NEGLIGIBLE
    return WrongTrack(
        probability,
        None if settled else alternative,
        at_track.full,
        0.0 if matches else wrong.unmatched_s,
    )


def relocation(wrong: WrongTrack, place: LocalBelief, tiles: Tiles) -> Relocation | None:
    """Return the way to the place that most of the alternative belief is at; None without such a place."""
    if wrong.alternative is None:
        return None
    there = global_belief.mode(wrong.alternative, tiles)
    if there.probability < _MIN_SHARE:
        return None
    return Relocation(float(np.hypot(*(there.mean_m - place.moments()[0]))), wrong.unmatched_s)


def _posterior(prior: float, likelihood: float, at_track: float) -> float:
    joint = prior * likelihood
    return joint / (joint + (1.0 - prior) * at_track)
