# SPDX-License-Identifier: Apache-2.0
"""Names and qualities of service shared by the nodes; a launch file puts the names in a namespace."""

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

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
TRUTH = "truth"
DIAGNOSTICS = "/diagnostics"


def newest_only() -> QoSProfile:
    """For images: best effort, keep last 1; a late picture is worth nothing."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def newest_whole() -> QoSProfile:
    """For views: keep last 1, but reliable, because most of a stack of megabytes is lost by best effort."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


def sensor_stream() -> QoSProfile:
    """For small samples that come fast: best effort, and enough kept to sit out a busy moment."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


def every_answer() -> QoSProfile:
    """For answers: reliable, keep last 10."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)
