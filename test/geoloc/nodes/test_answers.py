# SPDX-License-Identifier: Apache-2.0
"""The three flight nodes over real DDS: a frame goes in, a position with its stamp comes out."""

import math

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from flying import HEIGHT, HEIGHT_M, MAP, PITCH_M, PX, VIEW_M, WIDTH, frame_at, wait_for
from geoloc.nodes import messages_in, messages_out, topics


def test_a_frame_becomes_a_position_with_the_frames_own_stamp(drone):
    stamp_ns = drone.good_frame(20.0, -30.0)
    point = drone.heard[topics.GEOPOINT][stamp_ns].position
    east_m, north_m = MAP.frame.to_local(point.latitude, point.longitude)
    assert math.hypot(east_m - 20.0, north_m + 30.0) < PITCH_M
    assert math.isnan(point.altitude)
    fix = drone.wait(topics.FIX, stamp_ns)
    assert (fix.status.status, fix.status.service) == (0, 0)
    assert (fix.latitude, fix.longitude) == (point.latitude, point.longitude)
    assert math.isnan(fix.altitude)
    assert fix.header.frame_id == "camera"
    covariance = np.array(fix.position_covariance).reshape(3, 3)
    assert covariance[0, 0] >= PITCH_M**2 / 12
    assert np.allclose(covariance, covariance.T)
    pose = drone.wait(topics.POSE, stamp_ns)
    assert pose.header.frame_id == "map"
    assert (pose.pose.pose.position.x, pose.pose.pose.position.y) == pytest.approx(
        (float(east_m), float(north_m)), abs=1e-3
    )
    assert np.linalg.eigvalsh(np.array(pose.pose.covariance).reshape(6, 6)).min() > 0


def test_view_and_descriptor_have_the_documented_form(drone):
    stamp_ns = drone.good_frame()
    view = drone.wait(topics.VIEW_IMAGE, stamp_ns)
    assert (view.encoding, view.width, view.height) == ("rgb8", PX, PX)
    offset = drone.wait(topics.VIEW_OFFSET, stamp_ns).vector
    assert math.hypot(offset.x, offset.y) < VIEW_M / 2
    assert offset.z == pytest.approx(HEIGHT_M)
    descriptor = drone.wait(topics.DESCRIPTOR, stamp_ns)
    assert (descriptor.encoding, descriptor.height, descriptor.width) == ("32FC1", 1, 192)
    assert np.linalg.norm(messages_in.descriptor(descriptor)) == pytest.approx(1.0, abs=1e-5)


def test_candidates_keep_their_latitude_to_the_millimetre(drone):
    stamp_ns = drone.good_frame(20.0, -30.0)
    cloud = drone.wait(topics.CANDIDATES, stamp_ns)
    names = [field.name for field in cloud.fields]
    assert names == ["x", "y", "z", "score", "latitude", "longitude", "tile"]
    found = messages_in.candidates(cloud)
    assert np.all(np.diff(found.score) <= 0)
    assert np.array_equal(found.latitude_deg, MAP.tiles["latitude"][found.ids])


def test_a_compressed_frame_does_as_well(drone, spinner):
    from flying import Drone, camera_node  # a camera that sends only JPEG, in its own namespace

    camera = spinner.add(camera_node("jpeg", image_transport="compressed"))
    sender = spinner.add(Drone("jpeg"))
    assert wait_for(
        lambda: sender.compressed.get_subscription_count() and sender.imus.get_subscription_count()
    )
    stamp_ns = sender.next_stamp()
    sender.sense(stamp_ns)
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame_at(0, 0), cv2.COLOR_RGB2BGR))[1]
    message = CompressedImage(
        header=messages_out.header(stamp_ns, "camera"), format="jpeg", data=jpeg.tobytes()
    )
    assert wait_for(
        lambda: sender.ranges.get_subscription_count() and sender.cameras.get_subscription_count()
    )
    sender.sense(stamp_ns)
    wait_for(lambda: False, 0.1)
    sender.compressed.publish(message)
    assert sender.wait(topics.VIEW_IMAGE, stamp_ns)
    spinner.remove(sender)
    spinner.remove(camera)


def test_health_is_published_every_second(drone):
    drone.good_frame()
    names = [f"geoloc/{name}" for name in ("camera_node", "inference_node", "retrieval_node")]
    assert wait_for(lambda: all(name in drone.heard[topics.DIAGNOSTICS] for name in names))
    status, values = drone.heard[topics.DIAGNOSTICS]["geoloc/retrieval_node"]
    assert values["model"] == "pixels"
    assert values["tiles"] == str(len(MAP.tiles))
    assert float(values["area_km2"]) == pytest.approx(0.16)
    assert float(values["compute_ms_p50"]) > 0
    assert status.hardware_id == "geoloc"


BAD_PICTURES = {
    "zero size": {"width": 0, "height": 0, "data": b""},
    "wrong step": {"step": WIDTH},
    "too little data": {"data": b"\0" * 100},
    "unknown encoding": {"encoding": "rgb5"},
}


@pytest.mark.parametrize("changes", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_bad_picture_is_refused_and_the_next_answered(drone, changes):
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns)
    drone.shoot(stamp_ns, frame_at(0.0, 0.0), **changes)
    assert drone.reason(stamp_ns) == "bad_image"
    drone.good_frame()


NAN = math.nan
BAD_SENSORS = {
    "NaN attitude": ({"attitude": (NAN, NAN, NAN, NAN)}, "bad_attitude"),
    "zero attitude": ({"attitude": (0.0, 0.0, 0.0, 0.0)}, "bad_attitude"),
    "no attitude": ({"attitude": None}, "no_attitude"),
    "upside down": ({"attitude": (1.0, 0.0, 0.0, 0.0)}, "tilt"),
    "height zero": ({"height_m": 0.0}, "bad_height"),
    "height negative": ({"height_m": -3.0}, "bad_height"),
    "height NaN": ({"height_m": NAN}, "bad_height"),
    "no height": ({"height_m": None}, "stale_height"),
    "too low for the view": ({"height_m": 12.0}, "low_coverage"),
}


@pytest.mark.parametrize(("sensed", "reason"), BAD_SENSORS.values(), ids=BAD_SENSORS)
def test_a_frame_without_usable_sensors_is_refused_and_the_next_answered(drone, sensed, reason):
    drone.good_frame()
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns, **sensed)
    drone.shoot(stamp_ns, frame_at(0.0, 0.0))
    assert drone.reason(stamp_ns) == reason
    drone.good_frame()


def test_a_view_of_one_colour_is_refused(drone):
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns)
    drone.shoot(stamp_ns, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    assert drone.reason(stamp_ns) == "dull_view"
    drone.good_frame()


def test_the_refusal_is_a_sentence_that_names_the_topic(drone):
    stamp_ns = drone.next_stamp()
    drone.sense(stamp_ns, height_m=-3.0)
    drone.shoot(stamp_ns, frame_at(0.0, 0.0))
    assert drone.reason(stamp_ns) == "bad_height"
    sentence = "the height is -3.0 m; check the height sensor (/geoloc/altitude: 1 publisher)."
    assert drone.heard["sentence"][stamp_ns] == sentence
    last = f"bad_height: {sentence}"
    health = drone.heard[topics.DIAGNOSTICS]
    assert wait_for(lambda: health["geoloc/camera_node"][1].get("last_refusal") == last)
    assert int(health["geoloc/camera_node"][1]["refused_bad_height"]) > 0
    drone.good_frame()
