# SPDX-License-Identifier: Apache-2.0
"""`evaluation_node`: compares the answers of the running nodes with a truth topic and writes a report.

The service `~/report` writes the report; replay_node calls it at the end of the bag. The node also writes it
on shutdown. Frames without a fix count as misses, including frames that were dropped for a newer one.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geographic_msgs.msg import GeoPointStamped
from geometry_msgs.msg import Vector3Stamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image, NavSatFix, PointCloud2
from std_srvs.srv import Trigger

from geoloc.encoder.card import load_card
from geoloc.errors import GeolocError
from geoloc.installed import find_model
from geoloc.mapping.directory import open_map
from geoloc.nodes import topics
from geoloc.nodes.parameters import declare
from geoloc.nodes.runner import GeolocNode, run
from geoloc_lab.metrics.records import EvaluationRun, Recorder
from geoloc_lab.metrics.truth_place import place_remarks
from geoloc_lab.nodes.logbook import Logbook
from geoloc_lab.nodes.settings import EvaluationNodeSettings
from geoloc_lab.reports.report import metres_table, write_report

_EVERY_MESSAGE = QoSProfile(depth=1000)
_VIEWS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


class EvaluationNode(GeolocNode):
    """Collects the messages of a flight in a logbook and writes the report.

    Attributes:
        logbook: the messages so far.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - options of rclpy's Node
        super().__init__("evaluation_node", **options)
        self._settings = declare(self, EvaluationNodeSettings)
        card = load_card(find_model(self._settings.model))
        self._map = open_map(Path(self._settings.map), card)
        self._calibration = card.calibration
        self.logbook = Logbook(self.resolve_topic_name(topics.TRUTH))
        self._reported = 0
        self.create_service(Trigger, "~/report", self._on_report)
        for kind, topic, take in (
            (Vector3Stamped, topics.VIEW_OFFSET, self.logbook.take_offset),
            (Image, topics.DESCRIPTOR, self.logbook.take_descriptor),
            (PointCloud2, topics.CANDIDATES, self.logbook.take_candidates),
            (NavSatFix, topics.FIX, self.logbook.take_fix),
            (GeoPointStamped, topics.GEOPOINT, self.logbook.take_geopoint),
            (DiagnosticArray, topics.REFUSALS, self.logbook.take_refusals),
        ):
            self.create_subscription(kind, topic, self._listener(take), _EVERY_MESSAGE)
        self.create_subscription(
            NavSatFix,
            topics.TRUTH,
            self._listener(self.logbook.take_truth),
            topics.any_publisher(depth=1000),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.create_subscription(
            Odometry, topics.ODOM, self._listener(self.logbook.take_odometry), topics.sensor_stream()
        )
        self.create_subscription(Image, topics.VIEW_IMAGE, self._listener(self.logbook.take_view), _VIEWS)

    def close(self) -> None:
        """Write a report if frames have arrived since the last one."""
        if self.logbook.frames > self._reported:
            try:
                print(self._write_report(), flush=True)
            except GeolocError as error:
                print(f"geoloc: no report was written: {error}", file=sys.stderr, flush=True)

    def _listener(self, take: Callable[[Any, int], None]) -> Callable[[Any], None]:
        return lambda message: take(message, self.get_clock().now().nanoseconds)

    def _on_report(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._write_report()
            response.success = True
        except GeolocError as error:
            response.message = f"no report was written: {error}"
        return response

    def _write_report(self) -> str:
        """Write the report and return its table and its path as text for the terminal."""
        frames = self.logbook.frames
        truth = self.logbook.truth(self._settings.max_truth_gap_s)
        records = self.logbook.records(Recorder(self._map, truth))
        report = EvaluationRun(
            title=self._settings.title,
            records=records,
            map_directory=self._map,
            notes={
                "map": self._settings.map,
                "truth": truth.source,
                "how": "by the ROS nodes; latency as measured by a subscriber, in the nodes' time",
            },
            views=self.logbook.views,
            calibration=self._calibration,
            remarks=(
                *place_remarks(truth, self._map),
                *truth.sentences([record.stamp_ns for record in records]),
            ),
        )
        page = write_report(report, Path(self._settings.out))
        self._reported = frames
        return f"{metres_table(report)}\n\nreport: {page}"


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until it receives a signal."""
    run(EvaluationNode, args)


if __name__ == "__main__":
    main()
