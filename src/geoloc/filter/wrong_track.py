# SPDX-License-Identifier: Apache-2.0
"""Hypothesis that the track is wrong: its probability, and the belief about the place in that case.

Usually this alternative belief is uniform: a look-up that matches the track lowers its probability, without a
comparison with the whole map. Once look-ups match the average place better than the track, the alternative
becomes a global belief that is updated beside the track. So every look-up of a kidnapped drone supports its
new place, and the filter soon gives up the track.
"""

from dataclasses import dataclass, replace

import numpy as np

from geoloc.filter import global_belief, hint
from geoloc.filter.global_belief import GlobalBelief
from geoloc.filter.hint import Hint
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.local_belief import LocalBelief
from geoloc.filter.motion import MotionStep
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_NEGLIGIBLE = 1e-3  # probability below which the alternative need not be searched
_MARGIN_PITCHES = 1.0
_MIN_SHARE = 0.5  # least share of the alternative belief at a place that is reported


@dataclass(frozen=True)
class Likelihoods:
    """The likelihood of a look-up at the track, relative to the average place of the map.

    Attributes:
        full: likelihood without tempering.
        tempered: likelihood raised to its exponent.
    """

    full: float
    tempered: float


@dataclass(frozen=True, eq=False)
class WrongTrack:
    """Hypothesis that the drone is not where it is tracked.

    Attributes:
        probability: probability of this hypothesis.
        alternative: belief about the place under this hypothesis; None for a uniform belief.
        likelihood: likelihood of the last look-up at the track, relative to the average place of the map.
        unmatched_s: time since a look-up last matched the track.
    """

    probability: float = 0.0
    alternative: GlobalBelief | None = None
    likelihood: float = 1.0
    unmatched_s: float = 0.0


NOT_WRONG = WrongTrack()


@dataclass(frozen=True)
class Relocation:
    """Distance from the track to another place that look-ups support, and the time available for it."""

    distance_m: float
    duration_s: float


def predict(wrong: WrongTrack, tiles: Tiles, step: MotionStep, duration_s: float) -> WrongTrack:
    """Predict the hypothesis after a motion, during which the drone may have been kidnapped."""
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
        wrong: hypothesis before the look-up.
        place: track before the look-up.
        tiles: tiles of the map.
        lookup: look-up of the frame.
        model: likelihood model of look-ups.
        exponent: exponent that tempers the likelihood.
        at_track: likelihood of the look-up at the track.
    """
    matches = at_track.full >= 1.0
    if wrong.alternative is None and matches:
        return WrongTrack(_posterior(wrong.probability, 1.0, at_track.tempered), None, at_track.full)
    alternative = wrong.alternative or global_belief.uniform(tiles)
    alternative, likelihood = global_belief.update(alternative, tiles, lookup, model, exponent)
    alternative, outside = global_belief.outside(alternative, tiles, place.centre_m, _beyond_m(place, tiles))
    probability = _posterior(wrong.probability, likelihood * outside, at_track.tempered)
    settled = matches and probability <= _NEGLIGIBLE
    return WrongTrack(
        probability,
        None if settled else alternative,
        at_track.full,
        0.0 if matches else wrong.unmatched_s,
    )


def weigh(
    wrong: WrongTrack, place: LocalBelief, tiles: Tiles, given: Hint, exponent: float, at_track: float
) -> WrongTrack:
    """Update the hypothesis with a hint.

    Args:
        wrong: hypothesis before the hint.
        place: track before the hint.
        tiles: tiles of the map.
        given: the hint.
        exponent: exponent that tempers the likelihood.
        at_track: tempered likelihood of the hint at the track.
    """
    alternative = wrong.alternative or global_belief.uniform(tiles)
    density = global_belief.density_of(given, alternative, tiles)
    alternative, likelihood = global_belief.weigh(alternative, tiles, density, exponent, hint.WRONG_ON_TRACK)
    alternative, outside = global_belief.outside(alternative, tiles, place.centre_m, _beyond_m(place, tiles))
    probability = _posterior(wrong.probability, likelihood * outside, at_track)
    kept = wrong.alternative is not None or probability > _NEGLIGIBLE
    return replace(wrong, probability=probability, alternative=alternative if kept else None)


def relocation(wrong: WrongTrack, place: LocalBelief, tiles: Tiles) -> Relocation | None:
    """Return the relocation to the place with most of the alternative belief; None without such a place."""
    if wrong.alternative is None:
        return None
    there = global_belief.mode(wrong.alternative, tiles)
    if there.probability < _MIN_SHARE:
        return None
    return Relocation(float(np.hypot(*(there.mean_m - place.moments()[0]))), wrong.unmatched_s)


def _beyond_m(place: LocalBelief, tiles: Tiles) -> float:
    """Return half the side of the square outside which a place is another place than the track."""
    return place.half_m + _MARGIN_PITCHES * float(tiles.pitches_m.max())


def _posterior(prior: float, likelihood: float, at_track: float) -> float:
    joint = prior * likelihood
    return joint / (joint + (1.0 - prior) * at_track)
