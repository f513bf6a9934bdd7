# SPDX-License-Identifier: Apache-2.0
"""Flights with a wrong heading or height: the filter finds the true hypothesis and the place."""

from dataclasses import replace

import numpy as np
import pytest
import toy_sequence as toy
from scipy.spatial.transform import Rotation

import toy_map
from geoloc.filter import (
    BayesFilter,
    FilterSettings,
    Hint,
    State,
    global_belief,
    hypothesis_weights,
    local_belief,
    motion,
)
from geoloc.filter.odometry import Displacement
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.query import Query
from geoloc.search.lookup import LookUp

ANY_HEADING = Hypotheses(heading_error_deg=180.0)
ANY_HEIGHT = Hypotheses(height_error=0.6)
# Each wrong hypothesis shows ground of its own, which is not on the map.
ELSEWHERE = [toy_map.ToyEncoder(seed=200 + row) for row in range(ANY_HEADING.count)]


def hypothesis_of(tried, turn_deg=0.0, scale=1.0):
    return int(np.argmin(np.abs(tried.turns_deg - turn_deg) + np.abs(tried.scales - scale)))


def stacked(queries, places_m, tried, right):
    """Return descriptors (frames, n, D): one hypothesis sees the place, its neighbours see it badly."""
    wrong = [ELSEWHERE[row].at(*np.transpose(places_m)) for row in range(tried.count)]
    near = tried.neighbours[right].astype(float)
    found = np.stack(wrong, axis=1) + 0.7 * near[:, None] * queries[:, None]
    found[:, right] = queries
    return (found / np.linalg.norm(found, axis=2, keepdims=True)).astype(np.float32)


def new_filter(tried, **settings):
    return BayesFilter(toy.TILES, toy.LIKELIHOOD_MODEL, FilterSettings(**settings), tried)


def feed_odometry(believer, flight, turn_deg=0.0):
    """Add odometry whose axes have the error of a heading that is truly `turn_deg` further clockwise."""
    said_m = flight.odometry_m @ Rotation.from_euler("z", -turn_deg, degrees=True).as_matrix()[:2, :2]
    for stamp_ns, place in zip(flight.stamps_ns, said_m, strict=True):
        believer.add_odometry(int(stamp_ns), tuple(place))


def fly(filter_, flight, tried, right, offsets_m=(0.0, 0.0)):
    """Return beliefs, and errors in metres, of a flight with the hypotheses `tried`."""
    feed_odometry(filter_, flight, tried.turns_deg[right])
    seen_m = flight.truth_m - tried.offsets_m(offsets_m)[right]
    queries = stacked(toy.views(seen_m), seen_m, tried, right)
    beliefs = [
        filter_.update(int(stamp_ns), LookUp(query, toy.MAP.descriptors, tried.offsets_m(offsets_m)))
        for stamp_ns, query in zip(flight.stamps_ns, queries, strict=True)
    ]
    return beliefs, np.array([toy.error_m(b, t) for b, t in zip(beliefs, flight.truth_m, strict=True)])


@pytest.mark.parametrize(("tried", "turn_deg", "scale"), [(ANY_HEADING, 120.0, 1.0), (ANY_HEIGHT, 0.0, 1.44)])
def test_a_wrong_heading_or_height_is_found_with_the_place(tried, turn_deg, scale):
    beliefs, errors_m = fly(new_filter(tried), toy.fly(1), tried, hypothesis_of(tried, turn_deg, scale))
    answered = toy.answered(beliefs)
    assert answered[12:].all()
    assert errors_m[answered].max() < toy.MAP.pitch_m
    weights = beliefs[-1].hypothesis_weights
    assert weights.sum() == pytest.approx(1.0)
    assert hypothesis_weights.heading_offset_deg(weights, tried) == pytest.approx(turn_deg, abs=4.0)
    assert hypothesis_weights.height_scale(weights, tried) == pytest.approx(scale, rel=0.04)


def test_the_axes_of_odometry_share_the_error_and_uncertainty_of_the_heading():
    east = np.eye(ANY_HEADING.count)[hypothesis_of(ANY_HEADING, 90.0)]
    mean, covariance = hypothesis_weights.odometry_error(east, ANY_HEADING)
    moved = motion.predict(
        motion.prior(False, FilterSettings()),
        Displacement(np.array([0.0, 10.0])),
        1.0,
        FilterSettings(),
        (mean, covariance),
    )
    np.testing.assert_allclose(moved.shift_m, (10.0, 0.0), atol=1e-9)  # odometry reports north
    np.testing.assert_allclose(covariance, 0.0, atol=1e-9)
    mean, covariance = hypothesis_weights.odometry_error(hypothesis_weights.uniform(ANY_HEADING), ANY_HEADING)
    np.testing.assert_allclose(mean, (-1.0, 0.0), atol=1e-9)  # no displacement on average
    np.testing.assert_allclose(covariance, np.eye(2) / 2.0, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_odometry_that_shares_the_heading_helps_sooner_than_odometry_with_unknown_axes(seed):
    right, first, worst_m = hypothesis_of(ANY_HEADING, 120.0), [], []
    for known in (True, False):
        slow = replace(toy.LIKELIHOOD_MODEL, temperature=0.1)  # a longer search
        filter_ = BayesFilter(toy.TILES, slow, FilterSettings(odom_heading_known=known), ANY_HEADING)
        beliefs, errors_m = fly(filter_, toy.fly(seed), ANY_HEADING, right)
        answered = toy.answered(beliefs)
        assert answered[-10:].all()
        first.append(int(answered.argmax()))
        worst_m.append(errors_m[answered].max())
    assert first[0] < first[1]
    assert worst_m[0] < worst_m[1] / 1.5


def test_the_camera_lies_at_the_offset_of_the_true_hypothesis():
    flight, right = toy.fly(3), hypothesis_of(ANY_HEADING, 120.0)
    beliefs, errors_m = fly(new_filter(ANY_HEADING), flight, ANY_HEADING, right, offsets_m=(0.0, 30.0))
    assert toy.answered(beliefs)[15:].all()
    assert np.median(errors_m[20:]) < toy.MAP.pitch_m / 4
    apart_m = np.hypot(*(ANY_HEADING.offsets_m((0.0, 30.0))[right] - (0.0, 30.0)))
    assert apart_m > 2 * errors_m[20:].max()


def test_a_heading_that_changes_in_flight_is_followed():
    filter_, flight = new_filter(ANY_HEADING), toy.fly(5, count=60)
    rights = [hypothesis_of(ANY_HEADING, 0.0)] * 30 + [hypothesis_of(ANY_HEADING, 15.0)] * 30
    feed_odometry(filter_, flight)
    for i, right in enumerate(rights):
        query = stacked(flight.queries[i : i + 1], flight.truth_m[i : i + 1], ANY_HEADING, right)[0]
        belief = filter_.update(int(flight.stamps_ns[i]), LookUp(query, toy.MAP.descriptors))
    assert belief.state is State.TRACKING
    assert hypothesis_weights.heading_offset_deg(belief.hypothesis_weights, ANY_HEADING) == pytest.approx(
        15.0, abs=4.0
    )
    assert toy.error_m(belief, flight.truth_m[-1]) < toy.MAP.pitch_m / 2


def test_no_hypothesis_is_ever_ruled_out_and_estimates_fade():
    beliefs, _ = fly(new_filter(ANY_HEADING), toy.fly(1), ANY_HEADING, 0)
    weights = beliefs[-1].hypothesis_weights
    assert weights.min() > 1e-4
    later = hypothesis_weights.predict(weights, ANY_HEADING, 30.0)
    assert later.sum() == pytest.approx(1.0)
    assert later[0] < weights[0]
    beside, opposite = hypothesis_of(ANY_HEADING, 15.0), hypothesis_of(ANY_HEADING, 180.0)
    assert later[beside] > weights[beside]
    assert later[opposite] == pytest.approx(weights[opposite], rel=0.01)


def test_estimates_are_dropped_when_the_filter_forgets():
    filter_ = new_filter(ANY_HEADING)
    fly(filter_, toy.fly(1), ANY_HEADING, hypothesis_of(ANY_HEADING, 120.0))
    filter_.forget()
    blank = np.zeros((ANY_HEADING.count, toy.MAP.descriptors.shape[1]), np.float32)
    belief = filter_.update(10**12, LookUp(blank, toy.MAP.descriptors))
    np.testing.assert_allclose(belief.hypothesis_weights, 1.0 / ANY_HEADING.count, rtol=1e-6)


def test_beside_the_map_the_heading_is_not_estimated():
    filter_ = new_filter(ANY_HEADING)
    filter_.add_hint(0, np.array([590.0, 0.0]), np.eye(2) * 25.0)
    queries = stacked(toy.views([(590.0, 0.0)]), np.array([(590.0, 0.0)]), ANY_HEADING, 3)
    offsets_m = np.tile((250.0, 0.0), (ANY_HEADING.count, 1))
    belief = filter_.update(1, LookUp(queries[0], toy.MAP.descriptors, -offsets_m))
    np.testing.assert_allclose(belief.hypothesis_weights, 1.0 / ANY_HEADING.count, rtol=1e-6)


@pytest.mark.parametrize("believing", [True, False])
def test_the_localizer_reports_heading_and_height(believing):
    tried = Hypotheses(180.0, 0.3)
    right = hypothesis_of(tried, -45.0, 1.2)
    settings = LocalizerSettings(filter=believing, likelihood_model=toy.LIKELIHOOD_MODEL, hypotheses=tried)
    localizer = Localizer(toy.MAP, None, settings)
    assert np.isnan(localizer.heading_offset_deg)
    assert localizer.height_scale == pytest.approx(1.0)
    flight = toy.fly(1, count=20)
    noise = np.random.default_rng(0).normal(size=(20, tried.count, toy_map.DEPTH)).astype(np.float32)
    noise[:, right] = flight.queries
    feed_odometry(localizer, flight, -45.0)
    for stamp_ns, query in zip(flight.stamps_ns, noise, strict=True):
        fix = localizer.answer(Query(int(stamp_ns), query))
    assert fix.reason is None
    assert np.hypot(*(np.array([fix.east_m, fix.north_m]) - flight.truth_m[-1])) < toy.MAP.pitch_m
    assert localizer.heading_offset_deg == pytest.approx(-45.0, abs=4.0)
    assert localizer.height_scale == pytest.approx(1.2, rel=0.02)


def test_without_a_filter_the_best_hypothesis_of_the_best_tile_gives_the_offset():
    right = hypothesis_of(ANY_HEADING, 90.0)
    settings = LocalizerSettings(filter=False, hypotheses=ANY_HEADING)
    place = np.array([(20.0, 40.0)])
    queries = stacked(toy.views(place, season=0.5), place, ANY_HEADING, right)
    fix = Localizer(toy.MAP, None, settings).answer(Query(1, queries[0], (0.0, 10.0)))
    assert np.hypot(fix.east_m - 30.0, fix.north_m - 40.0) < toy.MAP.pitch_m / 4


def test_the_first_look_up_uses_the_offset_of_its_own_best_hypothesis():
    right, place = hypothesis_of(ANY_HEADING, 120.0), np.array([(100.0, 40.0)])
    offsets_m = ANY_HEADING.offsets_m((0.0, 60.0))
    query = stacked(toy.views(place, season=0.0), place, ANY_HEADING, right)[0]
    belief = new_filter(ANY_HEADING).update(0, LookUp(query, toy.MAP.descriptors, offsets_m))
    assert toy.error_m(belief, place[0] + offsets_m[right]) < toy.MAP.pitch_m


def test_a_place_is_assigned_to_the_tiles_that_its_view_shows():
    tiles, place_m, offset_m = toy.TILES, np.array([100.0, -60.0]), np.array([40.0, -20.0])
    ids, weights = local_belief.tile_weights(
        local_belief.gaussian(tiles, place_m, np.eye(2) * 16.0), tiles, offset_m
    )
    assert tiles.centres_m[ids[weights.argmax()]].tolist() == [60.0, -40.0]
    assert weights @ tiles.centres_m[ids] / weights.sum() == pytest.approx([60.0, -40.0], abs=0.5)
    anywhere = global_belief.uniform(tiles)
    density = global_belief.density_of(Hint(place_m, np.eye(2) * 400.0), anywhere, tiles)
    somewhere, _ = global_belief.weigh(anywhere, tiles, density, 1.0, 1e-3)
    assert tiles.centres_m[global_belief.tile_weights(somewhere, tiles, offset_m).argmax()].tolist() == [
        60.0,
        -40.0,
    ]


def test_the_same_ground_again_changes_the_heading_little():
    place, right = np.array([(100.0, 40.0)]), hypothesis_of(ANY_HEADING, 120.0)
    lookup = LookUp(stacked(toy.views(place), place, ANY_HEADING, right)[0], toy.MAP.descriptors)
    anywhere, evenly = global_belief.uniform(toy.TILES), hypothesis_weights.uniform(ANY_HEADING)
    new, again = (
        hypothesis_weights.update(evenly, lookup, anywhere, toy.TILES, toy.LIKELIHOOD_MODEL, share)[right]
        for share in (1.0, 0.05)
    )
    assert new > 0.5
    assert again < 0.1


def test_after_a_long_pause_the_heading_may_have_wandered():
    right, beside = (hypothesis_of(ANY_HEADING, turn) for turn in (120.0, 135.0))

    def beside_after(pause_s):
        filter_, flight = new_filter(ANY_HEADING), toy.fly(1)
        fly(filter_, flight, ANY_HEADING, right)
        blank = np.ones((ANY_HEADING.count, toy_map.DEPTH), np.float32) / np.sqrt(toy_map.DEPTH)
        stamp_ns = int(flight.stamps_ns[-1] + pause_s * 1e9)
        return filter_.update(stamp_ns, LookUp(blank, toy.MAP.descriptors)).hypothesis_weights[beside]

    assert beside_after(20.0) > beside_after(0.5) + 0.02


def test_giving_up_a_place_drops_the_estimate_of_the_heading():
    filter_, flight = new_filter(ANY_HEADING), toy.fly(1)
    beliefs, _ = fly(filter_, flight, ANY_HEADING, hypothesis_of(ANY_HEADING, 120.0))
    random, stamp_ns = np.random.default_rng(0), int(flight.stamps_ns[-1])
    while beliefs[-1].state is State.TRACKING:
        query = random.normal(size=(ANY_HEADING.count, toy_map.DEPTH)).astype(np.float32)
        query /= np.linalg.norm(query, axis=1, keepdims=True)
        stamp_ns += toy.STEP_NS
        beliefs.append(filter_.update(stamp_ns, LookUp(query, toy.MAP.descriptors)))
        assert len(beliefs) < 200
    assert beliefs[-2].hypothesis_weights.max() > 0.3
    np.testing.assert_allclose(beliefs[-1].hypothesis_weights, 1.0 / ANY_HEADING.count)


def test_look_ups_are_compared_by_the_most_likely_hypothesis(monkeypatch):
    compared, cosine_with = [], LookUp.cosine_with
    monkeypatch.setattr(
        LookUp,
        "cosine_with",
        lambda one, other, index=0: compared.append(index) or cosine_with(one, other, index),
    )
    fly(new_filter(ANY_HEADING), toy.fly(1), ANY_HEADING, hypothesis_of(ANY_HEADING, 120.0))
    assert set(compared[5:]) == {hypothesis_of(ANY_HEADING, 120.0)}


def test_candidates_follow_the_weights_of_the_headings():
    right, wrong = hypothesis_of(ANY_HEADING, 120.0), hypothesis_of(ANY_HEADING, -90.0)
    settings = LocalizerSettings(likelihood_model=toy.LIKELIHOOD_MODEL, hypotheses=ANY_HEADING)
    localizer, flight = Localizer(toy.MAP, None, settings), toy.fly(1, season=0.3)
    queries = stacked(flight.queries, flight.truth_m, ANY_HEADING, right)
    decoy = int(toy.TILES.nearest(flight.truth_m[-1:] + np.array([60.0, 0.0]))[1][0])
    queries[-1, wrong] = toy.MAP.descriptors[decoy]  # a perfect match under a wrong heading
    for stamp_ns, query in zip(flight.stamps_ns, queries, strict=True):
        fix = localizer.answer(Query(int(stamp_ns), query))
    assert fix.candidates.ids[0] != decoy
    best_m = np.array([fix.candidates.east_m[0], fix.candidates.north_m[0]])
    assert np.hypot(*(best_m - flight.truth_m[-1])) < toy.MAP.pitch_m


BAD = {
    "too few": np.ones((3, toy_map.DEPTH)),
    "one where rows are meant": np.ones(toy_map.DEPTH),
    "NaN in one row": np.where(np.arange(24)[:, None] == 7, np.nan, np.ones((24, toy_map.DEPTH))),
    "of another model": np.ones((24, 3)),
    "a cube": np.ones((24, 2, toy_map.DEPTH)),
}


@pytest.mark.parametrize("descriptor", BAD.values(), ids=BAD)
def test_rows_that_do_not_fit_are_refused(descriptor):
    fix = Localizer(toy.MAP, None, LocalizerSettings(hypotheses=ANY_HEADING)).answer(Query(1, descriptor))
    assert fix.reason is not None
    assert fix.reason.value == "bad_descriptor"


def test_the_refusal_of_a_wrong_number_of_rows_names_both_parameters_and_the_fix():
    fix = Localizer(toy.MAP, None).answer(Query(1, np.ones((3, toy_map.DEPTH))))
    assert fix.sentence == (
        "the descriptor has 3 rows, but heading_error_deg 0 and height_error 0 need 1; give camera_node and "
        "retrieval_node the same values of both, under `/**` as in config/bringup.yaml, and the params.yaml "
        "of one model."
    )


def test_one_row_answers_to_the_bit_as_a_plain_descriptor_does():
    flight = toy.fly(2)
    plain, row = (
        Localizer(toy.MAP, None, LocalizerSettings(likelihood_model=toy.LIKELIHOOD_MODEL)) for _ in range(2)
    )
    for stamp_ns, query in zip(flight.stamps_ns, flight.queries, strict=True):
        one = plain.answer(Query(int(stamp_ns), query, (3.0, -2.0)))
        other = row.answer(Query(int(stamp_ns), query[None], (3.0, -2.0)))
        np.testing.assert_array_equal(
            [one.east_m, one.north_m, *one.covariance_m2.ravel()],
            [other.east_m, other.north_m, *other.covariance_m2.ravel()],
        )
