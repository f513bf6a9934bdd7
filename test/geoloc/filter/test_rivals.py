# SPDX-License-Identifier: Apache-2.0
"""Odometry that is wrong: rejected or corrected, never worse than none, and named."""

from functools import cache

import numpy as np
import pytest
import toy_sequence as toy

from geoloc.errors import FrameRefused, Reason
from geoloc.filter import FilterSettings, OdometryTrust, motion, refusals, rivals
from geoloc.filter.global_belief import Mode
from geoloc.filter.odometry import Displacement
from geoloc.filter.posterior import Posterior
from geoloc.filter.rivals import Rivals

SEEDS = (40, 41)
COUNT = 50
SETTLED = 28
BEGINS = 20


def turned(odometry_m, deg):
    """Return odometry in axes turned clockwise, so that its displacements are turned counterclockwise."""
    cos, sin = np.cos(np.radians(deg)), np.sin(np.radians(deg))
    return odometry_m @ np.array([[cos, -sin], [sin, cos]]).T


def stuck_from(odometry_m, frame):
    return np.where(np.arange(len(odometry_m))[:, None] < frame, odometry_m, odometry_m[frame])


WRONG = {
    "turned by 57 degrees": lambda odometry_m: turned(odometry_m, 57.0),
    "turned round": lambda odometry_m: -odometry_m,
    "north-east-down": lambda odometry_m: odometry_m[:, ::-1],
    "stuck": lambda odometry_m: 0.0 * odometry_m,
    "stuck in mid-flight": lambda odometry_m: stuck_from(odometry_m, 15),
    "twice the distance": lambda odometry_m: 2.0 * odometry_m,
    "half the distance": lambda odometry_m: 0.5 * odometry_m,
}


def flown(seed, change=None, frames=range(COUNT), **settings):
    """Fly with changed odometry; return beliefs, errors in metres, and NEES."""
    flight = flight_of(seed)
    filter_ = toy.new_filter(**settings)
    if change is not None:
        changed = change(flight.odometry_m)
        for i in frames:
            filter_.add_odometry(int(flight.stamps_ns[i]), tuple(changed[i]))
    beliefs, errors_m = toy.run(flight, filter_, odometry=False)
    nees = [toy.nees(*each) for each in zip(beliefs, flight.truth_m, strict=True)]
    return beliefs, errors_m, np.array(nees)


@cache
def flight_of(seed):
    return toy.fly(seed, count=COUNT)


@cache
def without(seed):
    return flown(seed)


def as_given(odometry_m):
    return odometry_m


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_odometry_is_no_worse_than_none(change):
    runs = [(flown(seed, change), without(seed)) for seed in SEEDS]
    wrong_m, none_m = (np.concatenate([pair[i][1][SETTLED:] for pair in runs]) for i in (0, 1))
    assert np.median(wrong_m) < 1.25 * np.median(none_m) + 0.5
    assert np.percentile(wrong_m, 90) < toy.MAP.pitch_m / 2
    assert np.median([pair[0][2][SETTLED:] for pair in runs]) < 4.0
    for (beliefs, errors_m, _), (alone, _, _) in runs:
        assert not (toy.answered(beliefs) & (errors_m > 100.0)).any()
        assert toy.answered(beliefs).sum() >= toy.answered(alone).sum() - 2
        assert any(belief.odometry.concern.startswith("odom ") for belief in beliefs)


@pytest.mark.parametrize("seed", SEEDS)
def test_right_odometry_is_trusted_and_better_than_none(seed):
    beliefs, errors_m, _ = flown(seed, as_given)
    assert min(belief.odometry.trust for belief in beliefs[2:]) > 0.5
    assert beliefs[-1].odometry.concern == ""
    assert np.median(errors_m[SETTLED:]) < np.median(without(seed)[1][SETTLED:])


def test_axes_of_an_unknown_heading_are_found_after_the_odometry_was_rejected():
    found = flown(SEEDS[0], lambda odometry_m: turned(odometry_m, 57.0))[0][-1].odometry
    assert found.turn_deg == pytest.approx(-57.0, abs=12.0)
    assert found.scale == pytest.approx(1.0, abs=0.2)


def test_odometry_that_begins_in_mid_flight_is_used_and_wrong_one_is_not():
    late = range(BEGINS, COUNT)
    right, errors_m, _ = flown(SEEDS[0], as_given, late)
    alone = without(SEEDS[0])
    assert [belief.east_m for belief in right[:BEGINS]] == [belief.east_m for belief in alone[0][:BEGINS]]
    assert np.isnan(right[BEGINS - 1].odometry.trust)
    assert right[-1].odometry.trust > 0.9
    assert np.median(errors_m[SETTLED:]) < np.median(alone[1][SETTLED:])
    wrong, errors_m, _ = flown(SEEDS[0], WRONG["turned by 57 degrees"], late)
    assert np.median(errors_m[SETTLED + 10 :]) < toy.MAP.pitch_m / 2
    assert min(belief.odometry.trust for belief in wrong[BEGINS + 1 :]) < 0.5


def test_odometry_that_resets_to_zero_is_left_out_for_one_step_alone():
    def reset(odometry_m):
        return odometry_m - np.where(np.arange(COUNT)[:, None] < 30, 0.0, odometry_m[30])

    plain, again = flown(SEEDS[0], as_given), flown(SEEDS[0], reset)
    np.testing.assert_allclose(again[1][42:], plain[1][42:], atol=2.0)
    assert [np.isnan(belief.odometry.trust) for belief in again[0][29:32]] == [False, True, False]
    assert again[0][-1].odometry.trust > 0.9


def posterior(evidence=1.0, **more):
    moving = motion.prior(True, FilterSettings())
    return Posterior(0, None, moving, np.ones(1), evidence=evidence, **more)


def judged(trust, by_odometry, plain):
    """Return the rivals after a look-up with these likelihoods."""
    before = Rivals(posterior(), posterior(), trust, trust)
    return rivals.step(
        before,
        Displacement(np.array([6.0, 0.0])),
        lambda _, odometry: posterior(plain if odometry is None else by_odometry),
    )


def test_the_odds_are_multiplied_by_the_ratio_of_the_likelihoods():
    assert judged(0.8, by_odometry=0.5, plain=1.0).trust == pytest.approx(2.0 / 3.0)
    assert judged(0.5, by_odometry=3.0, plain=1.0).lasting == pytest.approx(0.75)


def test_trust_is_bounded_so_that_a_few_look_ups_can_end_it():
    right = judged(0.9, by_odometry=1e6, plain=1.0)
    assert right.trust < right.lasting < 1.0
    assert right.plain.evidence == 1.0
    assert judged(right.trust, by_odometry=1.0, plain=30.0).trust < 0.5


def test_rejected_odometry_restarts_from_the_other_track_with_unknown_axes():
    wrong = judged(0.1, by_odometry=1e-6, plain=1.0)
    assert wrong.by_odometry.evidence == wrong.plain.evidence == 1.0
    assert wrong.plain.axes_known
    assert not wrong.by_odometry.axes_known
    assert 0.0 < wrong.trust == wrong.lasting < 0.05


def test_a_gap_of_odometry_keeps_its_error_and_the_likelier_track():
    learnt = motion.MotionState(True, np.array([0.0, 0.4]), np.eye(2) * 0.01, np.eye(2))
    before = Rivals(posterior(2.0), Posterior(0, None, learnt, np.ones(1), evidence=3.0), 0.9)
    gap = rivals.step(before, None, lambda track, _: track)
    assert gap.plain.evidence == 3.0
    assert gap.by_odometry is None
    after = rivals.step(gap, Displacement(np.array([6.0, 0.0])), lambda track, _: track)
    np.testing.assert_array_equal(after.by_odometry.motion.mean, learnt.mean)
    np.testing.assert_array_equal(after.by_odometry.motion.with_position, 0.0)


def mode(east_m, probability):
    return Mode(np.array([east_m, 0.0]), np.eye(2) * 4.0, probability)


def test_two_tracks_at_one_place_are_one_answer_with_the_covariance_of_both():
    both = rivals.merged(mode(0.0, 1.0), mode(17.0, 1.0), 0.8)
    np.testing.assert_allclose(both.mean_m, [1.0, 0.0])
    np.testing.assert_allclose(both.covariance_m2, np.diag([4.0 + 16.0 / 17.0 * 1.0 + 256.0 / 17.0, 4.0]))
    assert both.probability == pytest.approx(1.0)
    np.testing.assert_allclose(rivals.merged(mode(0.0, 1.0), mode(17.0, 1.0), 0.5).mean_m, [8.5, 0.0])


def test_a_sure_track_elsewhere_takes_its_share_of_the_probability_and_a_vague_one_nothing():
    assert rivals.contradicted(mode(0.0, 1.0), mode(500.0, 1.0), 0.8).probability == pytest.approx(0.8)
    assert rivals.contradicted(mode(0.0, 1.0), mode(500.0, 0.01), 0.98).probability > 0.999
    assert rivals.contradicted(mode(0.0, 1.0), mode(500.0, 0.01), 0.6).probability < 0.9


@pytest.mark.parametrize(("trust", "lasting", "leads"), [(0.9, 0.2, 500.0), (0.1, 0.8, 0.0)])
def test_between_distant_places_the_lasting_trust_decides(trust, lasting, leads):
    tracks = Rivals(posterior(0.5), posterior(2.0), trust, lasting)
    places = {0.5: mode(500.0, 1.0), 2.0: mode(0.0, 1.0)}
    lead, place = rivals.answer(tracks, lambda track: places[track.evidence], 40.0)
    assert place.mean_m[0] == places[lead.evidence].mean_m[0] == leads
    assert place.probability == pytest.approx(max(lasting, 1.0 - lasting))
    _, merged = rivals.answer(tracks, lambda track: places[track.evidence], 600.0)
    assert merged.mean_m[0] == pytest.approx(500.0 * (1.0 - trust) ** 2 / (trust**2 + (1.0 - trust) ** 2))


def test_a_refusal_names_odometry_that_was_rejected():
    refusal = FrameRefused(Reason.SEARCHING, "searching the whole map.")
    told = refusals.with_concern(refusal, OdometryTrust(0.1).concern)
    assert told.reason is Reason.SEARCHING
    assert told.sentence.startswith("searching the whole map; odom contradicts the views and is not used;")
    assert refusals.with_concern(refusal, OdometryTrust(0.9).concern) is refusal
    assert refusals.with_concern(None, OdometryTrust(0.1).concern) is None
