# SPDX-License-Identifier: Apache-2.0
"""Whole flights through the filter: search, tracking, covariance, and recovery."""

import re
from dataclasses import replace

import numpy as np
import pytest
import toy_sequence as toy
from scipy.stats import chi2

import toy_map
from geoloc.errors import FrameRefused, Reason
from geoloc.filter import BayesFilter, FilterSettings, State
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

FALSE_FIX_M = 100.0


def test_a_global_start_is_a_search_and_then_a_fix_within_ten_frames():
    beliefs, errors_m = toy.run(toy.fly(1), toy.new_filter())
    answered = toy.answered(beliefs)
    assert beliefs[0].refusal.reason is Reason.SEARCHING
    assert beliefs[0].state is State.STARTING
    assert answered[10:].all()
    assert np.median(errors_m[10:]) < toy.MAP.pitch_m / 4
    assert errors_m[answered].max() < FALSE_FIX_M
    assert beliefs[-1].state is State.TRACKING


def test_a_single_look_up_gives_no_fix():
    belief = toy.new_filter().update(0, toy.lookup(toy.views([(20.0, 40.0)], season=0.0)[0]))
    assert belief.probability < 1 - toy.LIKELIHOOD_MODEL.outlier_share
    assert belief.refusal.reason is Reason.SEARCHING


def test_without_odometry_it_tracks_by_the_estimated_speed_with_a_larger_covariance():
    flight = toy.fly(2)
    with_odometry, _ = toy.run(flight, toy.new_filter())
    without, errors_m = toy.run(flight, toy.new_filter(), odometry=False)
    assert toy.answered(without)[10:].all()
    assert errors_m[10:].max() < toy.MAP.pitch_m
    assert np.trace(without[-1].covariance_m2) > np.trace(with_odometry[-1].covariance_m2)


def test_the_covariance_means_what_it_says():
    count = 40
    found = []
    for seed in range(count):
        flight = toy.fly(seed, count=30)
        beliefs, _ = toy.run(flight, toy.new_filter())
        assert beliefs[-1].refusal is None
        found.append(toy.nees(beliefs[-1], flight.truth_m[-1]))
    low, high = chi2.ppf([0.01, 0.99], 2 * count) / count
    assert low < np.mean(found) < high


def test_odometry_of_an_unknown_heading_is_learnt():
    flight = toy.fly(4, count=60, odom_scale=0.0, odom_turn_rad=0.0)
    turned = flight.odometry_m @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    filter_ = toy.new_filter(odom_heading_known=False)
    for stamp_ns, place in zip(flight.stamps_ns, turned, strict=True):
        filter_.add_odometry(int(stamp_ns), tuple(place))
    beliefs, errors_m = toy.run(flight, filter_, odometry=False)
    assert toy.answered(beliefs)[20:].all()
    assert errors_m[20:].max() < toy.MAP.pitch_m / 2


def test_featureless_ground_only_lets_the_covariance_grow():
    flight = toy.fly(5, count=30)
    filter_ = toy.new_filter()
    before, _ = toy.run(flight, filter_)
    flat = np.zeros(toy.MAP.descriptors.shape[1], dtype=np.float32)
    beliefs = [filter_.update((30 + i) * toy.STEP_NS, toy.lookup(flat)) for i in range(8)]
    sizes = [float(np.trace(b.covariance_m2)) for b in [before[-1], *beliefs]]
    assert sizes == sorted(sizes)
    assert beliefs[-1].state is State.TRACKING


def test_a_kidnapped_drone_is_never_answered_where_it_was_and_soon_found_again():
    first, second = toy.fly(6, count=20, start=(-300, -300)), toy.fly(7, count=30, start=(300, 250))
    filter_ = toy.new_filter()
    toy.run(first, filter_)
    later_ns = int(first.stamps_ns[-1]) + toy.STEP_NS
    moved = toy.Flight(second.stamps_ns + later_ns, second.truth_m, second.odometry_m, second.queries)
    beliefs, errors_m = toy.run(moved, filter_, odometry=False)
    assert beliefs[0].refusal.reason is Reason.IMPOSSIBLE_SPEED
    assert re.search(r"\d{3} m from the track.* 0.5 s at max_speed_mps 25", beliefs[0].refusal.sentence)
    assert not (toy.answered(beliefs) & (errors_m > FALSE_FIX_M)).any()
    assert toy.answered(beliefs)[10:].all()
    assert errors_m[10:].max() < toy.MAP.pitch_m


def test_one_look_up_that_fits_badly_is_refused_and_the_track_continues():
    flight = toy.fly(6)
    queries = flight.queries.copy()
    queries[20] = toy.MAP.descriptors[::300].sum(axis=0)  # a mixture of many places
    queries[20] -= queries[20] @ flight.queries[20] * flight.queries[20]
    queries[20] /= np.linalg.norm(queries[20])
    beliefs, errors_m = toy.run(replace(flight, queries=queries), toy.new_filter())
    assert beliefs[20].refusal.reason is Reason.DISAGREES
    assert beliefs[20].state is State.TRACKING
    assert "at least 0.5 times is needed" in beliefs[20].refusal.sentence
    assert toy.answered(beliefs)[21:].all()
    assert errors_m[21:].max() < toy.MAP.pitch_m


def test_over_ground_beside_the_map_the_drone_is_reported_off_the_map():
    """The views resemble the map a little everywhere, as those of another town do."""
    flight, elsewhere = toy.fly(14, count=30, season=0.5), toy_map.ToyEncoder(seed=77)
    rng = np.random.default_rng(0)
    views = elsewhere.at(*flight.truth_m.T) + 0.8 * toy.MAP.descriptors[rng.integers(len(toy.TILES), size=30)]
    queries = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)
    model = replace(toy.LIKELIHOOD_MODEL, off_map_score=0.72)
    lost, _ = toy.run(replace(flight, queries=queries), toy.new_filter(model))
    assert {belief.refusal.reason for belief in lost[5:]} == {Reason.OFF_MAP}
    home, errors_m = toy.run(flight, toy.new_filter(model))
    assert toy.answered(home)[10:].all()
    assert errors_m[10:].max() < toy.MAP.pitch_m


def test_a_flight_over_another_place_finds_nothing():
    stranger = np.random.default_rng(0).normal(size=(60, toy.MAP.descriptors.shape[1]))
    filter_ = toy.new_filter()
    for i, vector in enumerate(stranger):
        query = (vector / np.linalg.norm(vector)).astype(np.float32)
        assert filter_.update(i * toy.STEP_NS, toy.lookup(query)).refusal is not None


def test_a_long_silence_loses_the_track_and_the_next_frames_find_the_place():
    flight = toy.fly(8, count=40)
    stamps_ns = flight.stamps_ns + np.where(np.arange(40) >= 20, 60_000_000_000, 0)
    late = toy.Flight(stamps_ns, flight.truth_m, flight.odometry_m, flight.queries)
    beliefs, errors_m = toy.run(late, toy.new_filter(), odometry=False)
    assert beliefs[20].refusal.reason is Reason.LOST
    assert toy.answered(beliefs)[30:].all()
    assert errors_m[30:].max() < toy.MAP.pitch_m


def test_a_first_hint_is_answered_at_once_and_a_wrong_one_is_soon_given_up():
    flight = toy.fly(9)
    good, bad = toy.new_filter(), toy.new_filter()
    good.add_hint(int(flight.stamps_ns[0]), flight.truth_m[0], np.eye(2) * 25.0)
    beliefs, errors_m = toy.run(flight, good)
    assert toy.answered(beliefs).all()
    assert errors_m.max() < toy.MAP.pitch_m
    bad.add_hint(int(flight.stamps_ns[0]), flight.truth_m[0] + [250.0, -200.0], np.eye(2) * 25.0)
    beliefs, errors_m = toy.run(flight, bad)
    assert (toy.answered(beliefs) & (errors_m > FALSE_FIX_M)).sum() <= 2
    assert errors_m[-1] < toy.MAP.pitch_m


def test_a_frame_of_the_hints_own_stamp_counts_on_top_of_it():
    flight = toy.fly(9, count=1)
    filter_ = toy.new_filter()
    filter_.add_hint(0, flight.truth_m[0] + [12.0, 0.0], np.eye(2) * 15.0**2)
    seen = filter_.update(0, toy.lookup(flight.queries[0]))
    assert seen.refusal is None
    assert toy.error_m(seen, flight.truth_m[0]) < 6.0


def test_a_map_of_tiles_far_apart_can_be_tracked_over():
    encoder = toy_map.ToyEncoder(reach_m=190.0)
    table = toy_map.toy_map(toy.ENCODER, east=(-300, 300), north=(-300, 300)).tiles.copy()
    for name in ("east_m", "north_m", "size_m"):
        table[name] *= 7.5
    descriptors = encoder.at(table["east_m"], table["north_m"])
    filter_ = BayesFilter(Tiles(table, 150.0, 300.0), settings=FilterSettings(max_speed_mps=80.0))
    for i in range(30):
        place = np.array([-700.0 + 50.0 * i, 20.0 * i])
        filter_.add_odometry(i * 2 * toy.STEP_NS, tuple(place))
        belief = filter_.update(i * 2 * toy.STEP_NS, LookUp(encoder.at(*place), descriptors))
    assert belief.refusal is None
    assert toy.error_m(belief, place) < 75.0


def test_a_wide_hint_narrows_the_search():
    flight = toy.fly(10)
    told, alone = toy.new_filter(), toy.new_filter()
    told.add_hint(-1, flight.truth_m[0] + [60.0, 0.0], np.eye(2) * 100.0**2)
    assert toy.run(flight, told)[0][0].probability > toy.run(flight, alone)[0][0].probability


def test_forgetting_starts_the_search_again():
    flight = toy.fly(11, count=20)
    filter_ = toy.new_filter()
    toy.run(flight, filter_)
    filter_.forget()
    belief = filter_.update(20 * toy.STEP_NS, toy.lookup(flight.queries[-1]))
    assert belief.state is State.STARTING


@pytest.mark.parametrize("seed", range(4))
def test_the_belief_does_not_depend_on_the_order_of_arrival(seed):
    flight = toy.fly(12, count=24)
    in_order, _ = toy.run(flight, toy.new_filter())
    rng = np.random.default_rng(seed)
    # Each frame comes at most three late: a second and a half, within the memory of two.
    order = np.argsort(np.arange(24) + rng.uniform(0, 3, 24))
    assert not np.array_equal(order, np.arange(24))
    filter_ = toy.new_filter()
    toy.run(flight, filter_, order=order)
    last = filter_.update(int(flight.stamps_ns[-1]), toy.lookup(flight.queries[-1]))
    assert (last.east_m, last.north_m) == pytest.approx((in_order[-1].east_m, in_order[-1].north_m), abs=1e-6)
    np.testing.assert_allclose(last.covariance_m2, in_order[-1].covariance_m2, rtol=1e-6)


def test_a_frame_that_comes_twice_counts_once():
    flight = toy.fly(13, count=12)
    once, twice = toy.new_filter(), toy.new_filter()
    beliefs, _ = toy.run(flight, once)
    again, _ = toy.run(flight, twice, order=[i for i in range(12) for _ in range(2)])
    assert again[-1].east_m == again[-2].east_m == beliefs[-1].east_m
    assert again[-1].probability == beliefs[-1].probability


def test_a_frame_a_minute_late_is_refused_and_changes_nothing():
    flight = toy.fly(14, count=30)
    stamps_ns = flight.stamps_ns + 120_000_000_000
    filter_ = toy.new_filter()
    late = toy.Flight(stamps_ns, flight.truth_m, flight.odometry_m, flight.queries)
    beliefs, _ = toy.run(late, filter_)
    with pytest.raises(FrameRefused, match="older than the newest") as refusal:
        filter_.update(int(stamps_ns[-1]) - 60_000_000_000, toy.lookup(flight.queries[0]))
    assert refusal.value.reason is Reason.LATE
    assert filter_.update(int(stamps_ns[-1]), toy.lookup(flight.queries[-1])) is not None
    assert filter_.update(int(stamps_ns[-1]), toy.lookup(flight.queries[-1])).east_m == beliefs[-1].east_m


def test_a_clock_that_was_set_back_is_accepted_after_a_few_frames():
    flight = toy.fly(15, count=20)
    filter_ = toy.new_filter()
    toy.run(toy.Flight(flight.stamps_ns + 10**12, flight.truth_m, flight.odometry_m, flight.queries), filter_)
    refused = 0
    for stamp_ns, query in zip(flight.stamps_ns, flight.queries, strict=True):
        try:
            last = filter_.update(int(stamp_ns), toy.lookup(query))
        except FrameRefused:
            refused += 1
    assert refused == 4
    assert last.refusal is None
