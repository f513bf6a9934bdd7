# SPDX-License-Identifier: Apache-2.0
"""Protocols of the ROS messages that geoloc reads: their fields, independent of the message library."""

from typing import Any, Protocol


class Stamp(Protocol):
    """`builtin_interfaces/Time`."""

    sec: int
    nanosec: int


class Header(Protocol):
    """`std_msgs/Header`."""

    stamp: Stamp
    frame_id: str


class Stamped(Protocol):
    """Any message with a header."""

    header: Header


class ImageMessage(Protocol):
    """`sensor_msgs/Image`."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """`sensor_msgs/CompressedImage`."""

    format: str
    data: Any


class RegionOfInterest(Protocol):
    """`sensor_msgs/RegionOfInterest`."""

    x_offset: int
    y_offset: int
    height: int
    width: int


class CameraInfoMessage(Protocol):
    """`sensor_msgs/CameraInfo`."""

    height: int
    width: int
    distortion_model: str
    d: Any
    k: Any
    r: Any
    p: Any
    binning_x: int
    binning_y: int
    roi: RegionOfInterest


class Quaternion(Protocol):
    """`geometry_msgs/Quaternion`."""

    x: float
    y: float
    z: float
    w: float


class ImuMessage(Protocol):
    """`sensor_msgs/Imu`."""

    orientation: Quaternion
    orientation_covariance: Any


class Point(Protocol):
    """`geometry_msgs/Point`."""

    x: float
    y: float


class Pose(Protocol):
    """`geometry_msgs/Pose`."""

    position: Point


class PoseWithCovariance(Protocol):
    """`geometry_msgs/PoseWithCovariance`."""

    pose: Pose
    covariance: Any


class OdometryMessage(Protocol):
    """`nav_msgs/Odometry`."""

    pose: PoseWithCovariance


class RangeMessage(Protocol):
    """`sensor_msgs/Range`."""

    min_range: float
    max_range: float
    range: float


class AltitudeMessage(Protocol):
    """`mavros_msgs/Altitude`."""

    relative: float
    bottom_clearance: float


class NavSatStatus(Protocol):
    """`sensor_msgs/NavSatStatus`."""

    status: int


class NavSatFixMessage(Protocol):
    """`sensor_msgs/NavSatFix`."""

    header: Header
    status: NavSatStatus
    latitude: float
    longitude: float
