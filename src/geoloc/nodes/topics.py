# SPDX-License-Identifier: Apache-2.0
"""Topic names and QoS profiles of the nodes; a launch file puts the names in a namespace."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from geoloc.nodes.topic_names import (
    ALTITUDE,
    CAMERA_INFO,
    CANDIDATES,
    DESCRIPTOR,
    DIAGNOSTICS,
    FIX,
    GEOPOINT,
    IMAGE,
    IMAGE_COMPRESSED,
    IMU,
    INITIAL_FIX,
    MAP_ORIGIN,
    ODOM,
    POSE,
    REFUSALS,
    STATE,
    TRUTH,
    VIEW_IMAGE,
    VIEW_OFFSET,
)

__all__ = [
    "ALTITUDE",
    "CAMERA_INFO",
    "CANDIDATES",
    "DESCRIPTOR",
    "DIAGNOSTICS",
    "FIX",
    "GEOPOINT",
    "IMAGE",
    "IMAGE_COMPRESSED",
    "IMU",
    "INITIAL_FIX",
    "MAP_ORIGIN",
    "ODOM",
    "POSE",
    "REFUSALS",
    "STATE",
    "TRUTH",
    "VIEW_IMAGE",
    "VIEW_OFFSET",
    "any_publisher",
    "every_answer",
    "latched",
    "newest_whole",
    "sensor_stream",
]


def newest_whole() -> QoSProfile:
    """Return the QoS profile of views: reliable, keep last 1; best effort loses stacks of megabytes."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


def sensor_stream() -> QoSProfile:
    """Return the QoS profile of fast sensor samples: best effort, with a queue for busy moments."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


def every_answer() -> QoSProfile:
    """Return the QoS profile of answers: reliable, keep last 10."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)


def any_publisher(depth: int = 10) -> QoSProfile:
    """Return the QoS profile of positions from GNSS, whose drivers publish best effort or reliable."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def latched() -> QoSProfile:
    """Return the QoS profile of what is published once: reliable, kept for subscribers that come later."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
