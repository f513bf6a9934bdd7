# SPDX-License-Identifier: Apache-2.0
"""Frames that cannot be answered are refused with their stamp and reason; later frames are answered."""

import math
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from geometry_msgs.msg import Vector3Stamped
from sensor_msgs.msg import Image

from flying import Drone, camera_info, camera_node, fly, frame_at, wait_for
from geoloc.nodes import messages_out, topics


def test_no_camera_info_or_one_of_zeros(spinner, drone):
    camera, sender = spinner.add(camera_node("uncalibrated")), spinner.add(Drone("uncalibrated"))
    assert wait_for(lambda: sender.images.get_subscription_count() and sender.imus.get_subscription_count())
    time.sleep(0.1)
    stamp_ns = sender.next_stamp()
    sender.sense(stamp_ns, camera=False)
    sender.shoot(stamp_ns, frame_at(0.0, 0.0))
    assert sender.wait("reason", stamp_ns) == "no_camera_info"
    assert math.isnan(sender.wait(topics.VIEW_OFFSET, stamp_ns).vector.x)
    uncalibrated = camera_info(stamp_ns + 1)
    uncalibrated.k = [0.0] * 9
    sender.cameras.publish(uncalibrated)
    sender.sense(stamp_ns + 1, camera=False)
    sender.shoot(stamp_ns + 1, frame_at(0.0, 0.0))
    assert sender.wait("reason", stamp_ns + 1) == "bad_camera_info"
    sender.sense(stamp_ns + 2)
    sender.shoot(stamp_ns + 2, frame_at(0.0, 0.0))
    assert sender.wait(topics.VIEW_IMAGE, stamp_ns + 2)
    spinner.remove(sender)
    spinner.remove(camera)


def test_two_image_publishers_are_refused_until_one_stops(spinner, drone):
    drone.good_frame()
    second = spinner.add(Drone("geoloc"))
    assert wait_for(second.images.get_subscription_count)
    stamp_ns = second.next_stamp()
    second.sense(stamp_ns)
    second.shoot(stamp_ns, frame_at(100.0, 100.0))
    assert drone.reason(stamp_ns) == "several_sources"
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns)
    drone.shoot(stamp_ns, frame_at(0.0, 0.0))
    assert drone.reason(stamp_ns) == "several_sources"
    spinner.remove(second)
    camera_topic = drone.resolve_topic_name(topics.IMAGE)
    assert wait_for(lambda: drone.count_publishers(camera_topic) == 1)
    drone.good_frame()


def test_an_image_without_a_stamp_is_refused(drone):
    drone.shoot(0, frame_at(0.0, 0.0))
    assert drone.reason(0) == "bad_image"
    drone.good_frame()


def test_a_camera_that_changes_its_encoding_in_flight_is_answered(drone):
    drone.good_frame()
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns)
    bgr = np.ascontiguousarray(frame_at(20.0, -30.0)[:, :, ::-1])
    drone.shoot(stamp_ns, bgr, encoding="bgr8")
    assert drone.wait(topics.GEOPOINT, stamp_ns)


def test_a_camera_that_changes_its_size_in_flight_is_refused_until_its_camera_info_arrives(drone):
    drone.good_frame()
    stamp_ns, half = drone.next_stamp(), np.ascontiguousarray(frame_at(20.0, -30.0)[::2, ::2])
    drone.sense(stamp_ns)
    drone.shoot(stamp_ns, half)
    assert drone.reason(stamp_ns) == "bad_camera_info"
    stamp_ns = drone.next_stamp()
    drone.cameras.publish(resized(camera_info(stamp_ns), 0.5))
    drone.sense(stamp_ns, camera=False)
    drone.shoot(stamp_ns, half)
    assert drone.wait(topics.GEOPOINT, stamp_ns)
    drone.good_frame()


def resized(info, scale):
    """Return the CameraInfo of the same images at another size."""
    info.width, info.height = int(info.width * scale), int(info.height * scale)
    info.k = [value * scale for value in info.k[:8]] + [1.0]
    return info


def publish_pair(drone, descriptor, offset=(0.0, 0.0)):
    """Send a descriptor and its offset in place of the other nodes; return the stamp."""
    stamp_ns = drone.next_stamp()
    if offset is not None:
        drone.offsets.publish(messages_out.offset(stamp_ns, "camera", *offset, 100.0))
    message = messages_out.descriptor(stamp_ns, "camera", np.atleast_2d(descriptor))
    drone.descriptors.publish(message)
    return stamp_ns


@pytest.fixture(scope="module")
def stranger(spinner, drone):
    """Publisher on topics of geoloc's nodes."""
    drone.offsets = drone.create_publisher(Vector3Stamped, topics.VIEW_OFFSET, 10)
    drone.descriptors = drone.create_publisher(Image, topics.DESCRIPTOR, 10)
    drone.views = drone.create_publisher(Image, topics.VIEW_IMAGE, 10)
    publishers = (drone.offsets, drone.descriptors, drone.views)
    assert wait_for(lambda: all(p.get_subscription_count() > 1 for p in publishers))
    time.sleep(0.1)
    return drone


UNIT = np.ones(192, np.float32) / math.sqrt(192)
BAD_DESCRIPTORS = {
    "of another model": (np.ones(64, np.float32), "bad_descriptor"),
    "NaN": (np.full(192, np.nan, np.float32), "bad_descriptor"),
    "zero": (np.zeros(192, np.float32), "bad_descriptor"),
    "of more rows than the parameters say": (np.ones((3, 192), np.float32), "bad_descriptor"),
}


@pytest.mark.parametrize(("vector", "reason"), BAD_DESCRIPTORS.values(), ids=BAD_DESCRIPTORS)
def test_a_descriptor_that_fits_no_map_is_refused(stranger, vector, reason):
    assert stranger.reason(publish_pair(stranger, vector)) == reason
    stranger.good_frame()


def test_a_descriptor_of_another_encoding_is_refused(stranger):
    stamp_ns = stranger.next_stamp()
    stranger.descriptors.publish(messages_out.rgb_image(stamp_ns, "camera", np.zeros((1, 192, 3), np.uint8)))
    assert stranger.reason(stamp_ns) == "bad_descriptor"


def test_a_descriptor_without_its_offset_is_refused(stranger):
    assert stranger.reason(publish_pair(stranger, UNIT, offset=None)) == "no_offset"


def test_a_camera_far_off_the_map_is_refused(stranger):
    assert stranger.reason(publish_pair(stranger, UNIT, offset=(5000.0, 0.0))) == "off_map"


@pytest.mark.parametrize("shape", [(32, 32, 3), (64, 32, 3), (96, 64, 3), (64 * 265, 64, 3)])
def test_a_view_of_another_size_is_refused_by_inference(stranger, shape):
    stamp_ns = stranger.next_stamp()
    stranger.views.publish(messages_out.rgb_image(stamp_ns, "camera", np.zeros(shape, np.uint8)))
    assert stranger.reason(stamp_ns) == "bad_image"
    assert stranger.heard[topics.DESCRIPTOR][stamp_ns].width == 0
    stranger.good_frame()


def test_silence_is_reported_as_no_fix_with_the_nodes_time(spinner, drone):
    nodes = fly(spinner, "silent", silence_s=0.5)
    listener = spinner.add(Drone("silent"))
    assert wait_for(lambda: listener.heard[topics.FIX])
    stamp_ns, fix = next(iter(listener.heard[topics.FIX].items()))
    assert fix.status.status == -1
    assert abs(stamp_ns - time.time_ns()) < 5e9
    assert wait_for(lambda: "silent/retrieval_node" in listener.heard[topics.DIAGNOSTICS])
    status, _ = listener.heard[topics.DIAGNOSTICS]["silent/retrieval_node"]
    assert status.level == status.ERROR  # STALE is the aggregator's word for a node that is gone
    for node in (listener, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)
