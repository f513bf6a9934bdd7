# SPDX-License-Identifier: Apache-2.0
"""Refusal rules at, above and below their limits, and the covariance against a hand computation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from geoloc import integrity
from geoloc.encoder.calibration import Calibration
from geoloc.errors import FrameRefused, Reason


def refusal_of(call, *arguments):
    with pytest.raises(FrameRefused) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("descriptor", "word"),
    [
        (np.zeros(4), "zero vector"),
        (np.array([1.0, math.nan, 0.0, 0.0]), "NaN"),
        (np.array([math.inf, 0.0, 0.0, 0.0]), "NaN or infinity"),
        (np.ones(3), "have 4 values"),
        (np.ones((2, 2)), "shape (2, 2)"),
        (np.ones(0), "shape (0,)"),
    ],
)
def test_a_descriptor_no_encoder_makes_is_refused(descriptor, word):
    refusal = refusal_of(integrity.checked_descriptor, descriptor, 4)
    assert refusal.reason is Reason.BAD_DESCRIPTOR
    assert word in refusal.sentence


def test_a_good_descriptor_comes_back_with_unit_length():
    vector = integrity.checked_descriptor(np.array([3.0, 0.0, 4.0]), 3)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [0.6, 0.0, 0.8], atol=1e-7)


@pytest.mark.parametrize("offset", [(math.nan, 0.0), (0.0, math.inf), (math.nan, math.nan)])
def test_an_offset_that_is_no_number_is_refused(offset):
    assert refusal_of(integrity.check_offset, *offset).reason is Reason.NO_OFFSET


def test_score_and_margin_are_held_against_their_limits():
    integrity.check_score(0.5, 0.5)
    integrity.check_margin(0.1, 0.1)
    integrity.check_margin(math.inf, 0.1)
    low = refusal_of(integrity.check_score, 0.49, 0.5)
    assert low.reason is Reason.LOW_SCORE
    assert "0.490" in low.sentence
    assert "0.500" in low.sentence
    assert refusal_of(integrity.check_margin, 0.09, 0.1).reason is Reason.LOW_MARGIN
    assert refusal_of(integrity.check_score, math.nan, 0.5).reason is Reason.LOW_SCORE
    assert refusal_of(integrity.check_margin, math.nan, 0.1).reason is Reason.LOW_MARGIN


@pytest.mark.parametrize("place", [(-11.0, 0.0), (11.0, 0.0), (0.0, -6.0), (0.0, 6.0), (math.nan, 0.0)])
def test_a_place_off_the_map_is_refused(place):
    bounds = (-10.0, -5.0, 10.0, 5.0)
    integrity.check_on_map(10.0, -5.0, bounds)
    assert refusal_of(integrity.check_on_map, *place, bounds).reason is Reason.OFF_MAP


def test_covariance_of_two_tiles_by_hand():
    # Two tiles 20 m apart in east, 3:1 -> variance 20² · 0.75 · 0.25 = 75; floor 20² / 12.
    covariance = integrity.covariance_m2(np.array([[0.0, 0.0], [20.0, 0.0]]), np.array([0.75, 0.25]), 20.0)
    np.testing.assert_allclose(covariance, [[75.0 + 400 / 12, 0.0], [0.0, 400 / 12]])


@given(st.lists(st.tuples(*[st.floats(-500, 500)] * 2, st.floats(0.01, 1)), min_size=1, max_size=9))
def test_covariance_is_symmetric_and_never_below_its_floor(rows):
    table = np.array(rows)
    weights = table[:, 2] / table[:, 2].sum()
    covariance = integrity.covariance_m2(table[:, :2], weights, 12.0)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() >= 12.0 - 1e-6


def test_a_calibrated_covariance_is_scaled_and_floored():
    claimed = np.array([[4.0, 1.0], [1.0, 2.0]])
    calibration = Calibration(0.0, 0.0, "by hand", covariance_scale=1.5, sigma_floor_m=2.0)
    np.testing.assert_allclose(integrity.calibrated(claimed, calibration), [[10.0, 1.5], [1.5, 7.0]])
    np.testing.assert_array_equal(integrity.calibrated(claimed, Calibration(0.0, 0.0, "none")), claimed)
    many = integrity.calibrated(np.stack([claimed, np.full((2, 2), math.nan)]), calibration)
    np.testing.assert_allclose(many[0], [[10.0, 1.5], [1.5, 7.0]])
    assert np.isnan(many[1]).all()


def test_sigma_is_the_root_of_the_trace():
    assert integrity.sigma_m(np.diag([9.0, 16.0])) == 5.0
    found = integrity.sigma_m(np.stack([np.eye(2) * math.nan, -np.eye(2), np.zeros((2, 2))]))
    np.testing.assert_array_equal(found, [math.nan, math.nan, 0.0])


def test_an_answer_that_is_not_sure_enough_is_refused():
    integrity.check_sigma(10.0, 10.0)
    integrity.check_sigma(1e6, 0.0)  # no limit
    refusal = refusal_of(integrity.check_sigma, 12.34, 10.0)
    assert refusal.reason is Reason.UNSURE
    assert "12.3 m" in refusal.sentence
    assert "10.0 m" in refusal.sentence
    assert refusal_of(integrity.check_sigma, math.nan, 10.0).reason is Reason.UNSURE


def test_the_normalised_error_is_that_of_linear_algebra():
    rng = np.random.default_rng(0)
    roots = rng.uniform(-20, 20, (50, 2, 2)) + 25 * np.eye(2)
    covariances, errors = roots @ roots.transpose(0, 2, 1), rng.uniform(-50, 50, (50, 2))
    expected = [e @ np.linalg.solve(c, e) for e, c in zip(errors, covariances, strict=True)]
    np.testing.assert_allclose(integrity.normalised_error(errors, covariances), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("error", "covariance", "expected"),
    [
        ((1.0, 1.0), np.zeros((2, 2)), math.inf),
        ((0.0, 0.0), np.ones((2, 2)), math.inf),
        ((1.0, 1.0), np.diag([-1.0, -1.0]), math.inf),
        ((1.0, 1.0), np.full((2, 2), math.nan), math.nan),
        ((math.nan, 1.0), np.eye(2), math.nan),
    ],
)
def test_the_error_is_inf_for_an_invalid_covariance_and_nan_if_unknown(error, covariance, expected):
    np.testing.assert_array_equal(integrity.normalised_error(np.array(error), covariance), expected)


def test_a_tilt_shifts_the_ground_as_the_camera_s_geometry_says():
    height_m, offset_m, tilt_rad = 80.0, np.array([-50.0, 30.0]), np.array([2e-4, -1e-4])
    turn = Rotation.from_rotvec([tilt_rad[1], -tilt_rad[0], 0.0]).as_matrix()
    moved = turn @ np.array([*-offset_m, -height_m])
    exact_m = moved[:2] / -moved[2] * height_m + offset_m
    np.testing.assert_allclose(integrity.tilt_shift(height_m, offset_m) @ tilt_rad, exact_m, rtol=1e-3)
    covariance_m2 = integrity.attitude_covariance_m2(height_m, np.zeros(2), 1.0)
    np.testing.assert_allclose(covariance_m2, np.eye(2) * integrity.attitude_m(height_m, 1.0) ** 2)
