# SPDX-License-Identifier: Apache-2.0
"""A bag replayed into the nodes: every frame is answered, the clock runs, errors are clear."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from flying import MAP, PITCH_M, wait_for
from geoloc.errors import BagError, ParameterError
from geoloc.nodes import messages_out, topics
from geoloc_lab.nodes.replay_node import ReplayNode
from geoloc_lab.nodes.settings import ReplayNodeSettings
from recording import FRAMES, START_NS, STEP_NS, flight, place, write_bag


@pytest.fixture(autouse=True)
def nodes_that_find_each_other_at_once(monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._STEADY_S", 0.5)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bags") / "flight", flight())


@pytest.fixture(scope="module")
def listener(drone, spinner):
    """The drone of the other tests, silent, as a listener."""
    drone.good_frame()  # what is done once is done before the bag plays
    for publisher in (drone.images, drone.compressed):
        drone.destroy_publisher(publisher)
    drone.times = []
    drone.create_subscription(
        Clock,
        "/clock",
        lambda m: drone.times.append(m.clock.sec * 10**9 + m.clock.nanosec),
        qos_profile_sensor_data,
    )
    return drone


def play(namespace="geoloc", stopped=False, **values):
    node = ReplayNode(ReplayNodeSettings(**{"report": False, **values}), namespace=namespace)
    try:
        node.play(SimpleNamespace(is_set=stopped))
    finally:
        node.close()
        node.destroy_node()


def test_every_frame_of_a_bag_is_answered_near_its_truth(bag, listener):
    play(bag=str(bag), rate=0.25)  # slowly: a busy machine would drop frames, as it should in flight
    stamps = [START_NS + index * STEP_NS for index in range(FRAMES)]
    wait_for(lambda: set(stamps) <= set(listener.heard[topics.GEOPOINT]))
    missing = [i for i, s in enumerate(stamps) if s not in listener.heard[topics.GEOPOINT]]
    assert missing == []
    for index, stamp_ns in enumerate(stamps):
        point = listener.heard[topics.GEOPOINT][stamp_ns].position
        east_m, north_m = MAP.frame.to_local(point.latitude, point.longitude)
        east, north = place(index)
        assert abs(east_m - east) < PITCH_M
        assert abs(north_m - north) < PITCH_M
    assert listener.times == sorted(listener.times)
    assert listener.times[0] <= START_NS + 20_000_000
    assert listener.times[-1] > stamps[-1]
    gaps = [b - a for a, b in zip(listener.times, listener.times[1:], strict=False)]
    assert sorted(gaps)[len(gaps) // 2] < 30_000_000


def test_a_replay_takes_its_time_at_its_rate(bag, monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._SETTLE_S", 0.0)
    began = time.monotonic()
    play(bag=str(bag), rate=4.0, wait_s=0.0, namespace="nobody")
    length_s = ((FRAMES - 1) * STEP_NS + STEP_NS // 2) / 1e9
    assert length_s / 4 <= time.monotonic() - began < length_s


def test_topics_without_a_subscriber_are_named(bag, capsys, monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._SETTLE_S", 0.0)
    play(bag=str(bag), rate=10.0, wait_s=0.1, namespace="nobody")
    told = capsys.readouterr().err
    for topic in ("image", "camera_info", "imu", "altitude"):
        assert f"no node subscribes to /nobody/{topic}; start the nodes with `geoloc up`" in told
    assert "truth" not in told


def test_of_two_image_transports_one_subscriber_is_enough(tmp_path, spinner, capsys, monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._SETTLE_S", 0.0)
    packed = CompressedImage(header=messages_out.header(START_NS, "camera"), format="jpeg", data=b"x")
    topic, kind = "/drone/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage"
    bag = write_bag(tmp_path / "both", [*flight(1), (topic, kind, START_NS, packed)])
    reader = spinner.add(rclpy.create_node("reader", namespace="both"))
    reader.create_subscription(CompressedImage, "image/compressed", lambda m: None, 1)
    wait_for(lambda: reader.count_subscribers("/both/image/compressed"))
    rename = "/drone/camera/image_raw:=image,/drone/camera/image_raw/compressed:=image/compressed"
    play(bag=str(bag), rate=10.0, wait_s=1.0, namespace="both", rename=rename)
    told = capsys.readouterr().err
    assert "no node subscribes to /both/camera_info" in told
    assert "no node subscribes to /both/image" not in told
    spinner.remove(reader)


@pytest.fixture
def scorer(listener):
    """Answer as evaluation_node would; `scorer.success` may be changed."""
    scorer = SimpleNamespace(success=True)

    def answer(request, response):
        response.success, response.message = scorer.success, "the table\nreport: here.html"
        return response

    service = listener.create_service(Trigger, "/scored/evaluation_node/report", answer)
    yield scorer
    listener.destroy_service(service)


@pytest.fixture
def hurried(monkeypatch):
    """Settings that play fast and wait for no subscriber."""
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._SETTLE_S", 0.0)
    return {"rate": 10.0, "wait_s": 0.0, "namespace": "scored", "report": True}


def test_the_report_is_requested_at_the_end(bag, scorer, hurried, capsys):
    play(bag=str(bag), **hurried)
    assert "the table\nreport: here.html" in capsys.readouterr().err


def test_without_a_report_the_reasons_for_no_fix_are_said(bag, listener, hurried, capsys, monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._SETTLE_S", 0.2)
    refusals = listener.create_publisher(DiagnosticArray, "/told/refusals", topics.every_answer())
    values = [KeyValue(key="reason", value="tilt")]
    status = DiagnosticStatus(message="the camera is tilted 60 degrees.", values=values)

    def refuse_all(message):
        refusals.publish(DiagnosticArray(header=message.header, status=[status]))

    heard = listener.create_subscription(Image, "/told/image", refuse_all, FRAMES)
    play(bag=str(bag), **{**hurried, "namespace": "told", "wait_s": 1.0, "rate": 1.0})
    assert (
        f"replay: no fix: tilt, {FRAMES} frames: the camera is tilted 60 degrees." in capsys.readouterr().err
    )
    listener.destroy_subscription(heard)
    listener.destroy_publisher(refusals)


def test_a_failed_report_is_an_error_if_required(bag, scorer, hurried):
    scorer.success = False
    play(bag=str(bag), **hurried)
    with pytest.raises(BagError, match="the table"):
        play(bag=str(bag), await_evaluation=True, **hurried)


def test_a_missing_evaluation_node_is_an_error_if_required(bag, listener, hurried):
    with pytest.raises(BagError, match="does not run"):
        play(bag=str(bag), await_evaluation=True, **{**hurried, "namespace": "nobody"})


def test_a_required_evaluation_node_is_waited_for(bag, hurried, capsys):
    with pytest.raises(BagError):
        play(bag=str(bag), await_evaluation=True, **{**hurried, "namespace": "nobody", "wait_s": 0.1})
    assert "no node subscribes to /nobody/truth" in capsys.readouterr().err


def test_a_stop_ends_a_replay_at_once(bag):
    began = time.monotonic()
    play(bag=str(bag), rate=0.01, stopped=True)
    assert time.monotonic() - began < 1.0


def test_a_start_after_the_end_is_refused(bag):
    with pytest.raises(BagError, match=r"start_s is 60, but the bag is 0\.6 s long"):
        play(bag=str(bag), start_s=60.0)


def test_an_invalid_topic_name_is_refused(bag):
    with pytest.raises(ParameterError, match="'my image' is not a topic name"):
        play(bag=str(bag), rename="/drone/camera/image_raw:=my image")
