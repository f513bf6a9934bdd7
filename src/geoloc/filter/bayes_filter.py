# SPDX-License-Identifier: Apache-2.0
"""A Bayes filter over a flight: look-ups and motion in, a belief about the camera's place out.

While the drone may be anywhere the belief is a weight for each tile of the map (`search`); once nearly all
of it lies at one place it becomes a fine lattice around that place (`track`), and a look-up scores only the
tiles there. A point-mass filter, because a look-up's likelihood has many peaks of any shape: nothing is
fitted to it, and the covariance is that of the weights. Particles would need thousands to hold a map, and
answer differently each time; Gaussians would need peaks to be found and told apart.

The tracked place is never all of the belief. A part stays for every other place (`doubt`); it grows when
look-ups are likelier on an average place than on the tracked one, and then they tell which other place.
Beyond half, the drone is lost: the track is laid back onto the tiles with the weight it still has, beside
what is believed elsewhere, and the search goes on from there. So no gate can lock the filter out, and a track
that was right after all wins again.
"""

import threading
from dataclasses import dataclass, replace

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused, Reason
from geoloc.filter import (
    global_belief,
    hypothesis_weights,
    local_belief,
    motion,
    refusals,
    wrong_track,
)
from geoloc.filter.belief import Belief, State
from geoloc.filter.global_belief import Search
from geoloc.filter.likelihood_model import Evidence
from geoloc.filter.local_belief import Track
from geoloc.filter.motion import Drift
from geoloc.filter.odometry import Odometer, Travel
from geoloc.filter.prior import Prior, usable
from geoloc.filter.settings import FilterSettings
from geoloc.filter.timeline import Timeline
from geoloc.filter.wrong_track import Doubt, Fit
from geoloc.hypotheses import Hypotheses
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_NS_PER_S = 1_000_000_000
_SURE_OF = 0.02  # part of the map that a track must outweigh, or it is compared with the whole map at once
_PRIOR_MAY_BE_WRONG = 0.005  # so little that it is answered at once, by the usual confidence
_WIDEST_PITCHES = 2.0  # a track may be as wide as this, on a map of tiles far apart
_NONE = Doubt()


@dataclass(frozen=True, eq=False)
class _Known:
    """All that is believed at one stamp."""

    stamp_ns: int
    place: Search | Track
    drift: Drift
    rows: Float64Array
    doubt: Doubt = _NONE
    last_look: LookUp | None = None
    since_full: int = 0
    had_fix: bool = False


class BayesFilter:
    """The belief about one flight over one map; safe to feed from one thread and to ask from another.

    Args:
        tiles: the map.
        evidence: what look-ups are worth.
        settings: how the belief moves, and when it is sure.
        hypotheses: what the rows of a look stand for.
    """

    def __init__(
        self,
        tiles: Tiles,
        evidence: Evidence | None = None,
        settings: FilterSettings | None = None,
        hypotheses: Hypotheses | None = None,
    ) -> None:
        self.settings = settings or FilterSettings()
        self.evidence = evidence or Evidence()
        self._hypotheses = hypotheses or Hypotheses()
        self._any_row = hypothesis_weights.alike(self._hypotheses)
        self._tiles = tiles
        self._odometer = Odometer(self.settings.max_speed_mps)
        self._timeline: Timeline[LookUp | Prior, _Known] = Timeline(self._after, self.settings.memory_s)
        self._lock = threading.RLock()
        self._widest_m = max(self.settings.lost_sigma_m, _WIDEST_PITCHES * tiles.pitch_m)

    def add_odometry(
        self, stamp_ns: int, position_m: tuple[float, float], covariance_m2: Float64Array | None = None
    ) -> None:
        """Take a sample of odometry; see `Odometer.add`."""
        self._odometer.add(stamp_ns, position_m, covariance_m2)

    def set_prior(self, stamp_ns: int, mean_m: Float64Array, covariance_m2: Float64Array | None) -> Belief:
        """Begin anew from a position; frames that are younger count on top of it.

        Args:
            stamp_ns: when the camera was there.
            mean_m: (2,) in the map's frame.
            covariance_m2: (2, 2); None or zeros where it is not known.

        Raises:
            FrameRefused: OFF_MAP where it is not a number, or lies more than three sigmas off the map.
        """
        covariance = usable(covariance_m2, self._tiles.pitch_m)
        off_m = float(self._tiles.nearest(mean_m)[0]) if np.isfinite(mean_m).all() else np.inf
        reach_m = float(np.hypot(*self._tiles.pitches_m.max(axis=0)))
        if not off_m <= reach_m + 3.0 * float(np.sqrt(np.linalg.eigvalsh(covariance)[-1])):
            raise FrameRefused(
                Reason.OFF_MAP,
                f"the initial fix lies {off_m:.0f} m from the nearest tile of the map; check it, or the map",
            )
        with self._lock:
            # A moment before, so that a frame of the same stamp counts on top of it.
            return self._belief(self._timeline.restart(stamp_ns - 1, Prior(np.asarray(mean_m), covariance)))

    def forget(self) -> None:
        """Forget where the drone is: the next frame may be anywhere."""
        with self._lock:
            self._timeline.forget()

    def update(self, stamp_ns: int, look: LookUp) -> Belief:
        """Take a look-up in and return what is believed at its stamp.

        A frame of a stamp that is known changes nothing; one that is older than others is put in its place.

        Raises:
            FrameRefused: LATE for a frame older than the memory.
        """
        with self._lock:
            return self._belief(self._timeline.put(stamp_ns, look))

    def _after(self, before: _Known | None, stamp_ns: int, event: LookUp | Prior) -> _Known:
        if isinstance(event, Prior):
            return self._from_prior(stamp_ns, event)
        if before is None:
            drift = motion.unknown(False, self.settings)
            known = _Known(stamp_ns, global_belief.anywhere(self._tiles), drift, self._any_row)
        else:
            known = self._moved(before, stamp_ns)
        return self._weighed(known, event)

    def _from_prior(self, stamp_ns: int, prior: Prior) -> _Known:
        drift = motion.unknown(False, self.settings)
        if _sigma_m(prior.covariance_m2) > self._widest_m:
            place = global_belief.around(self._tiles, prior.mean_m, prior.covariance_m2, _PRIOR_MAY_BE_WRONG)
            return _Known(stamp_ns, place, drift, self._any_row)
        tracked = local_belief.gaussian(self._tiles, prior.mean_m, prior.covariance_m2)
        wrong, at_once = Doubt(_PRIOR_MAY_BE_WRONG), self.settings.full_search_every
        return _Known(stamp_ns, tracked, drift, self._any_row, wrong, since_full=at_once)

    def _moved(self, known: _Known, stamp_ns: int) -> _Known:
        travel = self._odometer.between(known.stamp_ns, stamp_ns)
        duration_s = (stamp_ns - known.stamp_ns) / _NS_PER_S
        known = replace(known, rows=hypothesis_weights.moved(known.rows, self._hypotheses, duration_s))
        if isinstance(known.place, Track):
            return self._moved_track(known, known.place, stamp_ns, travel)
        return self._moved_search(known, known.place, stamp_ns, travel)

    def _moved_track(self, known: _Known, place: Track, stamp_ns: int, travel: Travel | None) -> _Known:
        duration_s = (stamp_ns - known.stamp_ns) / _NS_PER_S
        covariance = place.moments()[1]
        turn = hypothesis_weights.turn_of_odometry(known.rows, self._hypotheses)
        moved = motion.step(known.drift, covariance, travel, duration_s, self.settings, turn)
        if _sigma_m(covariance + moved.spread_m2) > self._widest_m:
            return self._moved_search(known, self._laid_back(place, known.doubt), stamp_ns, travel)
        return replace(
            known,
            stamp_ns=stamp_ns,
            place=local_belief.move(place, moved),
            drift=moved.drift,
            doubt=wrong_track.moved(known.doubt, self._tiles, moved, duration_s),
        )

    def _moved_search(self, known: _Known, place: Search, stamp_ns: int, travel: Travel | None) -> _Known:
        """Move a search. Over several places nothing can be learnt of the motion: its prior stays."""
        duration_s = (stamp_ns - known.stamp_ns) / _NS_PER_S
        turn = hypothesis_weights.turn_of_odometry(known.rows, self._hypotheses)
        drift = motion.unknown(travel is not None, self.settings, turn=turn)
        moved = motion.step(drift, np.zeros((2, 2)), travel, duration_s, self.settings)
        variance_m2 = np.diag(moved.spread_m2)
        place = global_belief.move(place, self._tiles, moved.shift_m, variance_m2, duration_s)
        return replace(known, stamp_ns=stamp_ns, place=place, drift=drift, doubt=_NONE)

    def _weighed(self, known: _Known, look: LookUp) -> _Known:
        likeliest = int(known.rows.argmax())
        likeness = -1.0 if known.last_look is None else look.likeness(known.last_look, likeliest)
        share_new = self.evidence.share_new(likeness)
        learnt = hypothesis_weights.learnt(
            known.rows, look, known.place, self._tiles, self.evidence, share_new
        )
        look = look.under(known.rows, self.evidence.temperature, of_offset=learnt)
        known = replace(known, last_look=look, rows=learnt)
        if isinstance(known.place, Track):
            return self._weighed_track(known, known.place, look, share_new)
        return self._weighed_search(known, known.place, look, share_new)

    def _weighed_search(self, known: _Known, place: Search, look: LookUp, share_new: float) -> _Known:
        place, _ = global_belief.weigh(place, self._tiles, look, self.evidence, share_new)
        return self._tracked_where_sure(replace(known, since_full=0), place)

    def _tracked_where_sure(self, known: _Known, place: Search) -> _Known:
        best = global_belief.peak(place, self._tiles)
        sure = best.probability >= self.settings.confidence
        if not sure or _sigma_m(best.covariance_m2) > self._widest_m:
            return replace(known, place=place, doubt=_NONE)
        tracked = local_belief.gaussian(self._tiles, best.mean_m, best.covariance_m2)
        return replace(known, place=tracked, doubt=Doubt(1.0 - best.probability), had_fix=True)

    def _weighed_track(self, known: _Known, place: Track, look: LookUp, share_new: float) -> _Known:
        full = known.since_full >= self.settings.full_search_every or known.doubt.rival is not None
        likelihood = local_belief.likelihood(place, self._tiles, look, self.evidence, full=full)
        whole = float((place.weights * likelihood).sum())
        if not full and whole < _SURE_OF * len(self._tiles):
            full = True
            likelihood = local_belief.likelihood(place, self._tiles, look, self.evidence, full=True)
            whole = float((place.weights * likelihood).sum())
        weights = place.weights * likelihood**share_new
        fit = Fit(whole, float(weights.sum()))
        after = replace(place, weights=weights / fit.new)
        known = replace(
            known,
            place=after,
            drift=motion.corrected(known.drift, place.moments(), after.moments()),
            doubt=wrong_track.weighed(known.doubt, place, self._tiles, look, self.evidence, share_new, fit),
            since_full=0 if full else known.since_full + 1,
        )
        if known.doubt.elsewhere > 0.5 or _sigma_m(after.moments()[1]) > self._widest_m:
            # A place that is given up takes with it what was learnt there of heading and height.
            given_up = replace(known, rows=self._any_row)
            return self._tracked_where_sure(given_up, self._laid_back(after, known.doubt))
        sure = known.doubt.elsewhere <= 1.0 - self.settings.confidence
        return replace(known, had_fix=known.had_fix or sure)

    def _laid_back(self, place: Track, doubted: Doubt) -> Search:
        """Lay a track back onto the tiles, beside what is believed elsewhere."""
        points_m, weights = place.points()
        return global_belief.at(self._tiles, points_m, weights * (1.0 - doubted.elsewhere), doubted.rival)

    def _belief(self, known: _Known) -> Belief:
        needed = self.settings.confidence
        if isinstance(known.place, Track):
            state, probability = State.TRACKING, 1.0 - known.doubt.elsewhere
            mean, covariance = known.place.moments()
            other = wrong_track.leap(known.doubt, known.place, self._tiles)
            refusal = refusals.of_track(probability, known.doubt.fit, other, self.settings)
        else:
            state = State.LOST if known.had_fix else State.STARTING
            best = global_belief.peak(known.place, self._tiles)
            mean, covariance, probability = best.mean_m, best.covariance_m2, best.probability
            refusal = refusals.of_search(state, probability, known.place.off_map, needed)
        resolution_m = self.evidence.resolution * self._tiles.pitch_m
        covariance = covariance + np.eye(2) * resolution_m**2
        return Belief(
            known.stamp_ns,
            float(mean[0]),
            float(mean[1]),
            covariance,
            state,
            probability,
            refusal,
            known.rows,
        )


def _sigma_m(covariance_m2: Float64Array) -> float:
    """Return the largest standard deviation in any direction."""
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance_m2)[-1], 0.0)))
