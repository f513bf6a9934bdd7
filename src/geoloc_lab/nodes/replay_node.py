# SPDX-License-Identifier: Apache-2.0
"""`replay_node`: plays a rosbag2 recording onto the topics that the nodes subscribe to, with `/clock`.

It replaces `ros2 bag play` where that command is not installed. Messages are published byte for byte as
recorded. The node waits for subscribers, so that no frame is lost at the start. At the end it calls the
report service of evaluation_node, if that node runs.
"""

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.exceptions import InvalidTopicNameException
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger
from tqdm import tqdm

from geoloc.errors import BagError, ParameterError, clause
from geoloc.nodes import messages_in, messages_out, topics
from geoloc.nodes.parameters import declare
from geoloc.nodes.runner import GeolocNode, StopSignal, ros_running, run
from geoloc.progress import progress_bar
from geoloc.refusal_tally import RefusalTally
from geoloc_lab.bags.playlist import Playlist, TopicChoice
from geoloc_lab.nodes.replay_clock import ReplayClock
from geoloc_lab.nodes.settings import ReplayNodeSettings

_AWAITED = (
    topics.IMAGE,
    topics.IMAGE_COMPRESSED,
    topics.CAMERA_INFO,
    topics.IMU,
    topics.ALTITUDE,
    topics.VIEW_IMAGE,
    topics.DESCRIPTOR,
)
_TRANSPORTS = {topics.IMAGE, topics.IMAGE_COMPRESSED}  # camera_node reads one of them
_STEADY_S = 3.0  # period of DDS announcements, after which the nodes have discovered each other
_SETTLE_S = 2.0
_LAST_REFUSALS = 20  # messages that may wait at the end
_REPORT_TIMEOUT_S = 300.0
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s of flight [{elapsed}<{remaining}]"


class ReplayNode(GeolocNode):
    """Plays one bag once.

    Args:
        settings: settings of the playback; None takes ROS parameters.
        options: options of rclpy's Node.

    Raises:
        BagError: if the bag cannot be played.
    """

    def __init__(self, settings: ReplayNodeSettings | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__("replay_node", **options)
        self._settings = settings or declare(self, ReplayNodeSettings)
        choice = TopicChoice.of(self._settings.rename.split(","), keep_names=self._settings.keep_names)
        self._playlist = Playlist(Path(self._settings.bag), choice)
        self._clock_publisher = self.create_publisher(Clock, "/clock", 10)
        self._publishers_by_topic = {
            topic.target: self._publisher(topic.kind, topic.target) for topic in self._playlist.topics
        }
        self._reporter = self.create_client(Trigger, "evaluation_node/report")
        self._tally = RefusalTally()
        self.create_subscription(DiagnosticArray, topics.REFUSALS, self._on_refusals, topics.every_answer())

    def close(self) -> None:
        """Close the bag."""
        self._playlist.close()

    def play(self, stop: StopSignal) -> None:
        """Wait for subscribers, play the bag, wait for the last answer, and request the report.

        Raises:
            BagError: if the bag is damaged or ends before `start_s`.
        """
        for note in self._playlist.notes:
            self._say(note)
        start_ns = self._playlist.start_ns + round(self._settings.start_s * 1e9)
        if start_ns > self._playlist.end_ns:
            length_s = (self._playlist.end_ns - self._playlist.start_ns) / 1e9
            raise BagError(
                f"start_s is {self._settings.start_s:g}, but the bag is {length_s:.1f} s long; "
                "give a smaller start_s."
            )
        self._await_subscribers(stop)
        clock = ReplayClock(start_ns, self._settings.rate)
        self._play_messages(start_ns, clock, stop)
        if clock.lost_s:
            self._say(f"this machine is too slow for the rate: playback took {clock.lost_s:.1f} s longer")
        self._sleep_until(clock.now_ns() + round(_SETTLE_S * self._settings.rate * 1e9), clock, stop)
        if stop.is_set or not (self._settings.report and self._request_report()):
            self._sum_up()

    def _play_messages(self, start_ns: int, clock: ReplayClock, stop: StopSignal) -> None:
        total_s = (self._playlist.end_ns - start_ns) / 1e9
        with progress_bar(label="replay", total=total_s, bar_format=_BAR) as bar:
            for topic, time_ns, raw in self._playlist.messages(start_ns):
                self._sleep_until(time_ns, clock, stop)
                if stop.is_set:
                    return
                if topic.target in (topics.IMAGE, topics.IMAGE_COMPRESSED):
                    self._publish_clock(time_ns)  # so that the age of a frame starts at 0
                self._publishers_by_topic[topic.target].publish(raw)
                rclpy.spin_once(self, timeout_sec=0.0)  # hear a refusal
                bar.update((time_ns - start_ns) / 1e9 - bar.n)

    def _publisher(self, kind: type[Any], target: str) -> "Publisher[Any]":
        quality = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10)
        if target.endswith("tf_static"):
            quality.durability = DurabilityPolicy.TRANSIENT_LOCAL
        try:
            return self.create_publisher(kind, target, quality)
        except InvalidTopicNameException as error:
            raise ParameterError(
                f"'{target}' is not a topic name ({clause(error)}); change rename."
            ) from error

    def _await_subscribers(self, stop: StopSignal) -> None:
        """Wait until every topic that a fix needs has a subscriber, then a little longer for other topics."""
        needed = (*_AWAITED, topics.TRUTH) if self._settings.await_evaluation else _AWAITED
        deadline_s = time.monotonic() + self._settings.wait_s
        complete_since_s = math.inf
        while not stop.is_set and time.monotonic() < deadline_s:
            now_s = time.monotonic()
            complete_since_s = math.inf if self._without_subscriber(needed) else min(complete_since_s, now_s)
            if now_s - complete_since_s > _STEADY_S:
                return
            time.sleep(0.05)
        for topic in self._without_subscriber(needed):
            self._say(
                f"no node subscribes to {self.resolve_topic_name(topic)}; start the nodes with `geoloc up`"
            )

    def _without_subscriber(self, names: Sequence[str]) -> list[str]:
        """Return the topics that the bag feeds, directly or through nodes, and that have no subscriber."""
        fed = {*self._publishers_by_topic, topics.VIEW_IMAGE, topics.DESCRIPTOR}
        unread = [
            name
            for name in names
            if name in fed and not self.count_subscribers(self.resolve_topic_name(name))
        ]
        one_is_read = len(_TRANSPORTS & set(unread)) < len(_TRANSPORTS & fed)
        return [name for name in unread if not (one_is_read and name in _TRANSPORTS)]

    def _sleep_until(self, time_ns: int, clock: ReplayClock, stop: StopSignal) -> None:
        while not stop.is_set:
            nap_s = clock.nap_s(time_ns)
            if clock.tick_is_due():
                self._publish_clock(min(clock.now_ns(), time_ns))
            if nap_s == 0.0:
                return
            time.sleep(nap_s)

    def _publish_clock(self, time_ns: int) -> None:
        self._clock_publisher.publish(Clock(clock=messages_out.time(time_ns)))

    def _on_refusals(self, message: DiagnosticArray) -> None:
        for refusal in messages_in.refusals(message):
            self._tally.add(refusal)

    def _sum_up(self) -> None:
        """Say a sentence for each reason for which the nodes refused frames."""
        for _ in range(_LAST_REFUSALS):
            rclpy.spin_once(self, timeout_sec=0.0)
        for sentence in self._tally.sentences():
            self._say(f"no fix: {sentence}")

    def _request_report(self) -> bool:
        """Request the report and show it; return whether evaluation_node has written one.

        Raises:
            BagError: if there is none although it is required.
        """
        if self._reporter.wait_for_service(timeout_sec=0.5):
            future = self._reporter.call_async(Trigger.Request())
            rclpy.spin_until_future_complete(self, future, timeout_sec=_REPORT_TIMEOUT_S)
            late = Trigger.Response(message="evaluation_node did not write its report in time.")
            answer = future.result() or late
        elif self._settings.await_evaluation:
            answer = Trigger.Response(message="there is no report: evaluation_node does not run.")
        else:
            return False
        if not answer.success and self._settings.await_evaluation:
            raise BagError(f"{self._settings.bag}: {answer.message}")
        self._say(answer.message)
        return bool(answer.success)

    def _say(self, sentence: str) -> None:
        tqdm.write(f"replay: {sentence}", file=sys.stderr)


def _play(node: ReplayNode, stop: StopSignal) -> None:
    try:
        node.play(stop)
    finally:
        node.close()
        node.destroy_node()


def replay(settings: ReplayNodeSettings, namespace: str) -> None:
    """Play a bag, for `geoloc replay`.

    Raises:
        GeolocError: if the bag cannot be played.
    """
    stop = StopSignal()
    with ros_running([]):
        _play(ReplayNode(settings, namespace=namespace), stop)


def main(args: Sequence[str] | None = None) -> None:
    """Play the bag given by the ROS parameters."""
    run(ReplayNode, args, _play)


if __name__ == "__main__":
    main()
