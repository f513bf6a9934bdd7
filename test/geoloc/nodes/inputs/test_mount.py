# SPDX-License-Identifier: Apache-2.0
"""The mount from TF: the lookup by a stand-in of tf2_ros, and late transforms by the real one."""

import importlib.util
import math
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import rclpy
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from flying import Drone, camera_node, frame_at, wait_for
from geoloc.errors import FrameRefused, ParameterError
from geoloc.nodes import messages_out, topics
from geoloc.nodes.inputs.mount import TfMount

with_tf2 = pytest.mark.skipif(not importlib.util.find_spec("tf2_ros"), reason="tf2_ros is not installed here")
HALF = math.sqrt(0.5)


@pytest.fixture
def node(ros):
    made = rclpy.create_node("listener", namespace="mount")
    yield made
    made.destroy_node()


class FakeTf2(ModuleType):
    """Knows a rotation from some moment on; `came` is that moment."""

    def __init__(self, rotation=None):
        super().__init__("tf2_ros")
        self.came, self.cleared = threading.Event(), 0
        if rotation is not None:
            self.came.set()
        self.rotation = rotation
        self.Buffer = lambda: self
        self.TransformListener = lambda buffer, node: None

    class TransformException(Exception):
        pass

    def can_transform(self, target, source, stamp):
        assert target
        return self.came.is_set()

    def lookup_transform(self, target, source, stamp):
        if not self.came.is_set():
            raise self.TransformException(f"'{target}' does not exist")
        return SimpleNamespace(transform=SimpleNamespace(rotation=self.rotation))

    def clear(self):
        self.cleared += 1


def rotation(x=0.0, y=0.0, z=0.0, w=1.0):
    return SimpleNamespace(x=x, y=y, z=z, w=w)


def test_the_mount_comes_from_tf(monkeypatch, node):
    monkeypatch.setitem(sys.modules, "tf2_ros", FakeTf2(rotation(z=HALF, w=HALF)))
    mount = TfMount(node)
    assert mount.ready("base_link", "camera", Image().header.stamp)
    turn = mount.body_from_optical("base_link", "camera", Image().header.stamp)
    assert turn @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)


def test_a_missing_transform_refuses_the_frame(monkeypatch, node):
    monkeypatch.setitem(sys.modules, "tf2_ros", FakeTf2())
    mount = TfMount(node)
    assert not mount.ready("base_link", "camera", Image().header.stamp)
    assert not mount.ready("", "camera", Image().header.stamp)  # no imu yet, so no body frame
    with pytest.raises(FrameRefused, match="'camera' to 'base_link'"):
        mount.body_from_optical("base_link", "camera", Image().header.stamp)


def test_use_tf_without_tf2_is_a_sentence(monkeypatch, node):
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    with pytest.raises(ParameterError, match="mount_rpy_deg"):
        TfMount(node)


class Flight:
    """A camera_node with use_tf, and a drone that sends frames with stamps of now."""

    def __init__(self, spinner, **parameters):
        self._spinner = spinner
        self.camera = spinner.add(camera_node("mount", use_tf=True, base_frame="base_link", **parameters))
        self.drone = spinner.add(Drone("mount"))
        publishers = (self.drone.images, self.drone.imus, self.drone.ranges, self.drone.cameras)
        assert wait_for(lambda: all(p.get_subscription_count() for p in publishers))
        assert wait_for(lambda: self.drone.count_publishers("/mount/view/offset"))

    def frame(self):
        """Send a frame that only lacks its transform; return its stamp and its offset."""
        stamp_ns = self.drone.get_clock().now().nanoseconds
        self.drone.sense(stamp_ns)
        self.drone.shoot(stamp_ns, frame_at(0.0, 0.0))
        return stamp_ns, self.drone.wait(topics.VIEW_OFFSET, stamp_ns)

    def end(self):
        self._spinner.remove(self.drone)
        self._spinner.remove(self.camera)


@pytest.fixture
def flight(spinner):
    made = []

    def start(**parameters):
        made.append(Flight(spinner, **parameters))
        return made[-1]

    yield start
    for each in made:
        each.end()


def test_a_frame_waits_for_a_transform_that_is_late(monkeypatch, flight):
    tf2 = FakeTf2()
    tf2.rotation = rotation(x=HALF, y=-HALF, z=0.0, w=0.0)  # straight down, top of the image forward
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2)
    flying = flight(attitude_wait_s=1.0)
    threading.Timer(0.2, tf2.came.set).start()
    _, offset = flying.frame()
    assert not math.isnan(offset.vector.x)


def test_a_transform_that_does_not_come_refuses_after_the_wait(monkeypatch, flight):
    monkeypatch.setitem(sys.modules, "tf2_ros", FakeTf2())
    flying = flight(attitude_wait_s=0.05)
    began_s = time.monotonic()
    stamp_ns, offset = flying.frame()
    assert math.isnan(offset.vector.x)
    assert flying.drone.wait("reason", stamp_ns) == "no_attitude"
    assert time.monotonic() - began_s < 1.0


@with_tf2
def test_transforms_of_50_hz_that_are_30_ms_late_answer_nearly_all_frames(spinner, flight):
    from geometry_msgs.msg import TransformStamped
    from tf2_msgs.msg import TFMessage

    flying = flight()
    gimbal = spinner.add(rclpy.create_node("gimbal"))
    publisher = gimbal.create_publisher(TFMessage, "/tf", 100)

    def tell():
        stamp_ns = gimbal.get_clock().now().nanoseconds - 30_000_000
        down = TransformStamped(header=messages_out.header(stamp_ns, "base_link"), child_frame_id="camera")
        turn = down.transform.rotation
        turn.x, turn.y, turn.z, turn.w = HALF, -HALF, 0.0, 0.0
        publisher.publish(TFMessage(transforms=[down]))

    gimbal.create_timer(0.02, tell)
    assert wait_for(publisher.get_subscription_count)
    wait_for(lambda: not math.isnan(flying.frame()[1].vector.x))
    answered = [not math.isnan(flying.frame()[1].vector.x) for _ in range(15)]
    spinner.remove(gimbal)
    assert sum(answered) >= 14


class SimulatedClock:
    """A node in simulated time, which the test sets."""

    def __init__(self, spinner):
        simulated = [Parameter("use_sim_time", value=True)]
        self.node = spinner.add(
            rclpy.create_node("listener", namespace="jump", parameter_overrides=simulated)
        )
        self._clock = self.node.create_publisher(Clock, "/clock", 1)

    def set(self, second):
        def told():
            self._clock.publish(Clock(clock=messages_out.time(second * 1_000_000_000)))
            return self.node.get_clock().now().nanoseconds == second * 1_000_000_000

        assert wait_for(told)


@pytest.fixture
def clock(spinner):
    made = SimulatedClock(spinner)
    yield made
    spinner.remove(made.node)


def test_a_clock_that_jumps_back_clears_the_buffer(monkeypatch, clock):
    tf2 = FakeTf2()
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2)
    clock.set(100)
    mount = TfMount(clock.node)
    clock.set(101)
    assert not tf2.cleared
    clock.set(20)
    assert wait_for(lambda: tf2.cleared), mount


@with_tf2
def test_transforms_before_the_newest_count_after_a_jump_back(clock):
    from geometry_msgs.msg import TransformStamped

    mount = TfMount(clock.node)

    def known(second):
        header = messages_out.header(second * 1_000_000_000, "base_link")
        known = TransformStamped(header=header, child_frame_id="camera")
        known.transform.rotation.w = 1.0
        mount._buffer.set_transform(known, "test")
        return mount.ready("base_link", "camera", header.stamp)

    clock.set(100)
    assert known(100)
    clock.set(20)
    assert wait_for(lambda: known(20))
