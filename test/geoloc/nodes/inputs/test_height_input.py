# SPDX-License-Identifier: Apache-2.0
"""`altitude` is read in the type that is published; what holds no usable height refuses the frame."""

import importlib.util
import math
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import rclpy
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Range
from std_msgs.msg import Float64

from flying import Drone, camera_node, frame_at, wait_for
from geoloc.camera.rig import RigSettings
from geoloc.nodes import messages_out, topics
from geoloc.nodes.inputs.heights import HeightInput

TAKEOFF = {"altitude_reference": "takeoff", "altitude_reference_error_m": 5.0}
HEADER = messages_out.header(7_000_000_000, "sensor")


class Heard:
    """In place of a rig: what it was given."""

    def __init__(self, **settings):
        self.settings = RigSettings(view_size_m=60.0, encoder_px=64, **settings)
        self.heights, self.sentences = [], []

    def add_height(self, stamp_ns, height_m, *, may_slant):
        self.heights.append((stamp_ns, height_m))
        self.slanting = may_slant

    def reject(self, refusal):
        self.sentences.append(refusal.sentence)


@pytest.fixture(scope="module")
def sensors(ros):
    """Nodes of two other programs; one DDS participant cannot hold two types of one topic."""
    contexts = [rclpy.Context(), rclpy.Context()]
    for context in contexts:
        rclpy.init(context=context)
    yield [rclpy.create_node("sensor", context=context, namespace="heights") for context in contexts]
    for context in contexts:
        rclpy.shutdown(context=context)


class Listener:
    """A node with the input under test, run step by step."""

    def __init__(self, **settings):
        self.rig = Heard(**settings)
        self.node = rclpy.create_node("listener", namespace="heights")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._input = HeightInput(self.node, self.rig, topics.ALTITUDE, topics.sensor_stream())

    def until(self, condition):
        """Look at the publishers and take messages until the condition holds."""

        def step():
            self._input.look()
            self._executor.spin_once(timeout_sec=0.02)
            return condition(self.rig)

        return wait_for(step)

    def pretend(self, *kinds):
        """Let the types of the publishers be these, without any publisher."""
        found = [SimpleNamespace(topic_type=kind) for kind in kinds]
        self.node.get_publishers_info_by_topic = lambda topic: found

    def hear(self, kind, message):
        """Let a message of a type be published, without DDS."""
        self.pretend(kind)
        assert self.until(lambda _: self._input._kind == kind)
        (subscription,) = self.node.subscriptions
        subscription.callback(message)

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def listening(ros):
    """Make a listener with settings."""
    made = []

    def make(**settings):
        made.append(Listener(**settings))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture
def publish(sensors):
    """Advertise `altitude` in a message's type; the result publishes the message, and has `stop`."""
    made = []

    def advertise(message, sensor=sensors[0]):
        publisher = sensor.create_publisher(type(message), topics.ALTITUDE, 10)

        def send():
            publisher.publish(message)

        send.stop = lambda: sensor.destroy_publisher(publisher)
        made.append(send)
        return send

    yield advertise
    for send in made:
        send.stop()


def pose(z):
    message = PoseStamped(header=HEADER)
    message.pose.position.z = z
    return message


def odometry(z):
    message = Odometry(header=HEADER)
    message.pose.pose.position.z = z
    return message


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sensor_msgs/msg/Range", Range(header=HEADER, range=40.0)),
        ("geometry_msgs/msg/PoseStamped", pose(40.0)),
        ("nav_msgs/msg/Odometry", odometry(40.0)),
    ],
)
def test_a_stamped_height_is_read_in_its_type(listening, kind, message):
    listener = listening(altitude_reference="ground")
    listener.hear(kind, message)
    assert listener.rig.heights == [(7_000_000_000, 40.0)]


def test_a_number_has_the_time_of_its_reception(listening):
    listener = listening(**TAKEOFF)
    listener.hear("std_msgs/msg/Float64", Float64(data=40.0))
    ((stamp_ns, height_m),) = listener.rig.heights
    assert height_m == 40.0
    assert abs(stamp_ns - time.time_ns()) < 5e9


def test_a_height_of_mavros_is_read(listening, publish):
    mavros = pytest.importorskip("mavros_msgs.msg", reason="mavros_msgs is not installed here")
    listener = listening()
    send = publish(mavros.Altitude(header=HEADER, bottom_clearance=40.0, relative=50.0))
    assert listener.until(lambda rig: send() or rig.heights)
    assert listener.rig.heights[0] == (7_000_000_000, 40.0)


@pytest.mark.skipif(bool(importlib.util.find_spec("mavros_msgs")), reason="mavros_msgs is installed here")
def test_a_type_that_cannot_be_imported_names_its_package(listening):
    listener = listening()
    listener.pretend("mavros_msgs/msg/Altitude")
    assert listener.until(lambda rig: rig.sentences)
    assert "install mavros_msgs for your ROS 2" in listener.rig.sentences[-1]


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("std_msgs/msg/Float64", {}, "set altitude_reference to ground, or to takeoff with altitude_ref"),
        ("geometry_msgs/msg/PoseStamped", {}, "does not state what it is measured from"),
        ("std_msgs/msg/String", {}, "which holds no height; publish one of sensor_msgs/msg/Range, mavros"),
        ("sensor_msgs/msg/Range", TAKEOFF, "altitude_reference is takeoff; set it to ground"),
    ],
    ids=["number without reference", "pose without reference", "no height", "range from take-off"],
)
def test_a_type_that_is_no_height_refuses_with_the_cause(listening, kind, settings, words):
    listener = listening(**settings)
    listener.pretend(kind)
    assert listener.until(lambda rig: rig.sentences)
    assert words in listener.rig.sentences[-1]
    assert not list(listener.node.subscriptions)


@pytest.mark.parametrize("bad", [math.nan, -3.0])
def test_a_height_that_cannot_be_refuses_and_the_next_counts(listening, bad):
    listener = listening(altitude_reference="ground")
    listener.hear("nav_msgs/msg/Odometry", odometry(bad))
    assert listener.rig.sentences == [f"the height is {bad} m; check the height sensor."]
    listener.hear("nav_msgs/msg/Odometry", odometry(40.0))
    assert listener.rig.heights == [(7_000_000_000, 40.0)]


def test_the_type_may_change_in_flight(listening, publish):
    listener, send = listening(altitude_reference="ground"), publish(Float64(data=40.0))
    assert listener.until(lambda rig: send() or rig.heights)
    send.stop()
    send = publish(pose(50.0))
    assert listener.until(lambda rig: send() or rig.heights[-1] == (7_000_000_000, 50.0))


def test_two_types_are_refused_until_one_stops(listening, publish, sensors):
    listener = listening(altitude_reference="ground")
    number, ranged = publish(Float64(data=40.0)), publish(Range(header=HEADER, range=50.0), sensors[1])
    assert listener.until(lambda rig: any("several types" in sentence for sentence in rig.sentences))
    sentence = next(sentence for sentence in listener.rig.sentences if "several types" in sentence)
    assert sentence == (
        "/heights/altitude is published with several types (sensor_msgs/msg/Range, std_msgs/msg/Float64); "
        "stop all but one."
    )
    number.stop()
    listener.rig.heights.clear()
    assert listener.until(lambda rig: ranged() or rig.heights)
    assert listener.rig.heights == [(7_000_000_000, 50.0)]


def test_a_wrong_type_that_goes_is_no_longer_blamed(listening):
    listener = listening()
    listener.pretend("std_msgs/msg/String")
    assert listener.until(lambda rig: rig.sentences)
    listener.pretend()
    assert listener.until(lambda rig: "nothing publishes /heights/altitude any more" in rig.sentences[-1])
    listener.pretend("sensor_msgs/msg/Range")
    assert listener.until(lambda _: list(listener.node.subscriptions))


def test_a_frame_is_answered_with_a_number_as_height(spinner, sensors):
    camera, drone = spinner.add(camera_node("heights", altitude_reference="ground")), Drone("heights")
    drone.destroy_publisher(drone.ranges)
    spinner.add(drone)
    number = sensors[0].create_publisher(Float64, topics.ALTITUDE, 10)
    assert wait_for(lambda: all(p.get_subscription_count() for p in (number, drone.images, drone.imus)))

    def view():
        number.publish(Float64(data=100.0))
        stamp_ns = time.time_ns()
        drone.sense(stamp_ns, height_m=None)
        drone.shoot(stamp_ns, frame_at(0.0, 0.0))
        return drone.wait(topics.VIEW_IMAGE, stamp_ns, 0.5)

    assert wait_for(view)
    sensors[0].destroy_publisher(number)
    spinner.remove(drone)
    spinner.remove(camera)
