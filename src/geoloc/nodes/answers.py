# SPDX-License-Identifier: Apache-2.0
"""The topics that answer: `geopoint`, `fix`, `pose` and `candidates`."""

from geographic_msgs.msg import GeoPointStamped
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import NavSatFix, PointCloud2

from geoloc.localizer import Fix
from geoloc.nodes import messages_out, topics


class Answers:
    """Publishers of a node's answers.

    Args:
        node: node that answers.
        map_frame: frame_id of `pose` and `candidates`.
    """

    def __init__(self, node: Node, map_frame: str) -> None:
        self._map_frame = map_frame
        every = topics.every_answer()
        self._geopoints = node.create_publisher(GeoPointStamped, topics.GEOPOINT, every)
        self._fixes = node.create_publisher(
            NavSatFix, topics.FIX, every, qos_overriding_options=QoSOverridingOptions.with_default_policies()
        )
        self._poses = node.create_publisher(PoseWithCovarianceStamped, topics.POSE, every)
        self._candidates = node.create_publisher(PointCloud2, topics.CANDIDATES, every)

    def publish(self, fix: Fix, frame_id: str) -> None:
        """Publish an answer on every topic that it has something for.

        Args:
            fix: the answer; without a position it becomes `STATUS_NO_FIX`.
            frame_id: frame_id of the image.
        """
        if fix.has_position:
            self._geopoints.publish(messages_out.geopoint(fix, frame_id))
            self._poses.publish(messages_out.pose(fix, self._map_frame))
        self._fixes.publish(messages_out.nav_sat_fix(fix, frame_id))
        if fix.candidates.ids.size:
            found = messages_out.candidates(fix.stamp_ns, self._map_frame, fix.candidates)
            self._candidates.publish(found)

    def publish_no_fix(self, stamp_ns: int, frame_id: str) -> None:
        """Publish `STATUS_NO_FIX` for a frame that was refused before, or for none."""
        self.publish(Fix.none(stamp_ns), frame_id)
