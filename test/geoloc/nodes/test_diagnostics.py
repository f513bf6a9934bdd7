# SPDX-License-Identifier: Apache-2.0
"""What the nodes tell about themselves: `/diagnostics`, `refusals`, `state`, and the console with /rosout."""

import re
import time
from collections import defaultdict
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock

from flying import Drone, camera_node, fly, frame_at, wait_for
from geoloc.errors import FrameRefused, Reason
from geoloc.nodes import diagnostics, messages_in, messages_out, state, topics, wiring
from geoloc.nodes.console import Reminder

CAMERA, INFERENCE, RETRIEVAL = (f"told/{name}_node" for name in ("camera", "inference", "retrieval"))


class Listener(Drone):
    """A drone that also hears the console, the state and every summary."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.said = defaultdict(list)
        self.summaries = []
        self.states = []
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(Log, "/rosout", self._hear_log, latched)
        self.create_subscription(DiagnosticStatus, topics.STATE, self.states.append, 10)

    def console(self, node):
        """Return what a node has said after its start, as level and text."""
        texts = self.said[node.replace("/", ".")]
        return [(level, text) for level, text in texts if not text.startswith("ready")]

    def state(self):
        """Return level, sentence and values of the newest state; empty before the first."""
        if not self.states:
            return b"", "", {}
        newest = self.states[-1]
        return newest.level, newest.message, {item.key: item.value for item in newest.values}

    def _hear_log(self, message):
        self.said[message.name].append((message.level, message.msg))

    def _hear_health(self, message):
        super()._hear_health(message)
        self.summaries += [status.name for status in message.status]


@pytest.fixture(scope="module")
def listener(spinner):
    """A drone that listens before the nodes start."""
    return spinner.add(Listener("told"))


@pytest.fixture(scope="module")
def flown(spinner, listener):
    """The flight nodes in the namespace `told`, which lose patience at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnostics, "_PATIENCE_S", 0.0)
        nodes = fly(spinner, "told")
        started = (nodes.camera, nodes.inference, nodes.retrieval)
        for node in started:
            node._health._problems = Reminder(calm_s=0.1)
        yield started


@pytest.fixture(scope="module")
def pilot(listener, flown):
    """The listener, once the nodes hear it."""
    listener.await_suite()
    return listener


WARN, INFO = Log.WARN, Log.INFO


def test_each_node_says_what_it_listens_to(pilot):
    heard = "/told/altitude, /told/camera_info, /told/image, /told/imu"
    assert wait_for(lambda: pilot.said["told.camera_node"])
    assert pilot.said["told.camera_node"][0] == (INFO, f"ready: listens to {heard}")
    assert pilot.said["told.inference_node"][0][1].endswith("listens to /told/view/image")
    assert "/told/initial_fix, /told/odom" in pilot.said["told.retrieval_node"][0][1]


def test_no_image_is_said_by_camera_node_alone_and_is_an_error(pilot):
    assert wait_for(lambda: pilot.console(CAMERA))
    remedy = "check the camera's driver and the launch argument image_topic (--image-topic of `geoloc up`)"
    sentence = f"no image arrives (/told/image: 1 publisher); {remedy}."
    assert pilot.console(CAMERA)[0] == (WARN, f"no fix: {sentence}")
    assert wait_for(lambda: pilot.state()[0] == DiagnosticStatus.ERROR)
    assert pilot.state()[2]["reason"] == "no_frames"
    assert pilot.state()[2]["last_fix_age_s"] == "inf"
    status, _ = pilot.heard[topics.DIAGNOSTICS][CAMERA]
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, sentence)
    status, _ = pilot.heard[topics.DIAGNOSTICS][RETRIEVAL]
    assert status.message.startswith("no descriptors arrive (/told/descriptor: 1 publisher)")
    assert pilot.console(INFERENCE) == pilot.console(RETRIEVAL) == []


def test_every_refused_frame_is_on_refusals_and_diagnostics_stays_at_one_a_second(pilot):
    stamp_ns = pilot.next_stamp()
    pilot.sense(stamp_ns, height_m=None)
    began_s, before = time.monotonic(), len(pilot.summaries)
    for frame in range(stamp_ns, stamp_ns + 6):
        pilot.images.publish(messages_out.rgb_image(frame, "camera", frame_at(0.0, 0.0)))
        assert pilot.wait("reason", frame) == "no_height"
    lasted_s = time.monotonic() - began_s
    for name in (CAMERA, INFERENCE, RETRIEVAL):
        assert pilot.summaries[before:].count(f"{name}: frames") <= lasted_s + 1.0


def test_the_reason_is_said_once_with_topic_and_publishers_and_is_on_state(pilot):
    sentence = "no height has arrived yet; check the altitude topic (/told/altitude: 1 publisher)."
    assert [text for _, text in pilot.console(CAMERA)].count(f"no fix: {sentence}") == 1
    assert pilot.console(RETRIEVAL) == []
    assert wait_for(lambda: pilot.state()[1] == sentence)
    level, _, values = pilot.state()
    assert (level, values["reason"]) == (DiagnosticStatus.WARN, "no_height")


def test_the_return_of_answers_is_said_once_and_state_tells_the_fix(pilot):
    def fine():
        stamp_ns = pilot.next_stamp()
        pilot.sense(stamp_ns)
        pilot.shoot(stamp_ns, frame_at(20.0, -30.0))
        pilot.wait(topics.GEOPOINT, stamp_ns, timeout_s=0.5)
        texts = [text for _, text in pilot.console(RETRIEVAL)]
        return "frames are answered" in texts and pilot.state()[0] == DiagnosticStatus.OK

    assert wait_for(fine, 10.0)
    _, sentence, values = pilot.state()
    assert sentence == "frames are answered."
    assert float(values["last_fix_age_s"]) < 5.0
    assert 0.0 < float(values["sigma_m"]) < 100.0
    assert pilot.states[-1].name == f"{RETRIEVAL}: state"
    ends = [
        node
        for node in (CAMERA, INFERENCE, RETRIEVAL)
        for _, text in pilot.console(node)
        if text.startswith("frames are")
    ]
    assert ends == [RETRIEVAL]


def test_debug_shows_what_each_node_decides_about_a_frame(pilot, flown):
    for node in flown:
        node.get_logger().set_level(LoggingSeverity.DEBUG)
    stamp_ns = pilot.good_frame()
    results = {CAMERA: "views: 1, height 100.0 m; ", INFERENCE: "descriptors: 1; ", RETRIEVAL: "46.99"}
    for name, result in results.items():
        begins = f"frame {stamp_ns}: {result}"
        assert wait_for(lambda n=name, b=begins: any(text.startswith(b) for _, text in pilot.console(n)))
    refused_ns = pilot.next_stamp()
    pilot.sense(refused_ns, attitude=(1.0, 0.0, 0.0, 0.0))
    pilot.shoot(refused_ns, frame_at(0.0, 0.0))
    begins = f"frame {refused_ns}: refused, tilt: the camera is tilted"
    assert wait_for(lambda: any(text.startswith(begins) for _, text in pilot.console(CAMERA)))


def test_without_clock_or_while_it_stands_still_camera_node_says_so(pilot, spinner, monkeypatch):
    monkeypatch.setattr(diagnostics, "_PERIOD_S", 0.2)
    monkeypatch.setattr(state, "_PERIOD_S", 0.2)
    nodes = fly(spinner, "clockless", camera={"use_sim_time": True}, use_sim_time=True)
    other = spinner.add(Listener("clockless"))
    sentence = "/clock has no messages; start the simulation or the replay (/clock: 0 publishers)."
    assert wait_for(lambda: other.states)
    assert other.state()[1].endswith(sentence)
    assert wait_for(lambda: other.console("clockless/camera_node"))
    assert other.console("clockless/camera_node")[0] == (
        WARN,
        f"no fix: use_sim_time is true, but {sentence}",
    )
    assert not nodes.camera._health.condition().is_normal
    assert other.console("clockless/retrieval_node") == []
    monkeypatch.setattr(diagnostics, "_SILENT_AFTER_S", 0.5)
    clock = other.create_publisher(Clock, "/clock", 10)
    assert wait_for(lambda: nodes.camera._health.condition().is_normal)  # it will begin in a moment
    still = "/clock stands still; the simulation or the replay has paused or ended (/clock: 1 publisher)."

    def said():
        clock.publish(Clock(clock=messages_out.time(5)))
        return (INFO, f"no fix: {still}") in other.console("clockless/camera_node")

    assert wait_for(said)
    for node in (other, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)


def test_a_concern_is_a_warning_a_search_and_a_hint_are_no_alarm(pilot, spinner):
    camera, sender = spinner.add(camera_node("worried")), spinner.add(Listener("worried"))
    camera._health._concern = lambda: "3 of 9 frames got lost; make the camera reliable."
    assert wait_for(lambda: all(p.get_subscription_count() for p in (sender.images, sender.cameras)))
    assert wait_for(lambda: all(p.get_subscription_count() for p in (sender.imus, sender.ranges)))
    stamp_ns = sender.next_stamp()
    sender.sense(stamp_ns)
    sender.shoot(stamp_ns, frame_at(0.0, 0.0))
    assert sender.wait(topics.VIEW_IMAGE, stamp_ns)
    camera._health.publish()
    assert wait_for(lambda: sender.heard[topics.DIAGNOSTICS].get("worried/camera_node"))
    status, values = sender.heard[topics.DIAGNOSTICS]["worried/camera_node"]
    assert (status.level, status.message) == (DiagnosticStatus.WARN, values["concern"])
    assert wait_for(lambda: (WARN, values["concern"]) in sender.console("worried/camera_node"))
    camera._health.refused(stamp_ns, FrameRefused(Reason.SEARCHING, "searching the whole map."))
    searching = (INFO, "no fix: searching the whole map.")
    assert wait_for(lambda: searching in sender.console("worried/camera_node"))
    camera._health.publish()
    counts = sender.heard[topics.DIAGNOSTICS]
    assert wait_for(lambda: counts["worried/camera_node"][1].get("refused_searching") == "1")
    assert counts["worried/camera_node"][1]["refused"] == "1"
    spinner.remove(sender)
    spinner.remove(camera)


def test_a_slow_camera_is_not_a_silent_one(flown, monkeypatch):
    health = flown[0]._health
    monkeypatch.setattr(diagnostics, "_PATIENCE_S", 4.0)
    for arrivals_s, patience_s in (([], 4.0), ([9.0], 4.0), ([8.9, 9.0], 4.0), ([1.0, 4.0, 9.0], 10.0)):
        monkeypatch.setattr(health, "_arrivals_s", arrivals_s)
        assert health._patience_s() == patience_s


@pytest.mark.parametrize(
    ("namespace", "name", "hardware"),
    [
        ("/", "camera_node: frames", "geoloc"),
        ("/geoloc", "geoloc/camera_node: frames", "geoloc"),
        ("/uav1/geoloc", "uav1/geoloc/camera_node: frames", "uav1/geoloc"),
    ],
)
def test_names_follow_the_convention_and_hardware_the_namespace(namespace, name, hardware):
    node = SimpleNamespace(
        get_namespace=lambda: namespace,
        get_fully_qualified_name=lambda: f"{namespace.rstrip('/')}/camera_node",
    )
    message = messages_out.refusal(node, 5, FrameRefused(Reason.TILT, "too much tilt."))
    (status,) = message.status
    assert (status.name, status.hardware_id) == (name, hardware)
    assert message.header.stamp.nanosec == 5
    (read,) = messages_in.refusals(message)
    assert (read.reason, read.sentence) == (Reason.TILT, "too much tilt.")


def test_a_node_whose_predecessor_is_gone_for_good_says_which_to_start(pilot, monkeypatch):
    missing = wiring.Upstream(pilot, "views", "nowhere/image", "camera_node")
    assert not missing.is_missing()
    monkeypatch.setattr(wiring, "_GONE_AFTER_S", 0.0)
    assert missing.is_missing()
    assert missing.waits_for() == (
        "no views arrive (/told/nowhere/image: 0 publishers); start camera_node in this namespace."
    )


def test_a_refusal_without_a_sensor_keeps_its_sentence(pilot):
    refusal = FrameRefused(Reason.DULL_VIEW, "the view has one colour.")
    assert wiring.naming_input(refusal, pilot) is refusal


def test_at_its_end_a_node_sums_up_its_refusals(pilot, flown):
    flown[0].close()
    told = (
        r"refused in this flight: no_height, \d+ frames: no height has arrived yet; check the altitude topic"
    )
    assert wait_for(lambda: any(re.match(told, text) for _, text in pilot.console(CAMERA)))
