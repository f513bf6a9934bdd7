# SPDX-License-Identifier: Apache-2.0
"""One CameraInfo is enough, also if it was latched before the node began; another camera's is said once."""

import time
from types import SimpleNamespace
from unittest import mock

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from flying import HEIGHT, WIDTH, camera_info, wait_for
from geoloc.errors import FrameRefused
from geoloc.nodes import topics
from geoloc.nodes.inputs import latched
from geoloc.nodes.inputs.calibration import CalibrationInput

VOLATILE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = topics.sensor_stream()


class Heard:
    """In place of a rig: what it was given."""

    def __init__(self):
        self.given, self.sentences = [], []

    def set_intrinsics(self, intrinsics):
        self.given.append(intrinsics)

    def reject(self, refusal):
        self.sentences.append(refusal.sentence)


@pytest.fixture(scope="module")
def driver(ros):
    """Node of another program."""
    context = rclpy.Context()
    rclpy.init(context=context)
    yield rclpy.create_node("driver", context=context, namespace="calibrated")
    rclpy.shutdown(context=context)


@pytest.fixture
def publisher(driver):
    """Make publishers of camera_info that end with the test."""
    made = []

    def make(quality):
        made.append(driver.create_publisher(CameraInfo, topics.CAMERA_INFO, quality))
        return made[-1]

    yield make
    for each in made:
        driver.destroy_publisher(each)


def message(frame_id="camera", stamp_ns=7, focal_px=160.0, **changes):
    made = camera_info(stamp_ns)
    made.header.frame_id = frame_id
    made.k = [focal_px, *made.k[1:]]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def listening(ros, monkeypatch):
    """Make a node with the input under test, run step by step."""
    monkeypatch.setattr(latched, "_LOOK_S", 0.02)
    executors = []

    def make(rectified=False):
        node, rig = rclpy.create_node("listener", namespace="calibrated"), Heard()
        executors.append(SingleThreadedExecutor())
        executors[-1].add_node(node)
        log = mock.Mock()
        monkeypatch.setattr(node, "get_logger", lambda: log)
        names, quality = (topics.CAMERA_INFO, topics.IMAGE), (topics.sensor_stream(), topics.latched())
        source = CalibrationInput(node, rig, *names, *quality, rectified=rectified)

        def until(condition, frame_id="camera"):
            """Take messages and see images until the condition holds."""

            def step():
                executors[-1].spin_once(timeout_sec=0.02)
                source.select(frame_id, WIDTH, HEIGHT)
                return condition(rig)

            return wait_for(step)

        return SimpleNamespace(node=node, rig=rig, until=until, log=log, source=source)

    yield make
    for executor in executors:
        for node in executor.get_nodes():
            node.destroy_node()
        executor.shutdown()


def focal_px(rig):
    return rig.given[-1].matrix[0, 0] if rig.given else None


def test_a_calibration_latched_before_the_node_began_arrives(publisher, listening):
    publisher(topics.latched()).publish(message(focal_px=171.0))
    time.sleep(0.1)
    assert listening().until(lambda rig: focal_px(rig) == 171.0)


@pytest.mark.parametrize("quality", [VOLATILE, BEST_EFFORT], ids=["reliable", "best effort"])
def test_one_message_of_a_publisher_that_keeps_nothing_is_enough(publisher, listening, quality):
    listener, camera = listening(), publisher(quality)
    assert wait_for(camera.get_subscription_count)
    time.sleep(0.1)  # the writer matches a moment before the reader
    camera.publish(message(focal_px=172.0))
    assert listener.until(lambda rig: focal_px(rig) == 172.0)
    assert listener.until(lambda rig: len(rig.given) > 20)
    assert set(map(id, listener.rig.given)) == {id(listener.rig.given[0])}


def test_latched_and_volatile_publishers_are_heard_on_one_topic(publisher, listening):
    publisher(topics.latched()).publish(message(focal_px=173.0))
    zoom = publisher(VOLATILE)
    listener = listening()
    assert listener.until(lambda rig: focal_px(rig) == 173.0)
    assert wait_for(zoom.get_subscription_count)
    zoom.publish(message(focal_px=174.0))
    assert listener.until(lambda rig: focal_px(rig) == 174.0)
    listener.log.warning.assert_not_called()


def test_another_cameras_calibration_is_said_once_and_replaced_by_the_images_own(listening):
    listener = listening()
    for stamp_ns in (1, 2, 3):
        listener.source._on_message(message("front", stamp_ns))
        listener.source.select("down", WIDTH, HEIGHT)
    listener.log.warning.assert_called_once()
    (sentence,) = listener.log.warning.call_args.args
    assert "frame_id 'front'" in sentence
    assert "the image 'down'" in sentence
    assert listener.source.facts() == {"camera_info": sentence}
    listener.source._on_message(message("down", focal_px=180.0))
    listener.source._on_message(message("front", 4))
    listener.source.select("down", WIDTH, HEIGHT)
    assert focal_px(listener.rig) == 180.0
    assert listener.source.facts() == {}


def test_what_cannot_be_used_is_named(listening):
    listener = listening(rectified=True)
    listener.source._on_message(message())
    assert listener.rig.sentences == [
        "CameraInfo: P is zero, so rectified images have no calibration; publish P, or set rectified to "
        "false and give the raw image."
    ]
    listener.source._on_message(message("front", p=[160.0, 0, 80, 0, 0, 160, 60, 0, 0, 0, 1, 0], width=320))
    with pytest.raises(FrameRefused, match="another camera's"):
        listener.source.select("down", WIDTH, HEIGHT)
