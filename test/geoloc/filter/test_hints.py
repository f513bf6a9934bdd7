# SPDX-License-Identifier: Apache-2.0
"""Hints: positions from another source, weighed as one measurement among others."""

import math

import numpy as np
import pytest
import toy_sequence as toy

from geoloc.errors import HintRefused
from geoloc.filter import HintVerdict, State
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.query import Query

AWAY_M = np.array([120.0, -160.0])
NARROW = np.eye(2) * 2.0**2
TENTH_NS = 100_000_000


def fly_with(flight, hints_at, filter_=None):
    """Fly; `hints_at(i)` gives the hints (stamp_ns, place, covariance) that come before frame i."""
    filter_ = filter_ or toy.new_filter()
    for stamp_ns, place in zip(flight.stamps_ns, flight.odometry_m, strict=True):
        filter_.add_odometry(int(stamp_ns), tuple(place))
    beliefs = []
    for i, (stamp_ns, query) in enumerate(zip(flight.stamps_ns, flight.queries, strict=True)):
        for hint in hints_at(i):
            filter_.add_hint(*hint)
        beliefs.append(filter_.update(int(stamp_ns), toy.lookup(query)))
    errors_m = [toy.error_m(belief, truth) for belief, truth in zip(beliefs, flight.truth_m, strict=True)]
    return beliefs, np.array(errors_m)


def stream(flight, place_of, first=0):
    """Return hints at 5 Hz from frame `first` on, among them one that is a little ahead of each frame."""

    def hints_at(i):
        stamp_ns = int(flight.stamps_ns[i])
        ages = (-3, -1, 1) if i >= first else ()
        return [(stamp_ns + age * TENTH_NS, place_of(i), NARROW) for age in ages]

    return hints_at


def no_hints(_i):
    return []


@pytest.mark.parametrize("speed_mps", [toy.SPEED_MPS, 2.0])
def test_a_stream_of_wrong_hints_changes_neither_answers_nor_availability(speed_mps):
    flight = toy.fly(1, count=40, speed_mps=speed_mps)
    alone, _ = fly_with(flight, no_hints)
    place = flight.truth_m[15] + AWAY_M
    beliefs, errors_m = fly_with(flight, stream(flight, lambda _i: place, first=15))
    answered = toy.answered(beliefs)
    assert errors_m[answered].max() < toy.MAP.pitch_m
    assert answered.sum() >= toy.answered(alone).sum() - 1
    verdicts = {belief.hint.verdict for belief in beliefs[15:]}
    assert verdicts == {HintVerdict.CONTRADICTED}
    away_m = np.hypot(*(place - flight.truth_m[-1]))
    assert beliefs[-1].hint.distance_m == pytest.approx(away_m, abs=toy.MAP.pitch_m)


def test_a_stream_that_is_wrong_from_the_start_is_cast_off():
    flight = toy.fly(1, count=25)
    place = flight.truth_m[0] + AWAY_M
    beliefs, errors_m = fly_with(flight, stream(flight, lambda _i: place))
    answered = toy.answered(beliefs)
    assert answered[8:].all()
    assert errors_m[answered].max() < toy.MAP.pitch_m
    assert {belief.hint.verdict for belief in beliefs[8:]} == {HintVerdict.CONTRADICTED}


def test_a_single_wrong_hint_on_a_track_is_cast_off_at_once():
    flight = toy.fly(2, count=25)
    hint = (int(flight.stamps_ns[20]), flight.truth_m[20] + AWAY_M, NARROW)
    beliefs, errors_m = fly_with(flight, lambda i: [hint] if i == 20 else [])
    assert toy.answered(beliefs)[10:].all()
    assert errors_m[10:].max() < toy.MAP.pitch_m


def test_right_hints_make_the_track_surer_from_the_first_frame_on():
    flight = toy.fly(3, count=30)
    alone, before_m = fly_with(flight, no_hints)
    beliefs, errors_m = fly_with(flight, stream(flight, lambda i: flight.truth_m[i]))
    assert toy.answered(beliefs).all()
    assert np.mean(errors_m[:10]) < np.mean(before_m[:10])
    assert np.trace(beliefs[20].covariance_m2) < np.trace(alone[20].covariance_m2)
    assert beliefs[-1].hint.verdict is HintVerdict.AGREED


def test_a_stream_counts_as_one_hint():
    """A hundred hints in a row say little more than the first one."""
    sizes = []
    for ages in ((50,), range(50, -1, -2)):
        filter_ = toy.new_filter()
        filter_.add_hint(0, np.zeros(2), np.eye(2) * 30.0**2)
        flat = toy.lookup(np.zeros(toy.MAP.descriptors.shape[1], np.float32))
        for age in ages:
            filter_.add_hint((51 - age) * 10**9 // 50, np.zeros(2), np.eye(2) * 20.0**2)
            belief = filter_.update((51 - age) * 10**9 // 50, flat)
        sizes.append(float(np.trace(belief.covariance_m2)))
    one, many = sizes
    assert many > 0.9 * one


def test_a_hint_after_its_frame_is_weighed_as_if_it_had_come_before():
    flight = toy.fly(4, count=24)
    hint = (int(flight.stamps_ns[20]) - TENTH_NS, flight.truth_m[20] + [3.0, 2.0], NARROW)
    early, _ = fly_with(flight, lambda i: [hint] if i == 20 else [])
    late, _ = fly_with(flight, lambda i: [hint] if i == 22 else [])
    assert late[20].hint is None
    assert late[-1].hint == early[-1].hint
    assert (late[-1].east_m, late[-1].north_m) == pytest.approx((early[-1].east_m, early[-1].north_m))


def test_hints_ahead_of_the_frames_make_no_frame_late():
    flight = toy.fly(5, count=20)
    hours_ns = 3600 * 10**9
    beliefs, _ = fly_with(
        flight, lambda i: [(int(flight.stamps_ns[i]) + hours_ns, flight.truth_m[i] + AWAY_M, NARROW)]
    )
    assert toy.answered(beliefs)[10:].all()
    assert beliefs[-1].hint is None


def test_a_fast_stream_does_not_push_frames_out_of_the_memory():
    flight = toy.fly(5, count=20)
    filter_ = toy.new_filter()
    toy.run(flight, filter_)
    newest_ns = int(flight.stamps_ns[-1])
    for age in range(100):
        filter_.add_hint(newest_ns - age * TENTH_NS // 10, flight.truth_m[-1], NARROW)
    late = filter_.update(newest_ns - 12 * TENTH_NS, toy.lookup(flight.queries[-3]))
    assert late.refusal is None


def test_a_hint_older_than_the_memory_is_refused_in_words():
    flight = toy.fly(6, count=20)
    filter_ = toy.new_filter()
    toy.run(flight, filter_)
    with pytest.raises(HintRefused, match=r"is 6\.5 s older than the newest frame, more than memory_s 2;"):
        filter_.add_hint(3 * 10**9, flight.truth_m[-1], NARROW)


@pytest.mark.parametrize("place", [(9000.0, 0.0), (math.nan, 0.0), (0.0, math.inf)])
def test_a_hint_off_the_map_is_refused_and_changes_nothing(place):
    flight = toy.fly(29, count=20)
    filter_ = toy.new_filter()
    beliefs, _ = toy.run(flight, filter_)
    with pytest.raises(HintRefused, match="from the nearest tile of the map; check both"):
        filter_.add_hint(int(flight.stamps_ns[-1]), np.array(place), np.eye(2) * 25.0)
    again = filter_.update(int(flight.stamps_ns[-1]), toy.lookup(flight.queries[-1]))
    assert again.east_m == beliefs[-1].east_m
    assert again.hint is None


PROBLEMS = {
    "is unknown": None,
    "is zero": np.zeros((2, 2)),
    "holds NaN": np.array([[4.0, math.nan], [math.nan, 4.0]]),
    "is negative": -np.eye(2),
}


@pytest.mark.parametrize(("problem", "covariance"), PROBLEMS.items(), ids=PROBLEMS)
def test_without_a_usable_covariance_thirty_metres_are_assumed_and_said(problem, covariance):
    given = toy.new_filter().add_hint(0, np.array([10.0, 10.0]), covariance)
    assert given.sigma_m == pytest.approx(30.0)
    assert given.remark == (
        f"the covariance of the initial fix {problem}, so 30 m are assumed; send position_covariance in "
        "square metres."
    )


@pytest.mark.parametrize("variance_m2", [1e12, math.inf])
def test_a_hint_as_wide_as_the_map_says_nothing_and_is_refused(variance_m2):
    with pytest.raises(HintRefused, match="as wide as the map, whose diagonal is"):
        toy.new_filter().add_hint(0, np.zeros(2), np.diag([variance_m2, variance_m2]))


@pytest.mark.parametrize("place", [(618.0, 0.0), (-612.0, 612.0), (0.0, 0.0)])
def test_a_first_hint_at_the_edge_of_the_map_is_answered_at_once(place):
    filter_ = toy.new_filter()
    filter_.add_hint(0, np.array(place), NARROW)
    belief = filter_.update(0, toy.lookup(np.zeros(toy.MAP.descriptors.shape[1], np.float32)))
    assert belief.refusal is None
    assert toy.error_m(belief, place) < 1.0


def test_forgetting_lets_the_next_hint_count_in_full():
    flight = toy.fly(7, count=30)
    filter_ = toy.new_filter()
    fly_with(flight, lambda i: [(0, flight.truth_m[0] + AWAY_M, NARROW)] if i == 0 else [], filter_)
    filter_.add_hint(10**12, flight.truth_m[0], NARROW)  # ahead of all frames
    filter_.forget()
    filter_.add_hint(int(flight.stamps_ns[-1]) + TENTH_NS, flight.truth_m[-1], NARROW)
    belief = filter_.update(int(flight.stamps_ns[-1]) + TENTH_NS, toy.lookup(flight.queries[-1]))
    assert belief.refusal is None
    assert (belief.state, belief.hint.verdict) == (State.TRACKING, HintVerdict.STARTED)
    after = filter_.update(10**12, toy.lookup(flight.queries[-1]))
    assert after.hint == belief.hint


def test_the_localizer_names_degrees_off_the_earth_and_a_filter_that_is_off():
    with pytest.raises(HintRefused, match=r"latitude 91\.0, longitude 8\.0 is not a place on Earth"):
        Localizer(toy.MAP, None).add_hint(0, 91.0, 8.0)
    with pytest.raises(HintRefused, match="is ignored, because filter is false; set filter to true"):
        Localizer(toy.MAP, None, LocalizerSettings(filter=False)).add_hint(0, 47.0, 8.0)


def test_the_localizer_keeps_the_last_hint():
    flight = toy.fly(8, count=1, season=0.0)
    localizer = Localizer(toy.MAP, None)
    latitude, longitude = (float(v) for v in toy.MAP.frame.to_geodetic(*flight.truth_m[0]))
    localizer.add_hint(0, latitude, longitude, NARROW)
    assert localizer.hint is None
    assert localizer.answer(Query(0, flight.queries[0])).reason is None
    assert localizer.hint.verdict is HintVerdict.STARTED
