# SPDX-License-Identifier: Apache-2.0
"""Tests what each disturbance changes and what it leaves unchanged."""

import math

import numpy as np
import pytest

from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame
from geoloc_lab.bags.reading import HeightSample, ImageSample, read_flight
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
from geoloc_lab.flight_simulator.disturbances import (
    CompassBias,
    Dropout,
    Flown,
    HeightBias,
    Kidnap,
    LateFrames,
)
from geoloc_lab.flight_simulator.flight_plan import FlightPlan
from geoloc_lab.flight_simulator.recording import Drone, write_bag
from geoloc_lab.flight_simulator.sensors import SensorErrors, read_sensors
from geoloc_lab.flight_simulator.trajectory import fly

PERFECT = SensorErrors(**dict.fromkeys(SensorErrors.__dataclass_fields__, 0.0))
PLAN = FlightPlan(
    ((0.0, 0.0), (0.0, 200.0)), height_m=50.0, gust_deg=0.0, height_wander_m=0.0, imu_rate_hz=20.0
)


class FlatGround:
    frame = LocalFrame(47.0, 8.0)
    gsd_m = 1.0
    bounds_m = (-2000.0, -2000.0, 2000.0, 2000.0)

    def window(self, left_m, top_m, width_px, height_px, gsd_m):
        return np.full((height_px, width_px, 3), 90, np.uint8), np.ones((height_px, width_px), bool)


@pytest.fixture
def flown():
    trajectory = fly(PLAN, 1)
    return Flown(trajectory, read_sensors(trajectory, PERFECT, 1))


def samples(tmp_path, kind, by_arrival, *disturbances):
    plan = FlightPlan(PLAN.waypoints_m, height_m=50.0, imu_rate_hz=20.0, max_duration_s=4.0)
    drone = Drone(AerialCamera(default_intrinsics(32, 24)))
    write_bag(tmp_path / "bag", FlatGround(), plan, drone, disturbances=disturbances, progress=False)
    order = list(read_flight(tmp_path / "bag").samples(by_arrival=by_arrival))
    return order, [sample for sample in order if isinstance(sample, kind)]


def test_a_dropout_removes_the_images_in_its_gap_and_nothing_else(flown):
    after = Dropout(4.0, 3.0)(flown)
    at_s = after.trajectory.time_s[after.trajectory.frame_ticks]
    assert not ((at_s >= 4.0) & (at_s < 7.0)).any()
    assert {3.5, 7.0} <= set(at_s.tolist())
    assert len(flown.trajectory.frame_ticks) - len(at_s) == 6
    assert np.array_equal(after.trajectory.aux_ticks, flown.trajectory.aux_ticks)
    assert np.array_equal(after.trajectory.position_m, flown.trajectory.position_m)


def test_a_dropout_that_leaves_no_image_is_refused(flown):
    with pytest.raises(ParameterError, match="leaves no image"):
        Dropout(0.0, 100.0)(flown)


def test_a_kidnap_moves_camera_and_truth_but_not_odometry(flown):
    after = Kidnap(4.2, 300.0, -100.0)(flown)
    moved = after.trajectory.position_m - flown.trajectory.position_m
    jump = int(np.argmax(moved[:, 0] > 0))
    assert 4.0 < after.trajectory.time_s[jump] < 4.5  # between the images at 4.0 and 4.5 s
    assert jump - 1 not in after.trajectory.frame_ticks
    assert jump not in after.trajectory.frame_ticks
    assert (moved[:jump] == 0).all()
    np.testing.assert_allclose(moved[jump:], np.tile([300.0, -100.0, 0.0], (len(moved) - jump, 1)))
    np.testing.assert_allclose(after.readings.truth_m, after.trajectory.position_m)
    assert np.array_equal(after.readings.odom_position_m, flown.readings.odom_position_m)


@pytest.mark.parametrize("at_s", [0.0, 500.0])
def test_a_kidnap_needs_images_before_and_after_it(flown, at_s):
    with pytest.raises(ParameterError, match="an image before and one after"):
        Kidnap(at_s, 100.0, 0.0)(flown)


def test_a_height_bias_is_a_share_of_the_measured_height(flown):
    after = HeightBias(0.1)(flown)
    np.testing.assert_allclose(after.readings.height_m, 1.1 * flown.readings.height_m)
    assert np.array_equal(after.trajectory.position_m, flown.trajectory.position_m)


def test_a_compass_bias_turns_heading_and_odometry_clockwise(flown):
    after = CompassBias(15.0)(flown)
    forward = after.readings.attitude[0].apply([1.0, 0.0, 0.0])
    assert math.degrees(math.atan2(forward[0], forward[1])) == pytest.approx(15.0)  # it flies north
    east_m, north_m, _ = after.readings.odom_position_m[-1]
    assert math.degrees(math.atan2(east_m, north_m)) == pytest.approx(15.0)
    np.testing.assert_allclose(after.readings.truth_m, flown.readings.truth_m)
    tilt = after.readings.attitude[0].apply([0.0, 0.0, 1.0])
    np.testing.assert_allclose(tilt, flown.readings.attitude[0].apply([0.0, 0.0, 1.0]), atol=1e-9)


def test_late_frames_keep_their_stamps_and_arrive_after_later_measurements(tmp_path):
    order, images = samples(tmp_path, ImageSample, True, LateFrames(0.5))
    assert [image.stamp_ns % 1_000_000_000 for image in images[:3]] == [0, 500_000_000, 0]
    before = order[: order.index(images[1])]
    newest_s = max(sample.stamp_ns for sample in before if isinstance(sample, HeightSample)) / 1e9
    assert newest_s - images[1].stamp_ns / 1e9 == pytest.approx(0.5, abs=0.06)


def test_late_frames_are_in_order_by_their_stamps(tmp_path):
    order, _ = samples(tmp_path, ImageSample, False, LateFrames(0.5))
    stamps = [sample.stamp_ns for sample in order]
    assert stamps == sorted(stamps)


def test_disturbances_compose(flown):
    after = HeightBias(0.1)(CompassBias(5.0)(Dropout(1.0, 2.0)(LateFrames(0.5)(LateFrames(0.25)(flown)))))
    assert after.frames_late_s == 0.75
    assert len(after.trajectory.frame_ticks) == len(flown.trajectory.frame_ticks) - 4
    assert after.readings.height_m[0] == pytest.approx(1.1 * flown.readings.height_m[0])


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Dropout(-1.0, 5.0), "start_s"),
        (lambda: Dropout(1.0, math.nan), "duration_s"),
        (lambda: Kidnap(1.0, math.inf, 0.0), "east_m"),
        (lambda: Kidnap(1.0, 0.0, math.nan), "north_m"),
        (lambda: LateFrames(-0.1), "late_s"),
        (lambda: HeightBias(-1.0), "share"),
        (lambda: CompassBias(270.0), "clockwise_deg"),
    ],
)
def test_impossible_disturbances_are_refused(make, word):
    with pytest.raises(ParameterError, match=word):
        make()
