# SPDX-License-Identifier: Apache-2.0
"""A drone without a compass or an accurate height, through the three nodes over real DDS."""

import math

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Image

from flying import HEIGHT_M, MAP, PITCH_M, PX, Drone, fly, frame_at, wait_for
from geoloc.errors import FrameRefused, Reason
from geoloc.hypotheses import MAX_HYPOTHESES, Hypotheses
from geoloc.nodes import messages_in, messages_out, topics
from geoloc_lab.nodes.logbook import Logbook

EASTWARD = (0.0, 1e-5, 0.0, 1.0)  # a compass error of 90 degrees clockwise, with the nose to the north
NAME = "retrieval_node"
SECOND = 1_000_000_000


@pytest.fixture
def flying(spinner):
    """Start nodes with shared parameters and a drone; stop them after the test."""
    started = []

    def start(namespace, both, **parameters):
        nodes = fly(spinner, namespace, camera=both, **{**both, **parameters})
        sender = spinner.add(Drone(namespace))
        started.extend([sender, nodes.camera, nodes.inference, nodes.retrieval])
        sender.await_suite()
        return sender

    yield start
    for node in started:
        spinner.remove(node)


def error_m(point, east_m, north_m):
    found = MAP.frame.to_local(point.position.latitude, point.position.longitude)
    return math.hypot(float(found[0]) - east_m, float(found[1]) - north_m)


def facts(sender):
    namespace = sender.get_namespace().strip("/")
    return sender.heard[topics.DIAGNOSTICS].get(f"{namespace}/{NAME}", (None, {}))[1]


def fly_over(sender, places, **sensed):
    """Fly a frame a second over places; return the stamps."""
    start_ns = sender.next_stamp()
    for i, place in enumerate(places):
        sender.sense(start_ns + i * SECOND, **sensed)
        sender.shoot(start_ns + i * SECOND, frame_at(*place))
        assert sender.wait(topics.FIX, start_ns + i * SECOND)
    Drone.moment += len(places) // 10 + 1
    return [start_ns + i * SECOND for i in range(len(places))]


def test_a_flight_with_a_compass_90_degrees_off_is_localized_and_reports_it(flying):
    sender = flying("no_compass", {"heading_error_deg": 180.0}, filter=True)
    places = [(-90.0 + 10.0 * i, 40.0 * math.sin(i / 4.0)) for i in range(14)]
    stamps = fly_over(sender, places, attitude=EASTWARD)
    view, descriptor = (sender.heard[topic][stamps[0]] for topic in (topics.VIEW_IMAGE, topics.DESCRIPTOR))
    assert (view.width, view.height, view.encoding) == (PX, 24 * PX, "rgb8")
    assert (descriptor.width, descriptor.height, descriptor.encoding) == (192, 24, "32FC1")
    point = sender.wait(topics.GEOPOINT, stamps[-1])
    assert point, f"no answer; {sender.heard[topics.DIAGNOSTICS]}"
    assert error_m(point, *places[-1]) < PITCH_M / 2
    assert wait_for(lambda: abs(float(facts(sender).get("heading_offset_deg", "nan")) + 90.0) <= 4.0)
    assert "height_scale" not in facts(sender)


def test_a_height_30_percent_too_low_is_answered_by_the_row_that_is_right(flying):
    sender = flying("bad_height", {"height_error": 0.3})
    (stamp_ns,) = fly_over(sender, [(20.0, -30.0)], height_m=HEIGHT_M / 1.44)
    point = sender.wait(topics.GEOPOINT, stamp_ns)
    assert point, f"no answer; {sender.heard[topics.DIAGNOSTICS]}"
    assert error_m(point, 20.0, -30.0) < PITCH_M
    assert wait_for(lambda: facts(sender).get("height_scale") == "1.44")
    assert "heading_offset_deg" not in facts(sender)


def test_nodes_that_disagree_name_the_parameters_to_correct(flying):
    sender = flying("disagreeing", {"heading_error_deg": 15.0}, heading_error_deg=0.0)
    (stamp_ns,) = fly_over(sender, [(0.0, 0.0)])
    assert sender.reason(stamp_ns) == "bad_descriptor"
    sentence = sender.heard["sentence"][stamp_ns]
    assert "has 3 rows, but heading_error_deg 0 and height_error 0 need 1" in sentence


def test_by_default_heading_and_height_are_not_reported(drone):
    drone.good_frame()
    assert wait_for(lambda: "tiles" in facts(drone))
    assert not {"heading_offset_deg", "height_scale"} & set(facts(drone))


def test_a_stack_of_megabytes_is_sent_reliably(drone):
    topic = drone.resolve_topic_name(topics.VIEW_IMAGE)
    ends = [*drone.get_publishers_info_by_topic(topic), *drone.get_subscriptions_info_by_topic(topic)]
    quality = {end.node_name: end.qos_profile for end in ends if end.node_name != "drone"}
    assert {"camera_node", "inference_node"} <= set(quality)
    assert {one.reliability for one in quality.values()} == {ReliabilityPolicy.RELIABLE}


def test_stacked_views_come_back_as_they_went():
    views = np.random.default_rng(0).integers(0, 255, (3, PX, PX, 3), dtype=np.uint8)
    message = messages_out.stacked_views(7, "camera", views)
    assert (message.width, message.height, message.step) == (PX, 3 * PX, 3 * PX)
    np.testing.assert_array_equal(messages_in.stacked_views(message, PX), views)


def test_rows_of_a_descriptor_come_back_as_they_went():
    rows = np.random.default_rng(0).normal(size=(24, 192)).astype(np.float32)
    np.testing.assert_array_equal(messages_in.descriptor(messages_out.descriptor(7, "camera", rows)), rows)


@pytest.mark.parametrize("height", [PX + 1, 2 * PX - 1, PX * (MAX_HYPOTHESES + 1)])
def test_a_stack_that_is_not_of_whole_views_or_of_too_many_is_refused(height):
    message = messages_out.rgb_image(7, "camera", np.zeros((height, PX, 3), np.uint8))
    with pytest.raises(FrameRefused, match=f"{PX} x {height} pixels") as caught:
        messages_in.stacked_views(message, PX)
    assert caught.value.reason is Reason.BAD_IMAGE


def cut(message: Image, **changes) -> Image:
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    "changes", [{"height": 2}, {"height": 4}, {"height": 0}, {"is_bigendian": 1}, {"step": 8}]
)
def test_a_descriptor_whose_rows_are_not_all_there_is_refused(changes):
    message = cut(messages_out.descriptor(7, "camera", np.ones((3, 8), np.float32)), **changes)
    with pytest.raises(FrameRefused, match="rows of 32FC1") as caught:
        messages_in.descriptor(message)
    assert caught.value.reason is Reason.BAD_DESCRIPTOR


def test_a_report_keeps_the_first_view_of_a_stack():
    views = np.stack([np.full((PX, PX, 3), level, np.uint8) for level in (50, 100, 150)])
    book = Logbook()
    book.take_view(messages_out.stacked_views(7, "camera", views), 8)
    assert book.views[7].shape == (PX, PX, 3)
    assert np.abs(book.views[7].astype(int) - 50).max() <= 3


def test_rows_for_any_heading_and_height_fit_into_a_message():
    most = Hypotheses(180.0, 0.6).count
    views = np.zeros((most, 160, 160, 3), np.uint8)
    assert len(messages_in.stacked_views(messages_out.stacked_views(7, "camera", views), 160)) == most
