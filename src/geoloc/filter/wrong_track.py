# SPDX-License-Identifier: Apache-2.0
"""How likely it is that a tracked place is the wrong one, and where the drone is then.

Most of the time elsewhere is anywhere: a look-up that fits the track lowers its share, and nothing need be
known of the map. Once look-ups fit the average place better than the track, it is searched beside the track:
a kidnapped drone is then seen at its new place by every look-up, and its track is not believed for long.
"""

from dataclasses import dataclass

import numpy as np

from geoloc.filter import global_belief
from geoloc.filter.global_belief import Search
from geoloc.filter.likelihood_model import Evidence
from geoloc.filter.local_belief import Track
from geoloc.filter.motion import Moved
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_SETTLED = 1e-3  # of the belief elsewhere, below which it need not be searched
_AROUND_PITCHES = 1.0
_MOST = 0.5


@dataclass(frozen=True)
class Fit:
    """How many times likelier a look-up is at the track than at the average place of the map.

    Attributes:
        whole: as if it were the only one.
        new: by what is new in it.
    """

    whole: float
    new: float


@dataclass(frozen=True, eq=False)
class Doubt:
    """The belief that the drone is not where it is tracked.

    Attributes:
        elsewhere: its probability.
        rival: where it is then; None for anywhere.
        fit: how many times likelier the last look-up is at the track than at the average place of the map.
        since_fit_s: how long no look-up has fitted the track.
    """

    elsewhere: float = 0.0
    rival: Search | None = None
    fit: float = 1.0
    since_fit_s: float = 0.0


@dataclass(frozen=True)
class Leap:
    """Another place that look-ups tell of: how far away, and in what time the drone would have gone there."""

    distance_m: float
    duration_s: float


def moved(doubt: Doubt, tiles: Tiles, how: Moved, duration_s: float) -> Doubt:
    """Move what is believed elsewhere; in every second the drone may have been carried off."""
    rival = doubt.rival
    if rival is not None:
        rival = global_belief.move(rival, tiles, how.shift_m, np.diag(how.spread_m2), duration_s)
    carried_off = global_belief.kidnapped(duration_s) * (1.0 - doubt.elsewhere)
    return Doubt(doubt.elsewhere + carried_off, rival, doubt.fit, doubt.since_fit_s + duration_s)


def weighed(
    doubt: Doubt, place: Track, tiles: Tiles, look: LookUp, evidence: Evidence, share_new: float, fit: Fit
) -> Doubt:
    """Take a look-up in.

    Args:
        doubt: before.
        place: the track before the look-up.
        tiles: the map.
        look: the look-up.
        evidence: what it is worth.
        share_new: share of the look that is new.
        fit: of the look-up to the track.
    """
    if doubt.rival is None and fit.whole >= 1.0:
        return Doubt(_elsewhere(doubt.elsewhere, 1.0, fit.new), None, fit.whole)
    rival = doubt.rival or global_belief.anywhere(tiles)
    rival, likelihood = global_belief.weigh(rival, tiles, look, evidence, share_new)
    half_m = place.half_m + _AROUND_PITCHES * float(tiles.pitches_m.max())
    rival, left = global_belief.without(rival, tiles, place.centre_m, half_m)
    elsewhere = _elsewhere(doubt.elsewhere, likelihood * left, fit.new)
    fits = fit.whole >= 1.0
    settled = fits and elsewhere <= _SETTLED
    return Doubt(elsewhere, None if settled else rival, fit.whole, 0.0 if fits else doubt.since_fit_s)


def leap(doubt: Doubt, place: Track, tiles: Tiles) -> Leap | None:
    """Return the place elsewhere that most of the belief elsewhere is at; None where there is no such."""
    if doubt.rival is None:
        return None
    there = global_belief.peak(doubt.rival, tiles)
    if there.probability < _MOST:
        return None
    return Leap(float(np.hypot(*(there.mean_m - place.moments()[0]))), doubt.since_fit_s)


def _elsewhere(before: float, likelihood: float, of_track: float) -> float:
    there = before * likelihood
    return there / (there + (1.0 - before) * of_track)
