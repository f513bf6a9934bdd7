# SPDX-License-Identifier: Apache-2.0
"""Topic names and QoS profiles of the nodes; a launch file puts the names in a namespace."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

IMAGE = "image"
IMAGE_COMPRESSED = "image/compressed"
CAMERA_INFO = "camera_info"
IMU = "imu"
ALTITUDE = "altitude"
ODOM = "odom"
INITIAL_FIX = "initial_fix"
VIEW_IMAGE = "view/image"
VIEW_OFFSET = "view/offset"
DESCRIPTOR = "descriptor"
GEOPOINT = "geopoint"
FIX = "fix"
POSE = "pose"
CANDIDATES = "candidates"
MAP_ORIGIN = "map_origin"
TRUTH = "truth"
REFUSALS = "refusals"
STATE = "state"
DIAGNOSTICS = "/diagnostics"


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
