# SPDX-License-Identifier: Apache-2.0
"""The topics that answer: `geopoint`, `fix`, `pose`, `candidates`, and `map_origin`, the place of `pose`."""

import math

from geographic_msgs.msg import GeoPointStamped
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import NavSatFix, PointCloud2

from geoloc.geodesy import LocalFrame
from geoloc.localizer import Fix
from geoloc.nodes import messages_out, topics
from geoloc.nodes.settings import RetrievalNodeSettings


class Answers:
    """Publishers of a node's answers.

    Args:
        node: node that answers.
        settings: its parameters.
        frame: the map's frame, whose origin is published once, for subscribers of any time.
    """

    def __init__(self, node: Node, settings: RetrievalNodeSettings, frame: LocalFrame) -> None:
        self._settings = settings
        every = topics.every_answer()
        self._geopoints = node.create_publisher(GeoPointStamped, topics.GEOPOINT, every)
        self._fixes = node.create_publisher(
            NavSatFix, topics.FIX, every, qos_overriding_options=QoSOverridingOptions.with_default_policies()
        )
        self._poses = node.create_publisher(PoseWithCovarianceStamped, topics.POSE, every)
        self._candidates = node.create_publisher(PointCloud2, topics.CANDIDATES, every)
        self._origin = node.create_publisher(GeoPointStamped, topics.MAP_ORIGIN, topics.latched())
        now_ns = node.get_clock().now().nanoseconds
        self._origin.publish(
            messages_out.map_origin(now_ns, settings.map_frame, frame.latitude_deg, frame.longitude_deg)
        )

    def publish(self, fix: Fix, frame_id: str) -> None:
        """Publish an answer on every topic that it has something for.

        Args:
            fix: the answer; without a position it becomes `STATUS_NO_FIX`.
            frame_id: frame_id of the image.
        """
        map_frame = self._settings.map_frame
        if fix.has_position:
            self._geopoints.publish(messages_out.geopoint(fix, frame_id))
            self._poses.publish(messages_out.pose(fix, map_frame))
        self._fixes.publish(messages_out.nav_sat_fix(fix, frame_id, *altitude(fix, self._settings)))
        if fix.candidates.ids.size:
            self._candidates.publish(messages_out.candidates(fix.stamp_ns, map_frame, fix.candidates))

    def publish_no_fix(self, stamp_ns: int, frame_id: str) -> None:
        """Publish `STATUS_NO_FIX` for a frame that was refused before, or for none."""
        self.publish(Fix.none(stamp_ns), frame_id)


def altitude(fix: Fix, settings: RetrievalNodeSettings) -> tuple[float, float]:
    """Return the altitude of a fix in metres, and its variance in metres²."""
    if settings.altitude.fix_altitude == "ground":
        hypotheses = settings.localizer.hypotheses
        # A view at a height beyond these errors would not have been recognized.
        share = max(hypotheses.height_error, hypotheses.tolerances.height_tolerance)
        error_m = math.hypot(settings.altitude.ground_altitude_error_m, share * fix.height_m)
        return settings.altitude.ground_altitude_m + fix.height_m, error_m**2
    unknown_m = 0.0 if settings.altitude.fix_altitude == "zero" else math.nan
    return unknown_m, messages_out.UNKNOWN_VARIANCE
