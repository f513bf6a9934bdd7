# SPDX-License-Identifier: Apache-2.0
"""Heights of every message type, above ground and above take-off."""

import math
from types import SimpleNamespace

import pytest

from geoloc.camera import heights
from geoloc.errors import FrameRefused, Reason

FLOAT = "std_msgs/msg/Float64"
POSE = "geometry_msgs/msg/PoseStamped"
ODOMETRY = "nav_msgs/msg/Odometry"


def ranged(value: float, lowest: float = 0.5, highest: float = 300.0) -> SimpleNamespace:
    return SimpleNamespace(range=value, min_range=lowest, max_range=highest)


def altitude(clearance: float, relative: float = 60.0) -> SimpleNamespace:
    """A `mavros_msgs/Altitude`; only two of its fields are heights that geoloc can use."""
    others = dict.fromkeys(("monotonic", "amsl", "local", "terrain"), 444.0)
    return SimpleNamespace(bottom_clearance=clearance, relative=relative, **others)


def holding(kind: str, z: float) -> SimpleNamespace:
    pose = SimpleNamespace(position=SimpleNamespace(x=1.0, y=2.0, z=z))
    return {
        FLOAT: SimpleNamespace(data=z),
        POSE: SimpleNamespace(pose=pose),
        ODOMETRY: SimpleNamespace(pose=SimpleNamespace(pose=pose)),
    }[kind]


def refusal(kind: str, message: object, reference: str = "auto") -> str:
    with pytest.raises(FrameRefused) as caught:
        heights.height_m(kind, message, reference)
    assert caught.value.reason is Reason.BAD_HEIGHT
    return caught.value.sentence


def test_a_range_is_a_height_above_ground():
    assert heights.height_m(heights.RANGE, ranged(80.5)) == 80.5
    assert heights.height_m(heights.RANGE, ranged(80.5, 0.0, 0.0), "ground") == 80.5
    assert refusal(heights.RANGE, ranged(80.5), "takeoff").endswith("is takeoff; set it to ground.")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -3.0, 0.4, 301.0])
def test_an_impossible_range_is_refused(value):
    refusal(heights.RANGE, ranged(value))


def test_mavros_states_the_clearance_and_the_height_above_take_off():
    assert heights.height_m(heights.MAVROS_ALTITUDE, altitude(58.0)) == 58.0
    assert heights.height_m(heights.MAVROS_ALTITUDE, altitude(58.0), "ground") == 58.0
    assert heights.height_m(heights.MAVROS_ALTITUDE, altitude(58.0), "takeoff") == 60.0
    assert heights.height_m(heights.MAVROS_ALTITUDE, altitude(math.nan), "takeoff") == 60.0


@pytest.mark.parametrize("missing", [math.nan, -1.0])
def test_without_a_rangefinder_mavros_measures_no_height_above_ground(missing):
    assert "bottom_clearance is" in (sentence := refusal(heights.MAVROS_ALTITUDE, altitude(missing)))
    assert "altitude_reference to takeoff with altitude_reference_error_m" in sentence


@pytest.mark.parametrize("kind", [FLOAT, POSE, ODOMETRY])
def test_a_bare_number_or_position_needs_a_stated_reference(kind):
    assert heights.height_m(kind, holding(kind, 42.0), "ground") == 42.0
    assert heights.height_m(kind, holding(kind, 42.0), "takeoff") == 42.0
    sentence = refusal(kind, holding(kind, 42.0))
    assert sentence.startswith(f"altitude is a {kind}, which does not state what it is measured from; ")
    assert "ground, or to takeoff with altitude_reference_error_m" in sentence


@pytest.mark.parametrize("kind", [FLOAT, POSE, ODOMETRY])
@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -12.0])
def test_an_impossible_height_is_refused(kind, value):
    assert refusal(kind, holding(kind, value), "takeoff").startswith(f"the height is {value} m; ")


def test_a_type_without_a_height_is_refused_with_the_types_that_have_one():
    sentence = refusal("std_msgs/msg/String", SimpleNamespace(data="high"), "ground")
    assert all(kind in sentence for kind in heights.TYPES)


def test_only_a_range_and_a_bare_number_may_slant():
    slanting = [kind for kind in heights.TYPES if heights.may_slant(kind)]
    assert slanting == [heights.RANGE, FLOAT]


@pytest.mark.parametrize(
    ("axis", "expected_m"), [("vertical", 100.0), ("body", 86.6), ("camera", 98.5), ("auto", 93.3)]
)
def test_a_range_is_made_vertical_along_its_axis(axis, expected_m):
    banked, levelled = math.cos(math.radians(30.0)), math.cos(math.radians(10.0))
    assert heights.vertical_m(100.0, axis, banked, levelled) == pytest.approx(expected_m, abs=0.05)


def test_a_rangefinder_that_does_not_point_down_is_refused():
    with pytest.raises(
        FrameRefused, match=r"points 95 degrees away .* set altitude_axis to vertical"
    ) as caught:
        heights.vertical_m(100.0, "body", math.cos(math.radians(95.0)), 1.0)
    assert caught.value.reason is Reason.BAD_HEIGHT
    assert heights.vertical_m(100.0, "vertical", -1.0, 1.0) == 100.0
