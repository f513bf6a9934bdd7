# SPDX-License-Identifier: Apache-2.0
"""The localizer on a map whose descriptors are known functions of the place."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import toy_map
from geoloc.camera.views import View
from geoloc.errors import ParameterError, Reason
from geoloc.filter.single_frame import softmax
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.query import Query

ENCODER = toy_map.ToyEncoder()
MAP = toy_map.toy_map(ENCODER)
ALONE = LocalizerSettings(filter=False)
SHARP = LocalizerSettings(filter=False, temperature=0.1)


def answer_at(east_m, north_m, *, offset=(0.0, 0.0), settings=SHARP, map_=MAP):
    descriptor = ENCODER.at(np.array(east_m), np.array(north_m))
    return Localizer(map_, None, settings).answer(Query(42, descriptor, offset))


def test_a_view_of_a_tile_is_answered_with_that_tile():
    fix = answer_at(20.0, -20.0)
    assert fix.reason is None
    assert fix.sentence == ""
    assert fix.stamp_ns == 42
    assert math.hypot(fix.east_m - 20.0, fix.north_m + 20.0) < 1.5
    best = MAP.tiles[fix.candidates.ids[0]]
    assert (best["east_m"], best["north_m"]) == (20.0, -20.0)
    assert fix.candidates.score[0] == pytest.approx(1.0, abs=1e-5)


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40))
def test_between_tiles_the_answer_lies_nearer_than_the_nearest_tile_could(east_m, north_m):
    fix = answer_at(east_m, north_m)
    assert fix.reason is None
    assert math.hypot(fix.east_m - east_m, fix.north_m - north_m) < toy_map.PITCH_M / 4


def test_degrees_and_metres_name_the_same_place():
    fix = answer_at(13.0, 7.0)
    east_m, north_m = MAP.frame.to_local(fix.latitude_deg, fix.longitude_deg)
    assert (float(east_m), float(north_m)) == pytest.approx((fix.east_m, fix.north_m), abs=1e-6)


def test_the_answer_is_for_the_camera_not_for_the_view():
    level, tilted = answer_at(0.0, 0.0), answer_at(0.0, 0.0, offset=(7.0, -3.0))
    assert tilted.east_m - level.east_m == pytest.approx(7.0)
    assert tilted.north_m - level.north_m == pytest.approx(-3.0)


def test_candidates_fall_in_score_and_are_k():
    fix = answer_at(5.0, 5.0, settings=LocalizerSettings(filter=False, k=4))
    assert len(fix.candidates.ids) == 4
    assert np.all(np.diff(fix.candidates.score) <= 0)
    np.testing.assert_array_equal(fix.candidates.east_m, MAP.tiles["east_m"][fix.candidates.ids])
    np.testing.assert_array_equal(fix.candidates.latitude_deg, MAP.tiles["latitude"][fix.candidates.ids])


@pytest.mark.parametrize(
    "descriptor",
    [np.full(toy_map.DEPTH, math.nan), np.zeros(toy_map.DEPTH), np.ones(3), np.ones((2, toy_map.DEPTH))],
)
def test_a_bad_descriptor_is_refused_without_candidates(descriptor):
    fix = Localizer(MAP, None, ALONE).answer(Query(1, descriptor))
    assert fix.reason is Reason.BAD_DESCRIPTOR
    assert math.isnan(fix.latitude_deg)
    assert math.isnan(fix.east_m)
    assert np.isnan(fix.covariance_m2).all()
    assert fix.candidates.ids.size == 0


def test_an_unknown_offset_is_refused():
    assert answer_at(0.0, 0.0, offset=(math.nan, 0.0)).reason is Reason.NO_OFFSET


def test_a_view_unlike_any_tile_is_refused_with_its_candidates():
    fix = answer_at(4000.0, 4000.0, settings=LocalizerSettings(filter=False, min_score=0.9))
    assert fix.reason is Reason.LOW_SCORE
    assert "0.900" in fix.sentence
    assert fix.candidates.ids.size > 0
    assert math.isnan(fix.longitude_deg)


def test_the_margin_is_to_another_place_not_to_the_neighbour():
    # The neighbours of the best tile score nearly as high; no tile that shares no ground with it does.
    strict = LocalizerSettings(filter=False, min_margin=0.3)
    assert answer_at(2.0, 1.0, settings=strict).reason is None
    twin = MAP.tiles[(MAP.tiles["east_m"] == 80) & (MAP.tiles["north_m"] == 60)]
    descriptors = MAP.descriptors.copy()
    descriptors[np.flatnonzero(MAP.tiles == twin[0])] = ENCODER.at(np.array(0.0), np.array(0.0))
    doubled = dataclasses.replace(MAP, descriptors=descriptors)
    assert answer_at(2.0, 1.0, settings=strict, map_=doubled).reason is Reason.LOW_MARGIN


def test_a_map_of_one_place_has_no_rival():
    alone = toy_map.toy_map(ENCODER, east=(0, 0), north=(0, 0))
    assert (
        answer_at(0.0, 0.0, settings=LocalizerSettings(filter=False, min_margin=2.0), map_=alone).reason
        is None
    )


def test_a_camera_far_off_the_map_is_refused_and_one_that_looks_in_is_not():
    # Tiles end at 100 m east; a camera may stand one view, 40 m, farther out.
    assert answer_at(80.0, 0.0, offset=(55.0, 0.0)).reason is None
    outside = answer_at(80.0, 0.0, offset=(75.0, 0.0))
    assert outside.reason is Reason.OFF_MAP
    assert math.isnan(outside.latitude_deg)


def test_tiles_of_another_scale_do_not_pull_the_answer():
    both = toy_map.toy_map(ENCODER, level_sizes=(toy_map.SIZE_M, 2 * toy_map.SIZE_M))
    best_of_small = answer_at(20.0, 20.0, map_=both)
    assert math.hypot(best_of_small.east_m - 20.0, best_of_small.north_m - 20.0) < 1.5


def test_covariance_grows_with_the_temperature_and_has_a_floor():
    level = LocalizerSettings(filter=False, attitude_error_deg=0.0)
    sharp = answer_at(3.0, 0.0, settings=dataclasses.replace(level, temperature=1e-3)).covariance_m2
    soft = answer_at(3.0, 0.0, settings=dataclasses.replace(level, temperature=1.0)).covariance_m2
    np.testing.assert_allclose(sharp, np.eye(2) * toy_map.PITCH_M**2 / 12, atol=0.1)
    assert np.trace(soft) > 2 * np.trace(sharp)


@pytest.mark.parametrize(("height_m", "expected_m"), [(100.0, 1.746), (math.nan, 0.698)])
def test_the_attitude_error_grows_with_the_height_or_else_with_the_views_width(height_m, expected_m):
    level = LocalizerSettings(filter=False, attitude_error_deg=0.0)
    descriptor = ENCODER.at(np.array([3.0]), np.array([0.0]))[0]
    plain, tilted = (
        Localizer(MAP, None, settings).answer(Query(1, descriptor, height_m=height_m))
        for settings in (level, dataclasses.replace(level, attitude_error_deg=1.0))
    )
    assert (plain.attitude_m, tilted.attitude_m) == pytest.approx((0.0, expected_m), abs=1e-3)
    np.testing.assert_allclose(
        tilted.covariance_m2 - plain.covariance_m2, np.eye(2) * expected_m**2, atol=0.01
    )


def test_localize_describes_the_view_and_answers():
    class Constant:
        card = ENCODER.card

        def describe(self, views):
            assert views.shape == (1, 32, 32, 3)
            return ENCODER.at(np.array([40.0]), np.array([20.0]))

    view = View(np.zeros((1, 32, 32, 3), np.uint8), 1.0, 5.0, 6.0, 100.0, 7, 1.0)
    fix = Localizer(MAP, Constant(), ALONE).localize(view)
    assert fix.stamp_ns == 7
    assert math.hypot(fix.east_m - 45.0, fix.north_m - 26.0) < 1.5


def test_without_an_encoder_a_view_cannot_be_localized():
    view = View(np.zeros((1, 32, 32, 3), np.uint8), 1.0, 0.0, 0.0, 100.0, 7, 1.0)
    with pytest.raises(ParameterError, match="no encoder"):
        Localizer(MAP, None).localize(view)


def test_a_map_of_another_model_is_refused():
    other = toy_map.ToyEncoder()
    other.card.sha256 = "1" * 64
    with pytest.raises(ParameterError, match="rebuild the map"):
        Localizer(MAP, other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", 0),
        ("min_score", 1.5),
        ("min_score", math.nan),
        ("min_margin", -0.1),
        ("attitude_error_deg", math.nan),
        ("attitude_error_deg", 31.0),
        ("temperature", 0.0),
        ("temperature", math.inf),
        ("temperature", math.nan),
    ],
)
def test_settings_out_of_range_name_themselves(name, value):
    with pytest.raises(ParameterError, match=name):
        LocalizerSettings(**{name: value})


@hypothesis_settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0.01, 10))
def test_softmax_sums_to_one_and_keeps_the_order(scores, temperature):
    weights = softmax(np.array(scores), temperature)
    assert weights.sum() == pytest.approx(1.0)
    order = np.argsort(scores)
    assert np.all(np.diff(weights[order]) >= -1e-12)
