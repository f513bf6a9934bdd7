# SPDX-License-Identifier: Apache-2.0
"""Heights from the messages in which drones publish them, by message type and by their reference.

| `altitude_reference`      | auto             | ground           | takeoff   |
|---------------------------|------------------|------------------|-----------|
| sensor_msgs/Range         | range            | range            | refused   |
| mavros_msgs/Altitude      | bottom_clearance | bottom_clearance | relative  |
| std_msgs/Float64          | refused          | data             | data      |
| geometry_msgs/PoseStamped | refused          | z                | z         |
| nav_msgs/Odometry         | refused          | z                | z         |

A `Range` and a `Float64` do not say along which axis they are measured; `altitude_axis` does. All others are
vertical.

`terrain` of mavros_msgs/Altitude is not used, because sources disagree on its meaning: the height above the
terrain, or the altitude of the terrain.
"""

import math
from collections.abc import Callable
from typing import Any

from geoloc.camera.message_types import AltitudeMessage, RangeMessage
from geoloc.errors import FrameRefused, Reason

REFERENCES = ("auto", "ground", "takeoff")
"""Values of `altitude_reference`: what a height is measured from."""

AXES = ("auto", "body", "camera", "vertical")
"""Values of `altitude_axis`: the axis along which a range is measured."""

RANGE = "sensor_msgs/msg/Range"
_FLOAT64 = "std_msgs/msg/Float64"
MAVROS_ALTITUDE = "mavros_msgs/msg/Altitude"


def _range_m(message: RangeMessage) -> float:
    value, lowest, highest = float(message.range), float(message.min_range), float(message.max_range)
    if highest > lowest and math.isfinite(value) and not lowest <= value <= highest:
        raise _refused(
            f"the height {value:g} m is outside the sensor's range, {lowest:g} to {highest:g} m; "
            "check the height sensor."
        )
    return value


def _clearance_m(message: AltitudeMessage) -> float:
    value = float(message.bottom_clearance)
    if not value >= 0.0:  # as MAVLink states a missing measurement
        raise _refused(
            f"bottom_clearance is {value:g}, so the drone does not measure its height above ground; fit a "
            "rangefinder, or set altitude_reference to takeoff with altitude_reference_error_m."
        )
    return value


_FROM_GROUND: dict[str, Callable[[Any], float]] = {RANGE: _range_m, MAVROS_ALTITUDE: _clearance_m}
_FROM_TAKEOFF: dict[str, Callable[[Any], float]] = {MAVROS_ALTITUDE: lambda message: message.relative}
_UNSTATED: dict[str, Callable[[Any], float]] = {
    _FLOAT64: lambda message: message.data,
    "geometry_msgs/msg/PoseStamped": lambda message: message.pose.position.z,
    "nav_msgs/msg/Odometry": lambda message: message.pose.pose.position.z,
}
_READERS = dict(
    zip(REFERENCES, (_FROM_GROUND, _FROM_GROUND | _UNSTATED, _FROM_TAKEOFF | _UNSTATED), strict=True)
)

TYPES = (*_FROM_GROUND, *_UNSTATED)
"""Types of the messages that may hold a height, those that state their reference first."""


_LEAST_COSINE = math.cos(math.radians(80.0))


def may_slant(kind: str) -> bool:
    """Return whether messages of a type may be measured along an axis that tilts with the drone."""
    return kind in (RANGE, _FLOAT64)


def vertical_m(measured_m: float, axis: str, body_cosine: float, camera_cosine: float) -> float:
    """Return the vertical height of a range that was measured along an axis.

    If the axis is not known ("auto"), it is the mean of the two cases, vertical and fixed to the body. They
    are 1.5 % apart at 10 degrees of tilt, and 15 % at 30.

    Args:
        measured_m: measured range, metres.
        axis: one of `AXES`.
        body_cosine: cosine of the angle between the body's down axis and straight down.
        camera_cosine: cosine of the angle between the optical axis and straight down.

    Raises:
        FrameRefused: with `Reason.BAD_HEIGHT` if the axis is more than 80 degrees from straight down.
    """
    if axis == "vertical":
        return measured_m
    cosine = camera_cosine if axis == "camera" else body_cosine
    if not cosine >= _LEAST_COSINE:
        tilt_deg = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
        raise _refused(
            f"the rangefinder points {tilt_deg:.0f} degrees away from straight down, so it does not measure "
            "the height; fly more level, or set altitude_axis to vertical if altitude is corrected for tilt."
        )
    return measured_m * (cosine if axis != "auto" else (1.0 + cosine) / 2.0)


def states_reference(kind: str) -> bool:
    """Return whether messages of a type are heights above ground or take-off by their definition."""
    return kind in _FROM_GROUND


def check_kind(kind: str, reference: str) -> None:
    """Check that messages of a type hold a height above a reference.

    Args:
        kind: type of the messages, such as "sensor_msgs/msg/Range".
        reference: one of `REFERENCES`.

    Raises:
        FrameRefused: with `Reason.BAD_HEIGHT` if they do not; the sentence names what to set.
    """
    if kind in _READERS[reference]:
        return
    if kind in _UNSTATED:
        raise _refused(
            f"altitude is a {kind}, which does not state what it is measured from; set altitude_reference to "
            "ground, or to takeoff with altitude_reference_error_m."
        )
    if kind in _FROM_GROUND:
        raise _refused(
            f"altitude is a {kind}, which is measured from the ground, but altitude_reference is "
            f"{reference}; set it to ground."
        )
    raise _refused(f"altitude is a {kind}, which holds no height; publish one of {', '.join(TYPES)}.")


def height_m(kind: str, message: Any, reference: str = "auto") -> float:  # noqa: ANN401 - any of TYPES
    """Return the height of the camera above a reference, metres.

    Args:
        kind: type of the message.
        message: the message, of rclpy or of rosbags.
        reference: one of `REFERENCES`; above the ground unless it is "takeoff".

    Raises:
        FrameRefused: with `Reason.BAD_HEIGHT` as in `check_kind`, if the height is not finite or not
            positive, or if a range is outside the sensor's `min_range` to `max_range`; both are 0 where the
            sensor states no limits.
    """
    check_kind(kind, reference)
    value = float(_READERS[reference][kind](message))
    if not (math.isfinite(value) and value > 0):
        raise _refused(f"the height is {value} m; check the height sensor.")
    return value


def _refused(sentence: str) -> FrameRefused:
    return FrameRefused(Reason.BAD_HEIGHT, sentence)
