# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.flight_plan import PATTERNS, FlightPlan, pattern_waypoints
from geoloc_lab.flight_simulator.sensors import SensorErrors, read_sensors
from geoloc_lab.flight_simulator.trajectory import fly

BOUNDS = (-600.0, -500.0, 600.0, 500.0)
CORNER = ((0.0, 0.0), (0.0, 400.0), (400.0, 400.0))


def calm(**changes):
    return FlightPlan(CORNER, **{"gust_deg": 0.0, "height_wander_m": 0.0, "imu_rate_hz": 50.0, **changes})


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_stay_inside_the_margin(pattern):
    points = np.array(pattern_waypoints(pattern, BOUNDS, margin_m=100.0, seed=4))
    assert np.abs(points[:, 0]).max() <= 500.001
    assert np.abs(points[:, 1]).max() <= 400.001
    FlightPlan(tuple(map(tuple, points)))


def test_a_tour_depends_on_its_seed():
    assert pattern_waypoints("tour", BOUNDS, seed=1) == pattern_waypoints("tour", BOUNDS, seed=1)
    assert pattern_waypoints("tour", BOUNDS, seed=1) != pattern_waypoints("tour", BOUNDS, seed=2)


def test_flies_along_the_legs_at_speed_and_height():
    flown = fly(calm(), 0)
    assert flown.position_m[0] == pytest.approx((0, 0, 110))
    assert np.linalg.norm(flown.position_m[-1, :2] - CORNER[-1]) < 20
    speed = np.linalg.norm(flown.velocity_mps, axis=1)
    np.testing.assert_allclose(speed, 15.0, rtol=0.01)
    assert flown.time_s[-1] == pytest.approx(800 / 15, rel=0.1)


def test_heads_along_the_track_and_banks_into_a_right_turn():
    flown = fly(calm(), 0)
    forward = flown.world_from_body.apply([1.0, 0.0, 0.0])
    track = flown.velocity_mps / 15.0
    assert (np.sum(forward * track, axis=1) > 0.999).all()
    left_up = flown.world_from_body.apply([0.0, 1.0, 0.0])[:, 2]
    turning = np.argmax(np.abs(left_up))
    assert left_up[turning] > 0.2  # the left wing rises: the turn from north to east is a right one
    assert left_up.max() <= math.sin(math.radians(20.0)) + 1e-6


def test_a_coordinated_turn_feels_no_sideways_force():
    flown = fly(calm(), 0)
    still = SensorErrors(**dict.fromkeys(SensorErrors.__dataclass_fields__, 0.0))
    force = read_sensors(flown, still).acceleration_mps2
    assert np.abs(force[5:-5, 1]).max() < 0.6
    assert force[5:-5, 2].min() > 9.5


@given(st.floats(0.0, 10.0), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_gusts_respect_their_limit(gust_deg, seed):
    plan = FlightPlan(((0.0, 0.0), (150.0, 0.0)), gust_deg=gust_deg, gust_limit_deg=7.0, imu_rate_hz=20.0)
    pitch_deg = fly(plan, seed).world_from_body.as_euler("ZYX", degrees=True)[:, 1]
    assert np.abs(pitch_deg).max() <= 7.0 + 1e-6


def test_every_frame_has_an_aux_sample_and_stamps_grow():
    flown = fly(calm(frame_rate_hz=3.0, aux_rate_hz=7.0), 0)
    assert set(flown.frame_ticks) <= set(flown.aux_ticks)
    assert (np.diff(flown.stamp_ns) == 20_000_000).all()


def test_the_same_seed_flies_the_same_flight():
    first, again, other = fly(FlightPlan(CORNER), 3), fly(FlightPlan(CORNER), 3), fly(FlightPlan(CORNER), 4)
    assert np.array_equal(first.world_from_body.as_quat(), again.world_from_body.as_quat())
    assert not np.array_equal(first.world_from_body.as_quat(), other.world_from_body.as_quat())


def test_perfect_sensors_tell_the_truth_and_others_drift():
    flown = fly(FlightPlan(((0.0, 0.0), (900.0, 300.0)), imu_rate_hz=50.0), 1)
    perfect = read_sensors(flown, SensorErrors(**dict.fromkeys(SensorErrors.__dataclass_fields__, 0.0)))
    travelled = flown.position_m - flown.position_m[0]
    np.testing.assert_allclose(perfect.odom_position_m, travelled, atol=1e-9)
    np.testing.assert_allclose(perfect.height_m, flown.position_m[:, 2])
    np.testing.assert_allclose(perfect.attitude.as_matrix(), flown.world_from_body.as_matrix(), atol=1e-9)
    errors = [
        np.linalg.norm(read_sensors(flown, SensorErrors(), s).odom_position_m[-1] - travelled[-1])
        for s in range(20)
    ]
    assert 0.003 < np.median(errors) / np.linalg.norm(travelled[-1]) < 0.03


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"height_m": -5.0}, "height_m"),
        ({"height_m": float("nan")}, "height_m"),
        ({"speed_mps": 0.0}, "speed_mps"),
        ({"max_bank_deg": 80.0}, "max_bank_deg"),
        ({"gust_deg": 30.0}, "gust_deg"),
        ({"frame_rate_hz": 60.0, "imu_rate_hz": 50.0}, "frame_rate_hz"),
        ({"waypoints_m": ((0.0, 0.0),)}, "waypoints"),
        ({"waypoints_m": ((0.0, 0.0), (0.0, math.nan))}, "waypoints"),
        ({"waypoints_m": ((0.0, 0.0), (0.0, 0.5))}, "less than 1 m"),
    ],
)
def test_refuses_a_plan_that_cannot_be_flown(changes, word):
    with pytest.raises(ParameterError, match=word):
        FlightPlan(**{"waypoints_m": CORNER, **changes})


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"pattern": "loop"}, "unknown"),
        ({"margin_m": 600.0}, "too small"),
        ({"spacing_m": 0.0}, "spacing_m"),
        ({"margin_m": -1.0}, "margin_m"),
    ],
)
def test_refuses_a_pattern_that_does_not_fit(arguments, word):
    with pytest.raises(ParameterError, match=word):
        pattern_waypoints(**{"pattern": "survey", "bounds_m": BOUNDS, **arguments})


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_refuses_impossible_sensor_errors(value):
    with pytest.raises(ParameterError, match="odom_scale"):
        SensorErrors(odom_scale=value)
