# SPDX-License-Identifier: Apache-2.0
"""Convert plain data to ROS messages; every message carries the stamp of the image that it belongs to."""

import array
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geographic_msgs.msg import GeoPoint, GeoPointStamped
from geometry_msgs.msg import PoseWithCovarianceStamped, Vector3, Vector3Stamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image, NavSatFix, NavSatStatus, PointCloud2, PointField
from std_msgs.msg import Header

from geoloc.arrays import Float32Array, UInt8Array

if TYPE_CHECKING:
    from rclpy.node import Node

    from geoloc.errors import FrameRefused
    from geoloc.localizer import Candidates, Fix

UNKNOWN_VARIANCE = 1.0e6
"""Variance of an unknown height, roll, pitch or yaw (metres², radians²), as some consumers reject NaN."""

CANDIDATE = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("score", "<f4"),
        ("latitude", "<f8"),  # float32 would round a position to metres
        ("longitude", "<f8"),
        ("tile", "<u4"),
    ],
    align=True,
)
_POINT_FIELD_TYPES = {"f4": PointField.FLOAT32, "f8": PointField.FLOAT64, "u4": PointField.UINT32}


def time(stamp_ns: int) -> Time:
    """Return a stamp as a ROS time."""
    return Time(sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)


def header(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with a stamp and a frame_id."""
    return Header(stamp=time(stamp_ns), frame_id=frame_id)


def rgb_image(stamp_ns: int, frame_id: str, rgb: UInt8Array) -> Image:
    """Return RGB pixels (H, W, 3) as an `rgb8` image."""
    return _image(stamp_ns, frame_id, "rgb8", rgb)


def stacked_views(stamp_ns: int, frame_id: str, views: UInt8Array) -> Image:
    """Return views (n, S, S, 3) as an `rgb8` image S wide and n S high, one below the other."""
    return rgb_image(stamp_ns, frame_id, views.reshape(-1, *views.shape[2:]))


def descriptor(stamp_ns: int, frame_id: str, rows: Float32Array) -> Image:
    """Return descriptors (n, D) as a `32FC1` image D wide; a width of 0 means a refused view."""
    return _image(stamp_ns, frame_id, "32FC1", rows.astype(np.float32))


def offset(stamp_ns: int, frame_id: str, east_m: float, north_m: float, up_m: float) -> Vector3Stamped:
    """Return the offset from the view's centre on the ground to the camera; NaN means a refused frame."""
    return Vector3Stamped(header=header(stamp_ns, frame_id), vector=Vector3(x=east_m, y=north_m, z=up_m))


def geopoint(fix: "Fix", frame_id: str) -> GeoPointStamped:
    """Return the position; altitude is NaN, because a camera and a flat map do not determine it."""
    position = GeoPoint(latitude=fix.latitude_deg, longitude=fix.longitude_deg, altitude=math.nan)
    return GeoPointStamped(header=header(fix.stamp_ns, frame_id), position=position)


def map_origin(stamp_ns: int, map_frame: str, latitude_deg: float, longitude_deg: float) -> GeoPointStamped:
    """Return the place of the map frame's origin; altitude is NaN, because the map is flat."""
    origin = GeoPoint(latitude=latitude_deg, longitude=longitude_deg, altitude=math.nan)
    return GeoPointStamped(header=header(stamp_ns, map_frame), position=origin)


def nav_sat_fix(
    fix: "Fix", frame_id: str, altitude_m: float = math.nan, altitude_variance_m2: float = UNKNOWN_VARIANCE
) -> NavSatFix:
    """Return the fix, or `STATUS_NO_FIX` with NaN for a position.

    `service` is 0 (unknown), because there is no satellite receiver. The covariance type is KNOWN if the
    covariance was calibrated against truth with this model, else APPROXIMATED.
    """
    found = fix.has_position
    message = NavSatFix(
        header=header(fix.stamp_ns, frame_id),
        latitude=fix.latitude_deg,
        longitude=fix.longitude_deg,
        altitude=altitude_m if found else math.nan,
        status=NavSatStatus(
            status=NavSatStatus.STATUS_FIX if found else NavSatStatus.STATUS_NO_FIX, service=0
        ),
    )
    if found:
        covariance = np.diag([0.0, 0.0, altitude_variance_m2])
        covariance[:2, :2] = fix.covariance_m2
        message.position_covariance = covariance.ravel()
        message.position_covariance_type = (
            NavSatFix.COVARIANCE_TYPE_KNOWN if fix.is_calibrated else NavSatFix.COVARIANCE_TYPE_APPROXIMATED
        )
    return message


def pose(fix: "Fix", map_frame: str) -> PoseWithCovarianceStamped:
    """Return the position in the map's frame; unknown components have `UNKNOWN_VARIANCE`.

    The orientation is the identity, not NaN: RViz shows no pose with NaN, and robot_localization's
    differential and relative modes lose the position with it.
    """
    message = PoseWithCovarianceStamped(header=header(fix.stamp_ns, map_frame))
    message.pose.pose.position.x = fix.east_m
    message.pose.pose.position.y = fix.north_m
    covariance = np.eye(6) * UNKNOWN_VARIANCE
    covariance[:2, :2] = fix.covariance_m2
    message.pose.covariance = covariance.ravel()
    return message


def candidates(stamp_ns: int, map_frame: str, found: "Candidates") -> PointCloud2:
    """Return the look-up's best tiles, best first, as points of type `CANDIDATE` in the map's frame."""
    points = np.zeros(len(found.ids), dtype=CANDIDATE)
    points["x"], points["y"] = found.east_m, found.north_m
    points["score"], points["tile"] = found.score, found.ids
    points["latitude"], points["longitude"] = found.latitude_deg, found.longitude_deg
    return PointCloud2(
        header=header(stamp_ns, map_frame),
        height=1,
        width=points.size,
        fields=[_point_field(name) for name in CANDIDATE.names or ()],
        is_bigendian=False,
        point_step=CANDIDATE.itemsize,
        row_step=CANDIDATE.itemsize * points.size,
        data=_bytes(points),
        is_dense=True,
    )


def status(
    node: "Node", task: str, level: bytes, sentence: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Return the status of a node's task, named as diagnostic_updater names it: `node: task`.

    `hardware_id` is the node's namespace, so that an aggregator tells drones apart; `geoloc` in the root.
    """
    return DiagnosticStatus(
        level=level,
        name=f"{node.get_fully_qualified_name().lstrip('/')}: {task}",
        message=sentence,
        hardware_id=node.get_namespace().strip("/") or "geoloc",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def refusal(node: "Node", stamp_ns: int, refused: "FrameRefused") -> DiagnosticArray:
    """Return the refusal of one frame, with the stamp of its image; `messages_in.refusals` reads it."""
    values = {"reason": refused.reason, "stamp_ns": stamp_ns}
    found = status(node, "frames", DiagnosticStatus.WARN, refused.sentence, values)
    return DiagnosticArray(header=header(stamp_ns, ""), status=[found])


def _point_field(name: str) -> PointField:
    fields: Mapping[str, Any] = CANDIDATE.fields or {}
    kind, place = fields[name][:2]
    return PointField(name=name, offset=place, datatype=_POINT_FIELD_TYPES[kind.str[1:]], count=1)


def _image(stamp_ns: int, frame_id: str, encoding: str, rows: NDArray[np.generic]) -> Image:
    return Image(
        header=header(stamp_ns, frame_id),
        height=rows.shape[0],
        width=rows.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=rows.nbytes // rows.shape[0],
        data=_bytes(rows),
    )


def _bytes(rows: NDArray[np.generic]) -> "array.array[int]":
    """Return the array's memory as an `array.array`, because rclpy checks other types byte by byte."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(rows).data.cast("B") if rows.size else b"")
    return data
