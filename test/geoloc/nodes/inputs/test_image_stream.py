# SPDX-License-Identifier: Apache-2.0
"""Images from a camera in another process reach the node, or their loss is counted and named."""

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Log
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from flying import camera_node, options, wait_for
from geoloc.errors import ParameterError
from geoloc.installed import config_file
from geoloc.nodes.inputs import image_stream
from geoloc.nodes.inputs.image_route import ImageRoute, QosOverride
from geoloc.nodes.inputs.image_stream import ImageStream
from geoloc.nodes.parameters import declare_under

SENDER = Path(__file__).parents[3] / "image_sender.py"
HD, UHD = "1280 720", "3840 2160"  # 2.7 and 25 megabytes as rgb8
IMAGE, JPEG = "/{}/image", "/{}/image/compressed"


class Camera:
    """Process of `image_sender.py`."""

    def __init__(self, namespace, **environment):
        words = [sys.executable, str(SENDER), namespace]
        self.namespace = namespace
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )

    def start(self, order):
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def sent(self):
        """Wait for the end of an order; return the number of images sent until then."""
        return int(self.process.stdout.readline())

    def end(self):
        """End an endless order and destroy the publishers."""
        self.start("stop")
        self.sent(), self.sent()

    def do(self, order):
        """Carry out an order; return the number of images that it sent."""
        self.start("count")
        before = self.sent()
        self.start(order)
        return self.sent() - before


@pytest.fixture(scope="module")
def cameras():
    """Cameras, started in parallel: with default settings, with config/fastdds.xml, and one to kill."""
    profile = {
        name: str(config_file("fastdds.xml"))
        for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    }
    made = SimpleNamespace(
        plain=Camera("plain"), with_segment=Camera("segment", **profile), doomed=Camera("segment")
    )
    yield made
    for camera in vars(made).values():
        camera.process.kill()
        camera.process.communicate()


def routes(node):
    """Return the routes of camera_node with `image_transport: auto`."""
    override = partial(declare_under, node, QosOverride)
    return {
        "compressed": ImageRoute(node, "image/compressed", CompressedImage, override),
        "raw": ImageRoute(node, "image", Image, override),
    }


@pytest.fixture
def streams(spinner, monkeypatch):
    """Function that makes a node with an image stream, whose images it counts."""
    monkeypatch.setattr(image_stream, "_LOOK_S", 0.05)
    nodes = []

    def make(namespace, room=lambda: True, **parameters):
        node = rclpy.create_node("reader", **options(namespace, **parameters))
        nodes.append(node)
        made = SimpleNamespace(node=node, images=[])
        made.stream = ImageStream(
            node, routes(node), on_frame=made.images.append, on_refused=lambda *_: None, has_room=room
        )
        made.fact = lambda name: made.stream.facts().get(name)
        spinner.add(node)
        return made

    yield make
    for node in nodes:
        spinner.remove(node)


@pytest.fixture
def publisher(spinner):
    """Function that makes a publisher of raw images in this process."""
    nodes = []

    def make(namespace, reliability):
        nodes.append(spinner.add(rclpy.create_node(f"publisher{len(nodes)}", namespace=namespace)))
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability.upper()])
        return nodes[-1].create_publisher(Image, "image", quality)

    yield make
    for node in nodes:
        spinner.remove(node)


def all_came(reader, count):
    """Wait until a number of images arrived; the counts of the stream explain a failure."""
    assert wait_for(lambda: len(reader.images) == count), (
        f"{len(reader.images)} of {count}: {reader.stream.facts()}"
    )


def settle(reader, topic, reliability):
    """Wait until the reader has subscribed so and the camera knows."""
    assert wait_for(
        lambda: (reader.fact("image_topic"), reader.fact("image_reliability")) == (topic, reliability)
    )
    assert wait_for(lambda: reader.node.count_publishers(topic))
    time.sleep(0.2)  # the camera learns of the new subscription a moment later


def test_a_reliable_camera_that_comes_late_loses_no_image(cameras, streams):
    reader = streams("plain")
    assert reader.stream.waits_for().startswith(
        "no image arrives (/plain/image/compressed: 0 publishers, /plain/image: 0 publishers)"
    )
    cameras.plain.do("offer raw reliable")
    settle(reader, "/plain/image", "reliable")
    sent = cameras.plain.do(f"raw {HD} 20 reliable 10")
    all_came(reader, sent)
    assert cameras.plain.do(f"raw {UHD} 4 reliable 2") == 2
    all_came(reader, sent + 2)
    assert reader.images[-1].width == 3840
    assert reader.fact("lost_in_transport") == 0
    assert reader.stream.concern() is None


def test_a_best_effort_camera_with_the_shipped_profile_loses_no_image(cameras, streams):
    reader = streams("segment")
    cameras.with_segment.do("offer raw best_effort")
    settle(reader, "/segment/image", "best_effort")
    sent = cameras.with_segment.do(f"raw {HD} 20 best_effort 10")
    sent += cameras.with_segment.do(f"raw {UHD} 4 best_effort 2")
    # On a busy machine a newer image may replace one in the queue; none is lost on the way.
    assert wait_for(lambda: len(reader.images) + (reader.fact("overrun") or 0) == sent), reader.stream.facts()
    assert reader.images[-1].width == 3840
    assert reader.fact("lost_in_transport") == 0
    cameras.with_segment.do("stop")


def test_a_camera_that_is_killed_and_comes_back_is_read_again(cameras, streams):
    reader = streams("segment")
    cameras.doomed.start("raw 320 240 20 reliable")
    assert wait_for(lambda: len(reader.images) > 2)
    cameras.doomed.process.kill()
    cameras.doomed.process.wait()
    known = len(reader.images)
    cameras.with_segment.start("raw 320 240 20 best_effort")
    assert wait_for(lambda: len(reader.images) > known)
    cameras.with_segment.end()


def test_the_loss_of_a_best_effort_camera_is_named_within_five_seconds(cameras, spinner, streams):
    node = spinner.add(camera_node("plain"))
    listener = spinner.add(rclpy.create_node("listener"))
    told, logged = [], []

    def hear(message):
        for status in message.status:
            if "plain/camera_node" in status.name:
                told.append({item.key: item.value for item in status.values})

    listener.create_subscription(DiagnosticArray, "/diagnostics", hear, 100)
    listener.create_subscription(Log, "/rosout", lambda m: logged.append(m.msg), 100)
    cameras.plain.do("offer raw best_effort")
    assert wait_for(lambda: listener.count_subscribers("/plain/image"))
    began_s = time.monotonic()
    cameras.plain.start(f"raw {HD} 20 best_effort")

    def named(text):
        return "images on /plain/image were lost in transport" in text and "fastdds.xml" in text

    assert wait_for(lambda: any(named(values.get("concern", "")) for values in told))
    assert wait_for(lambda: any(map(named, logged)))
    assert time.monotonic() - began_s < 5.0
    assert int(told[-1]["lost_in_transport"]) >= 2
    cameras.plain.end()
    spinner.remove(listener)
    spinner.remove(node)


def test_a_camera_that_changes_its_reliability_is_followed(cameras, streams):
    reader = streams("plain")
    for reliability in ("best_effort", "reliable", "best_effort"):
        cameras.plain.do(f"offer raw {reliability}")
        settle(reader, "/plain/image", reliability)
        known = len(reader.images)
        sent = cameras.plain.do(f"raw 320 240 20 {reliability} 3")
        all_came(reader, known + sent)
    cameras.plain.do("stop")


def test_one_transport_is_read_and_the_other_when_it_falls_silent(cameras, streams):
    reader = streams("plain")
    cameras.plain.do("offer raw reliable")
    cameras.plain.do("offer jpeg reliable")
    settle(reader, "/plain/image/compressed", "reliable")
    cameras.plain.do("jpeg 640 480 20 reliable 3")
    all_came(reader, 3)
    assert wait_for(lambda: reader.node.count_subscribers("/plain/image") == 0)
    cameras.plain.start("raw 320 240 20 reliable")
    assert wait_for(lambda: len(reader.images) > 6)
    assert reader.fact("image_topic") == "/plain/image"
    assert wait_for(lambda: reader.node.count_subscribers("/plain/image/compressed") == 0)
    cameras.plain.end()


def test_of_two_publishers_one_of_which_is_best_effort_both_are_heard(streams, publisher):
    reader = streams("pair")
    first = publisher("pair", "reliable")
    settle(reader, "/pair/image", "reliable")
    second = publisher("pair", "best_effort")
    settle(reader, "/pair/image", "best_effort")
    first.publish(Image()), second.publish(Image())
    assert wait_for(lambda: reader.stream.facts() and reader.images)


def override(namespace, **policies):
    return {f"qos_overrides./{namespace}/image.subscription.{key}": value for key, value in policies.items()}


def test_a_users_override_outlives_every_change_of_publishers(streams, publisher):
    reader = streams("willed", **override("willed", reliability="best_effort", depth=3))
    first = publisher("willed", "reliable")
    settle(reader, "/willed/image", "best_effort")
    second = publisher("willed", "best_effort")
    assert wait_for(lambda: reader.node.count_publishers("/willed/image") == 2)
    for subscription in reader.node.subscriptions:
        assert subscription.qos_profile.depth == 3
    first.publish(Image()), second.publish(Image())
    assert wait_for(lambda: reader.images)
    assert reader.fact("image_reliability") == "best_effort"


def test_an_override_that_the_camera_cannot_meet_is_named(streams, publisher):
    reader = streams("strict", **override("strict", reliability="reliable"))
    publisher("strict", "best_effort")
    settle(reader, "/strict/image", "reliable")
    assert (
        "/strict/image: 1 publisher, 1 with incompatible QoS "
        "(remove qos_overrides./strict/image.subscription.reliability)" in reader.stream.waits_for()
    )


def test_a_misspelt_override_is_a_sentence(ros):
    node = rclpy.create_node("wrong", **options("wrong", **override("wrong", reliability="relaible")))
    with pytest.raises(ParameterError, match=r"'relaible'; it must be one of auto, reliable, best_effort"):
        routes(node)
    node.destroy_node()


def test_an_override_of_the_name_before_remapping_is_a_warning(ros, capfd):
    remapped = ["--ros-args", "--remap", "image:=/front/image_raw"]
    given = {**options("other", **override("other", depth=3)), "cli_args": remapped}
    node = rclpy.create_node("remapped", **given)
    routes(node)
    node.destroy_node()
    assert "rename it to qos_overrides./front/image_raw." in capfd.readouterr().err


def test_without_room_the_newest_image_waits_in_the_middleware(streams, publisher):
    room = threading.Event()
    reader = streams("full", room=room.is_set)
    camera = publisher("full", "best_effort")
    settle(reader, "/full/image", "best_effort")
    assert wait_for(camera.get_subscription_count)
    room.set()
    camera.publish(Image(width=1))
    all_came(reader, 1)
    room.clear()
    reader.stream.wake()
    time.sleep(0.1)  # the executor has waited with room until now
    for width in (2, 3, 4):
        camera.publish(Image(width=width))
    time.sleep(0.1)
    assert len(reader.images) == 1
    room.set()
    reader.stream.wake()
    all_came(reader, 2)
    assert reader.images[-1].width == 4
    assert (reader.fact("overrun"), reader.fact("lost_in_transport")) == (2, 0)


def test_where_rclpy_gives_only_the_message_images_still_come(streams, publisher, monkeypatch):
    monkeypatch.setattr(image_stream, "_GIVES_INFO", False)  # as on Humble
    reader = streams("humble")
    camera = publisher("humble", "reliable")
    settle(reader, "/humble/image", "reliable")
    assert wait_for(camera.get_subscription_count)
    camera.publish(Image())
    assert wait_for(lambda: reader.images)
    assert reader.fact("overrun") is None
