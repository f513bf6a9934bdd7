# SPDX-License-Identifier: Apache-2.0
"""Examples of the mount convention, and attitudes between two samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc.camera.attitude import between, mount_rotation, rotation_matrix, tilt_rad

FORWARD, BACKWARD = (1, 0, 0), (-1, 0, 0)
LEFT, RIGHT = (0, 1, 0), (0, -1, 0)
UP, DOWN = (0, 0, 1), (0, 0, -1)


@pytest.mark.parametrize(
    ("mount_rpy_deg", "looks", "picture_top"),
    [
        ((0, 90, 0), DOWN, FORWARD),
        ((0, 90, -90), DOWN, RIGHT),
        ((0, 90, 180), DOWN, BACKWARD),
        ((0, 90, 90), DOWN, LEFT),
        ((0, 60, 0), (0.5, 0, -math.sqrt(0.75)), (math.sqrt(0.75), 0, 0.5)),
        ((0, 0, 0), FORWARD, UP),
        ((0, 0, 90), LEFT, UP),
        ((90, 0, 0), FORWARD, RIGHT),
    ],
)
def test_a_mount_has_the_documented_orientation(mount_rpy_deg, looks, picture_top):
    right, down, forward = mount_rotation(mount_rpy_deg).T
    assert forward == pytest.approx(looks, abs=1e-12)
    assert -down == pytest.approx(picture_top, abs=1e-12)
    assert right == pytest.approx(np.cross(down, forward), abs=1e-12)


@given(st.floats(-3, 3), st.floats(-1.5, 1.5), st.floats(0, 1))
def test_the_turn_rate_between_two_attitudes_is_constant(start_rad, turn_rad, share):
    def yaw(angle):
        return 0.0, 0.0, math.sin(angle / 2), math.cos(angle / 2)

    found = between(yaw(start_rad), yaw(start_rad + turn_rad), share)
    assert found == pytest.approx(rotation_matrix(yaw(start_rad + share * turn_rad)), abs=1e-9)


def test_the_other_sign_of_a_quaternion_is_the_same_attitude():
    half = between((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, -math.sin(0.1), -math.cos(0.1)), 0.5)
    assert half == pytest.approx(rotation_matrix((0.0, 0.0, math.sin(0.05), math.cos(0.05))))


def test_tilt_is_measured_from_straight_down():
    assert tilt_rad(mount_rotation((0, 90, 0))) == pytest.approx(0.0)
    assert math.degrees(tilt_rad(mount_rotation((0, 60, 0)))) == pytest.approx(30.0)
    assert math.degrees(tilt_rad(mount_rotation((0, 0, 0)))) == pytest.approx(90.0)
