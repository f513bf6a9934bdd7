# SPDX-License-Identifier: Apache-2.0
"""Hypotheses: their number, the places of their views, and their distance from any truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import ParameterError
from geoloc.hypotheses import MAX_HYPOTHESES, Hypotheses, Tolerances


def apart_deg(a, b):
    return np.abs((np.asarray(a) - b + 180.0) % 360.0 - 180.0)


def test_by_default_there_is_one_hypothesis_as_assumed():
    assert Hypotheses().count == 1
    assert (Hypotheses().turns_deg.tolist(), Hypotheses().scales.tolist()) == ([0.0], [1.0])


@pytest.mark.parametrize(
    ("error_deg", "count"),
    [(0, 1), (13, 1), (14, 3), (15, 3), (28, 3), (30, 5), (90, 13), (170, 23), (180, 24)],
)
def test_turns_are_multiples_of_15_degrees_and_the_assumed_one_is_first(error_deg, count):
    turns = Hypotheses(heading_error_deg=error_deg).turns_deg
    assert turns[0] == 0.0
    assert len(set(turns)) == len(turns) == count
    assert not (turns % 15.0).any()
    assert turns.min() > -180.0


@pytest.mark.parametrize(("error", "count"), [(0.0, 1), (0.12, 1), (0.15, 3), (0.3, 5), (0.6, 11)])
def test_scales_go_as_far_down_as_up(error, count):
    scales = Hypotheses(height_error=error).scales
    assert scales[0] == 1.0
    assert len(scales) == count
    assert sorted(scales) == pytest.approx(sorted(1.0 / scales))


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 180), st.floats(0, 0.6), st.floats(-1, 1), st.floats(-1, 1))
def test_every_truth_within_the_errors_is_tolerably_near_a_hypothesis(
    error_deg, error, turn_share, scale_share
):
    tried = Hypotheses(error_deg, error)
    turn_deg = turn_share * error_deg
    height = (1.0 - error) ** scale_share
    near = (apart_deg(tried.turns_deg, turn_deg) <= 13.0 + 1e-6) & (
        np.abs(np.log(tried.scales / height)) <= math.log(1.14) + 1e-6
    )
    assert near.any()


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 0.6), st.floats(0.1, 1.0), st.floats(-1, 1))
def test_every_height_within_reach_is_tolerably_near_a_hypothesis(error, tolerance, share):
    tried = Hypotheses(height_error=error, tolerances=Tolerances(height_tolerance=tolerance))
    assert tried.height_reach >= error * (1.0 - 1e-9)
    scale = 1.0 + share * tried.height_reach
    assert np.abs(np.log(tried.scales / scale)).min() <= math.log1p(tolerance) + 1e-6


def test_without_further_hypotheses_the_reach_is_what_the_encoder_tolerates():
    assert Hypotheses().height_reach == pytest.approx(1.0 - 1.0 / 1.14)
    assert Hypotheses(height_error=0.3).height_reach == pytest.approx(1.0 - 1.0 / (1.14 * 1.2**2))


@pytest.mark.parametrize(
    ("heading_deg", "height", "count"), [(13.0, 0.14, 15), (7.5, 0.1, 15), (15.0, 0.14, 9), (30.0, 0.3, 1)]
)
def test_an_encoder_that_tolerates_more_needs_fewer_hypotheses(heading_deg, height, count):
    assert Hypotheses(30.0, 0.2, Tolerances(heading_deg, height)).count == count


def test_no_parameters_need_more_views_than_a_message_may_have():
    assert Hypotheses(180.0, 0.6, Tolerances(7.5, 0.1)).count == MAX_HYPOTHESES == 264


def test_hypotheses_are_all_pairs_of_turn_and_scale():
    tried = Hypotheses(30.0, 0.3)
    pairs = set(zip(tried.turns_deg.tolist(), tried.scales.round(6).tolist(), strict=True))
    assert len(pairs) == tried.count == 25
    assert (tried.turns_deg[0], tried.scales[0]) == (0.0, 1.0)
    assert Hypotheses(180.0, 0.6).count == MAX_HYPOTHESES


def test_hypotheses_a_quarter_turn_apart_are_one_view():
    tried = Hypotheses(180.0, 0.3)
    turns = [tried.quarter_turns(index) for index in range(tried.count)]
    assert len({first for first, _ in turns}) == 6 * 5
    for index, (first, quarters) in enumerate(turns):
        assert first <= index
        assert tried.scales[first] == tried.scales[index]
        assert apart_deg(tried.turns_deg[first] + 90.0 * quarters, tried.turns_deg[index]) == 0.0


def test_neighbours_are_one_step_away_and_headings_close_the_circle():
    turns = Hypotheses(180.0)
    assert (turns.neighbours.sum(axis=0) == 2).all()
    at = {turn: i for i, turn in enumerate(turns.turns_deg)}
    assert turns.neighbours[at[180.0], at[-165.0]]
    both = Hypotheses(15.0, 0.3)
    assert both.neighbours[0].sum() == 4
    assert (both.neighbours == both.neighbours.T).all()


def test_offsets_turn_clockwise_with_the_heading_and_grow_with_the_height():
    tried = Hypotheses(90.0, 0.3)
    offsets = tried.offsets_m((0.0, 10.0))
    np.testing.assert_array_equal(offsets[0], (0.0, 10.0))
    east = np.flatnonzero((tried.turns_deg == 90.0) & (tried.scales == 1.0))[0]
    np.testing.assert_allclose(offsets[east], (10.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(np.hypot(*offsets.T), 10.0 * tried.scales)


@pytest.mark.parametrize("name", ["heading_error_deg", "height_error"])
@pytest.mark.parametrize("value", [-0.1, 180.1, math.nan, math.inf])
def test_a_value_out_of_range_names_itself(name, value):
    with pytest.raises(ParameterError, match=name):
        Hypotheses(**{name: value})


def test_a_height_error_above_its_limit_is_refused():
    with pytest.raises(ParameterError, match=r"height_error is 0.61; it must be a number from 0 to 0.6"):
        Hypotheses(height_error=0.61)
