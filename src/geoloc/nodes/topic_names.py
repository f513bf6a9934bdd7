# SPDX-License-Identifier: Apache-2.0
"""Names of the nodes' topics, and the types of those that they publish; this module does not import ROS."""

from collections.abc import Mapping

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

PUBLISHED: Mapping[str, str] = {
    VIEW_IMAGE: "sensor_msgs/msg/Image",
    VIEW_OFFSET: "geometry_msgs/msg/Vector3Stamped",
    DESCRIPTOR: "sensor_msgs/msg/Image",
    GEOPOINT: "geographic_msgs/msg/GeoPointStamped",
    FIX: "sensor_msgs/msg/NavSatFix",
    POSE: "geometry_msgs/msg/PoseWithCovarianceStamped",
    CANDIDATES: "sensor_msgs/msg/PointCloud2",
    MAP_ORIGIN: "geographic_msgs/msg/GeoPointStamped",
    REFUSALS: "diagnostic_msgs/msg/DiagnosticArray",
    STATE: "diagnostic_msgs/msg/DiagnosticStatus",
}
"""Type of each relative topic that the flight nodes publish; recordings are searched for them."""
