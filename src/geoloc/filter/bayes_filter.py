# SPDX-License-Identifier: Apache-2.0
"""Bayes filter over one flight: predict by motion, update by a look-up, answer the belief or refuse.

While the drone may be anywhere, the belief is a weight for each tile of the map (`global_belief`). Once
nearly all weight lies at one place, the belief becomes a fine lattice around that place (`local_belief`), and
a look-up scores only the tiles there. Both are point-mass filters, because the likelihood of a look-up has
many peaks of arbitrary shape. The covariance is that of the weights, without a fitted distribution. A
particle filter would need thousands of particles to cover a map, and its answers would be random. A mixture
of Gaussians would need a search for the peaks.

With odometry there are two such beliefs, by odometry and without it (`rivals`).

A tracked place never has all of the probability. Some is kept for all other places (`wrong_track`), and it
grows when look-ups are likelier at an average place than at the tracked one. Above one half, the drone is
lost: the track returns to the tiles with its remaining probability, and the search continues from there. So
no gate can lock the filter out, and a track that was right can recover.
"""

import math
import threading
from dataclasses import replace

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import HintRefused
from geoloc.filter import (
    global_belief,
    hint,
    hypothesis_weights,
    local_belief,
    motion,
    refusals,
    rivals,
    wrong_track,
)
from geoloc.filter.belief import Belief, State
from geoloc.filter.global_belief import GlobalBelief, Mode
from geoloc.filter.hint import Hint, HintVerdict, WeighedHint
from geoloc.filter.hint_queue import HintQueue
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.local_belief import LocalBelief
from geoloc.filter.odometry import Displacement, Odometer
from geoloc.filter.posterior import Posterior
from geoloc.filter.rivals import Rivals
from geoloc.filter.settings import FilterSettings
from geoloc.filter.timeline import Timeline
from geoloc.filter.wrong_track import NOT_WRONG, Likelihoods, WrongTrack
from geoloc.hypotheses import Hypotheses
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_NS_PER_S = 1_000_000_000
_MIN_MAP_SHARE = 0.02  # share of the map's likelihood; a track with less is compared with the whole map
_MAX_TRACK_PITCHES = 2.0  # largest standard deviation of a track, for maps with a large pitch


class BayesFilter:
    """Bayes filter of one flight over one map; odometry may be added from another thread.

    Args:
        tiles: tiles of the map.
        likelihood_model: likelihood model of look-ups.
        settings: motion model and confidence.
        hypotheses: hypotheses of heading and height, one for each query of a look-up.
    """

    def __init__(
        self,
        tiles: Tiles,
        likelihood_model: LikelihoodModel | None = None,
        settings: FilterSettings | None = None,
        hypotheses: Hypotheses | None = None,
    ) -> None:
        self.settings = settings or FilterSettings()
        self.likelihood_model = likelihood_model or LikelihoodModel()
        self._unknown_axes = replace(self.settings, odom_heading_known=False)
        self._hypotheses = hypotheses or Hypotheses()
        self._uniform_weights = hypothesis_weights.uniform(self._hypotheses)
        self._tiles = tiles
        self._odometer = Odometer(self.settings.max_speed_mps)
        self._timeline: Timeline[LookUp | Hint, Rivals] = Timeline(self._step, self.settings.memory_s)
        self._lock = threading.RLock()
        self._hints = HintQueue()
        self._max_sigma_m = max(self.settings.lost_sigma_m, _MAX_TRACK_PITCHES * tiles.pitch_m)

    def add_odometry(
        self, stamp_ns: int, position_m: tuple[float, float], covariance_m2: Float64Array | None = None
    ) -> None:
        """Add a sample of odometry; see `Odometer.add`."""
        self._odometer.add(stamp_ns, position_m, covariance_m2)

    def moved_m(self, from_ns: int, to_ns: int) -> float | None:
        """Return the distance between two stamps by odometry, metres; None if unknown."""
        found = self._odometer.between(from_ns, to_ns)
        return None if found is None else float(np.linalg.norm(found.shift_m))

    def add_hint(self, stamp_ns: int, mean_m: Float64Array, covariance_m2: Float64Array | None) -> Hint:
        """Add a position from another source, which is weighed with the next look-up.

        Args:
            stamp_ns: time at which the camera was there.
            mean_m: position (2,) in the map's frame.
            covariance_m2: covariance (2, 2); None or zeros if unknown.

        Returns:
            The hint as it is weighed; its remark says if the covariance had to be replaced.

        Raises:
            HintRefused: if the position is not finite, more than three sigmas off the map, as uncertain as
                the map is wide, or older than the memory.
        """
        left, bottom, right, top = self._tiles.bounds_m(0.0)
        given = Hint.of(mean_m, covariance_m2, self._tiles.pitch_m, math.hypot(right - left, top - bottom))
        off_m = float(self._tiles.nearest(mean_m)[0]) if np.isfinite(mean_m).all() else math.inf
        if not off_m <= float(np.hypot(*self._tiles.pitches_m.max(axis=0))) + 3.0 * given.sigma_m:
            raise HintRefused(
                f"the initial fix lies {off_m:.0f} m from the nearest tile of the map; check both."
            )
        with self._lock:
            newest_ns = self._timeline.newest_ns
            if not self._timeline.reaches(stamp_ns - 1):
                raise HintRefused(
                    f"the initial fix is {((newest_ns or 0) - stamp_ns) / _NS_PER_S:.1f} s older than the "
                    f"newest frame, more than memory_s {self.settings.memory_s:g}; check the clocks, or "
                    "stamp it 0."
                )
            if not self._hints.is_new(stamp_ns):
                return given
            if newest_ns is None or stamp_ns > newest_ns:
                self._hints.put(stamp_ns, given)
            else:
                self._put_hint(stamp_ns, given)
        return given

    def forget(self) -> None:
        """Forget the belief, so that the next frame may be anywhere."""
        with self._lock:
            self._timeline.forget()
            self._hints.clear()

    def update(self, stamp_ns: int, lookup: LookUp) -> Belief:
        """Add a look-up and return the belief at its stamp.

        A second look-up of the same stamp is ignored; a late look-up is inserted in the order of stamps.

        Raises:
            FrameRefused: LATE if the frame is older than the memory.
        """
        with self._lock:
            if (due := self._hints.take(stamp_ns)) is not None:
                self._put_hint(*due)
            return self._belief(self._timeline.put(stamp_ns, lookup))

    def _put_hint(self, stamp_ns: int, given: Hint) -> None:
        # A nanosecond earlier, so that a look-up of the same stamp is applied on top of it.
        self._timeline.put(stamp_ns - 1, given)

    def _step(self, previous: Rivals | None, stamp_ns: int, event: LookUp | Hint) -> Rivals:
        if previous is None:
            return Rivals(self._corrected(self._uniform(stamp_ns), event))
        return rivals.step(
            previous,
            self._odometer.between(previous.plain.stamp_ns, stamp_ns),
            lambda track, odometry: self._corrected(self._predict(track, stamp_ns, odometry), event),
        )

    def _corrected(self, predicted: Posterior, event: LookUp | Hint) -> Posterior:
        return self._weigh(predicted, event) if isinstance(event, Hint) else self._update(predicted, event)

    def _uniform(self, stamp_ns: int) -> Posterior:
        place, unmoved = global_belief.uniform(self._tiles), motion.prior(False, self.settings)
        return Posterior(stamp_ns, place, unmoved, self._uniform_weights)

    def _predict(self, posterior: Posterior, stamp_ns: int, odometry: Displacement | None) -> Posterior:
        """Predict the belief at a stamp from odometry, or else from the estimated speed."""
        duration_s = (stamp_ns - posterior.stamp_ns) / _NS_PER_S
        weights = hypothesis_weights.predict(posterior.hypothesis_weights, self._hypotheses, duration_s)
        predicted = replace(posterior, stamp_ns=stamp_ns, hypothesis_weights=weights)
        if isinstance(predicted.place, LocalBelief):
            return self._predict_local(predicted, predicted.place, odometry, duration_s)
        return self._predict_global(predicted, predicted.place, odometry, duration_s)

    def _predict_local(
        self, posterior: Posterior, place: LocalBelief, odometry: Displacement | None, duration_s: float
    ) -> Posterior:
        axes_error = hypothesis_weights.odometry_error(posterior.hypothesis_weights, self._hypotheses)
        settings = self._motion_settings(posterior)
        step = motion.predict(posterior.motion, odometry, duration_s, settings, axes_error)
        if _sigma_m(place.moments()[1] + step.spread_m2) > self._max_sigma_m:
            spread_out = self._to_global(place, posterior.wrong)
            return self._predict_global(posterior, spread_out, odometry, duration_s)
        return replace(
            posterior,
            place=local_belief.predict(place, step),
            motion=step.state,
            wrong=wrong_track.predict(posterior.wrong, self._tiles, step, duration_s),
        )

    def _predict_global(
        self, posterior: Posterior, place: GlobalBelief, odometry: Displacement | None, duration_s: float
    ) -> Posterior:
        # The motion cannot be estimated over several places, so its prior is kept.
        axes_error = hypothesis_weights.odometry_error(posterior.hypothesis_weights, self._hypotheses)
        settings = self._motion_settings(posterior)
        state = motion.prior(odometry is not None, settings, axes_error=axes_error)
        step = motion.predict(state, odometry, duration_s, settings)
        variance_m2 = np.diag(step.spread_m2)
        place = global_belief.predict(place, self._tiles, step.shift_m, variance_m2, duration_s)
        return replace(posterior, place=place, motion=state, wrong=NOT_WRONG)

    def _motion_settings(self, posterior: Posterior) -> FilterSettings:
        return self.settings if posterior.axes_known else self._unknown_axes

    def _update(self, predicted: Posterior, lookup: LookUp) -> Posterior:
        """Update the beliefs about hypotheses and place with a look-up, tempered by its new share."""
        model, weights = self.likelihood_model, predicted.hypothesis_weights
        last, likeliest = predicted.lookup, int(weights.argmax())
        exponent = model.exponent(-1.0 if last is None else lookup.cosine_with(last, likeliest))
        updated = hypothesis_weights.update(weights, lookup, predicted.place, self._tiles, model, exponent)
        lookup = lookup.marginalized(weights, model.temperature, offset_weights=updated)
        predicted = replace(predicted, lookup=lookup, hypothesis_weights=updated)
        if isinstance(predicted.place, LocalBelief):
            return self._update_local(predicted, predicted.place, lookup, exponent)
        return self._update_global(predicted, predicted.place, lookup, exponent)

    def _update_global(
        self, predicted: Posterior, place: GlobalBelief, lookup: LookUp, exponent: float
    ) -> Posterior:
        model = self.likelihood_model
        place, evidence = global_belief.update(place, self._tiles, lookup, model, exponent)
        return self._tracked_where_sure(replace(predicted, frames_since_full=0, evidence=evidence), place)

    def _update_local(
        self, predicted: Posterior, place: LocalBelief, lookup: LookUp, exponent: float
    ) -> Posterior:
        model, every, wrong = self.likelihood_model, self.settings.full_search_every, predicted.wrong
        full = predicted.frames_since_full >= every or wrong.alternative is not None
        likelihood = local_belief.likelihood(place, self._tiles, lookup, model, full=full)
        expected = _expected(place, likelihood)
        if not full and expected < _MIN_MAP_SHARE * len(self._tiles):
            full = True
            likelihood = local_belief.likelihood(place, self._tiles, lookup, model, full=True)
            expected = _expected(place, likelihood)
        updated, tempered = local_belief.update(place, likelihood, exponent)
        at_track = Likelihoods(expected, tempered)
        wrong = wrong_track.update(wrong, place, self._tiles, lookup, model, exponent, at_track)
        # Bayes' rule for the probability of the track, solved for the evidence.
        evidence = tempered * (1.0 - predicted.wrong.probability) / max(1.0 - wrong.probability, 1e-12)
        posterior = replace(
            predicted, wrong=wrong, frames_since_full=_one_more(predicted, full=full), evidence=evidence
        )
        return self._kept_or_lost(posterior, place, updated)

    def _kept_or_lost(self, posterior: Posterior, before: LocalBelief, place: LocalBelief) -> Posterior:
        """Return the posterior with an updated track, or with a search if the track is given up."""
        wrong, moments = posterior.wrong, place.moments()
        moved = motion.update(posterior.motion, before.moments(), moments)
        posterior = replace(posterior, place=place, motion=moved)
        if wrong.probability > 0.5 or _sigma_m(moments[1]) > self._max_sigma_m:
            # Heading and height were estimated at the place that is given up here.
            restarted = replace(posterior, hypothesis_weights=self._uniform_weights)
            return self._tracked_where_sure(restarted, self._to_global(place, wrong))
        sure = wrong.probability <= 1.0 - self.settings.confidence
        return replace(posterior, had_fix=posterior.had_fix or sure)

    def _weigh(self, predicted: Posterior, given: Hint) -> Posterior:
        """Update the belief with a hint, tempered by the time since the last one."""
        last, stamp_ns = predicted.hint, predicted.stamp_ns
        predicted = replace(predicted, evidence=1.0)
        since_s = math.inf if last is None else (stamp_ns - last.stamp_ns) / _NS_PER_S
        exponent = hint.exponent(since_s)
        if isinstance(predicted.place, LocalBelief):
            return self._weigh_on_track(predicted, predicted.place, given, exponent)
        return self._weigh_in_search(predicted, predicted.place, given, exponent)

    def _weigh_on_track(
        self, predicted: Posterior, place: LocalBelief, given: Hint, exponent: float
    ) -> Posterior:
        mean_m, covariance_m2 = place.moments()
        contradicted = given.is_contradicted_by(mean_m, covariance_m2)
        density = np.zeros(place.weights.shape)
        if not contradicted:
            points_m = place.points()[0].reshape(*density.shape, 2)
            density = given.density(points_m) * float(self._tiles.areas_m2.mean())
        updated, tempered = local_belief.update(
            place, hint.likelihood(density, hint.WRONG_ON_TRACK), exponent
        )
        verdict = HintVerdict.CONTRADICTED if contradicted else HintVerdict.AGREED
        away_m = float(np.hypot(*(given.mean_m - mean_m)))
        posterior = replace(
            predicted,
            wrong=wrong_track.weigh(predicted.wrong, place, self._tiles, given, exponent, tempered),
            hint=WeighedHint(predicted.stamp_ns, verdict, given.sigma_m, away_m),
        )
        return self._kept_or_lost(posterior, place, updated)

    def _weigh_in_search(
        self, predicted: Posterior, place: GlobalBelief, given: Hint, exponent: float
    ) -> Posterior:
        density = global_belief.density_of(given, place, self._tiles)
        there = global_belief.around_hint(place, self._tiles, density, exponent, hint.WRONG_IN_SEARCH)
        weighed = WeighedHint(predicted.stamp_ns, HintVerdict.STARTED, given.sigma_m, math.nan)
        mean_m, covariance_m2 = there.mean_m, there.covariance_m2
        if np.trace(given.covariance_m2) / exponent < np.trace(covariance_m2):
            mean_m, covariance_m2 = given.mean_m, given.covariance_m2 / exponent  # narrower than the tiles
        if there.probability < self.settings.confidence or _sigma_m(covariance_m2) > self._max_sigma_m:
            place, _ = global_belief.weigh(place, self._tiles, density, exponent, hint.WRONG_IN_SEARCH)
            narrowed = replace(predicted, hint=replace(weighed, verdict=HintVerdict.NARROWED))
            return self._tracked_where_sure(narrowed, place)
        return replace(
            predicted,
            place=local_belief.gaussian(self._tiles, mean_m, covariance_m2),
            wrong=WrongTrack(1.0 - there.probability, place),
            frames_since_full=self.settings.full_search_every,
            hint=weighed,
        )

    def _tracked_where_sure(self, posterior: Posterior, place: GlobalBelief) -> Posterior:
        """Return the posterior with a global belief, which becomes local if it is sure and narrow enough."""
        mode = global_belief.mode(place, self._tiles)
        sure = mode.probability >= self.settings.confidence
        if not sure or _sigma_m(mode.covariance_m2) > self._max_sigma_m:
            return replace(posterior, place=place, wrong=NOT_WRONG)
        tracked = local_belief.gaussian(self._tiles, mode.mean_m, mode.covariance_m2)
        return replace(posterior, place=tracked, wrong=WrongTrack(1.0 - mode.probability), had_fix=True)

    def _to_global(self, place: LocalBelief, wrong: WrongTrack) -> GlobalBelief:
        """Convert a track and its alternative to a global belief."""
        points_m, weights = place.points()
        weights = weights * (1.0 - wrong.probability)
        return global_belief.from_points(self._tiles, points_m, weights, wrong.alternative)

    def _belief(self, tracks: Rivals) -> Belief:
        lead, place = rivals.answer(tracks, self._mode, self._max_sigma_m)
        state = _state(lead)
        if isinstance(lead.place, LocalBelief):
            relocation = wrong_track.relocation(lead.wrong, lead.place, self._tiles)
            refusal = refusals.of_track(place.probability, lead.wrong.likelihood, relocation, self.settings)
        else:
            off_map = lead.place.off_map
            refusal = refusals.of_search(state, place.probability, off_map, self.settings.confidence)
        odometry = rivals.odometry_trust(tracks, self.settings, self._odometer.fault)
        resolution_m = self.likelihood_model.resolution * self._tiles.pitch_m
        return Belief(
            lead.stamp_ns,
            float(place.mean_m[0]),
            float(place.mean_m[1]),
            place.covariance_m2 + np.eye(2) * resolution_m**2,
            state,
            place.probability,
            lead.hypothesis_weights,
            refusals.with_concern(refusal, odometry.concern),
            lead.hint,
            odometry,
        )

    def _mode(self, track: Posterior) -> Mode:
        if isinstance(track.place, LocalBelief):
            return Mode(*track.place.moments(), 1.0 - track.wrong.probability)
        return global_belief.mode(track.place, self._tiles)


def _state(track: Posterior) -> State:
    if isinstance(track.place, LocalBelief):
        return State.TRACKING
    return State.LOST if track.had_fix else State.STARTING


def _one_more(posterior: Posterior, *, full: bool) -> int:
    """Return the number of look-ups since the last comparison with the whole map, after one more."""
    return 0 if full else posterior.frames_since_full + 1


def _expected(place: LocalBelief, likelihood: Float64Array) -> float:
    """Return the expected likelihood under a belief."""
    return float((place.weights * likelihood).sum())


def _sigma_m(covariance_m2: Float64Array) -> float:
    """Return the largest standard deviation in any direction."""
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance_m2)[-1], 0.0)))
