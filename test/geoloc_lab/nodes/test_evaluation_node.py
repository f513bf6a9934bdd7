# SPDX-License-Identifier: Apache-2.0
"""A flight over a map on disk, replayed and evaluated: the report has a row for every frame."""

import csv
import json
import math
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import NavSatFix
from std_srvs.srv import Trigger

from flying import (
    GROUND,
    GROUND_GSD_M,
    GROUND_M,
    MAP,
    PITCH_M,
    VIEW_M,
    PixelEncoder,
    knowing,
    options,
    wait_for,
)
from geoloc.errors import MapError, Reason
from geoloc.localizer import Candidates, Fix
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc.nodes import messages_out, retrieval_node, topics
from geoloc.raster.views import write_geotiff
from geoloc_lab.metrics.records import Recorder
from geoloc_lab.nodes import evaluation_node
from geoloc_lab.nodes.logbook import Logbook
from geoloc_lab.nodes.replay_node import ReplayNode
from geoloc_lab.nodes.settings import ReplayNodeSettings
from recording import FRAMES, START_NS, flight, write_bag


@pytest.fixture(autouse=True)
def nodes_that_find_each_other_at_once(monkeypatch):
    monkeypatch.setattr("geoloc_lab.nodes.replay_node._STEADY_S", 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scored")


@pytest.fixture(scope="module")
def map_folder(folder):
    crs = "+proj=tmerc +lat_0=47 +lon_0=8 +k=1 +x_0=0 +y_0=0 +ellps=WGS84 +units=m"
    half = GROUND_M / 2
    write_geotiff(folder / "world.tif", GROUND, crs=crs, left=-half, top=half, gsd_m=GROUND_GSD_M)
    options = BuildOptions(view_size_m=VIEW_M, overlap=1 - PITCH_M / VIEW_M)
    build_map(folder / "world.tif", PixelEncoder(), folder / "map", options)
    return folder / "map"


@pytest.fixture(scope="module")
def scorer(spinner, map_folder, folder):
    with knowing(evaluation_node):
        given = options(
            "geoloc", model="pixels", map=str(map_folder), out=str(folder / "report"), title="a test"
        )
        return spinner.add(evaluation_node.EvaluationNode(**given))


def test_a_replay_ends_in_a_report_of_every_frame(scorer, drone, folder, capsys):
    drone.good_frame()
    drone.destroy_publisher(drone.images)
    bag = write_bag(folder / "flight", flight())
    player = ReplayNode(ReplayNodeSettings(bag=str(bag), rate=0.25), namespace="geoloc")
    player.play(SimpleNamespace(is_set=False))
    player.close()
    player.destroy_node()
    told = capsys.readouterr().err
    assert f"report: {folder / 'report' / 'report.html'}" in told
    assert "a test" in told
    rows = list(csv.DictReader((folder / "report" / "frames.csv").open()))
    flown = [row for row in rows if START_NS <= int(row["stamp_ns"]) < START_NS + 1_000_000_000]
    assert len(flown) == FRAMES
    for row in flown:
        assert float(row["error_m"]) < PITCH_M
        assert float(row["oracle_error_m"]) < PITCH_M
    summary = json.loads((folder / "report" / "report.json").read_text())["summary"]["all"]
    assert summary["frames"] == FRAMES
    assert summary["availability"] == 1.0
    assert {"camera_node", "inference_node", "retrieval_node", "image to geopoint"} <= set(
        summary["latency_ms"]
    )


def test_the_refusals_of_another_suite_are_not_read(scorer, drone):
    own = drone.create_publisher(DiagnosticArray, topics.REFUSALS, 10)
    other = drone.create_publisher(DiagnosticArray, "/uav2/geoloc/refusals", 10)
    assert wait_for(own.get_subscription_count)
    other.publish(refusal(5 * NS, "tilt", "of the other drone"))
    own.publish(refusal(6 * NS, "tilt", "of this drone"))
    assert wait_for(lambda: 6 * NS in scorer.logbook._pages)
    assert other.get_subscription_count() == 0
    assert 5 * NS not in scorer.logbook._pages


def test_a_report_without_truth_is_refused(scorer, drone, spinner, map_folder, folder):
    with knowing(evaluation_node):
        given = options("unscored", model="pixels", map=str(map_folder), out=str(folder / "none"))
        node = spinner.add(evaluation_node.EvaluationNode(**given))
    client = drone.create_client(Trigger, "/unscored/evaluation_node/report")
    assert client.wait_for_service(timeout_sec=5.0)
    future = client.call_async(Trigger.Request())
    assert wait_for(future.done)
    assert not future.result().success
    assert future.result().message == (
        "no report was written: no position has come on /unscored/truth; publish a NavSatFix on it."
    )
    assert not (folder / "none").exists()
    spinner.remove(node)


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
def test_truth_may_be_published_best_effort_or_reliable(drone, spinner, map_folder, folder, reliability):
    with knowing(evaluation_node):
        given = options("true", model="pixels", map=str(map_folder), out=str(folder / "none"))
        node = spinner.add(evaluation_node.EvaluationNode(**given))
    publisher = drone.create_publisher(NavSatFix, "/true/truth", QoSProfile(depth=1, reliability=reliability))
    assert wait_for(publisher.get_subscription_count)
    wait_for(lambda: False, 0.1)  # the writer matches a moment before the reader
    publisher.publish(reference(NS, 47.0, 8.0))
    assert wait_for(lambda: node.logbook.has_truth)
    spinner.remove(node)
    drone.destroy_publisher(publisher)


@pytest.mark.parametrize("module", [evaluation_node, retrieval_node])
def test_a_map_of_another_model_stops_the_node_with_a_sentence(ros, monkeypatch, map_folder, module):
    other = SimpleNamespace(**{**vars(PixelEncoder.card), "sha256": "11" * 32, "id": "other"})
    kind = getattr(module, "EvaluationNode", None) or module.RetrievalNode
    with knowing(module):
        monkeypatch.setattr(module, "load_card", lambda path: other)
        with pytest.raises(MapError, match=r"built with model pixels .* the encoder is other"):
            kind(**options("foreign", model="other", map=str(map_folder)))


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_missing_map_stops_the_node_with_a_sentence(ros, tmp_path, name):
    with knowing(retrieval_node), pytest.raises(MapError, match=r"there is no map at|is not a map"):
        retrieval_node.RetrievalNode(**options("mapless", model="pixels", map=str(tmp_path / name)))


NS = 1_000_000_000


def logbook_with_truth():
    book = Logbook()
    for second in range(4):
        book.take_truth(reference(second * NS, 47.0, 8.0), 0)
    return book


def reference(stamp_ns, latitude, longitude):
    east_m, north_m = (float(value) for value in MAP.frame.to_local(latitude, longitude))
    return messages_out.nav_sat_fix(answer(stamp_ns, east_m, north_m), "gnss")


def answer(stamp_ns, east_m, north_m):
    latitude, longitude = (float(value) for value in MAP.frame.to_geodetic(east_m, north_m))
    covariance = [[9.0, 1.0], [1.0, 16.0]]
    return Fix(stamp_ns, latitude, longitude, east_m, north_m, covariance, None, "", Candidates.none())


def refusal(stamp_ns, reason, sentence):
    values = [KeyValue(key="reason", value=reason)]
    status = DiagnosticStatus(name="geoloc/x: frames", message=sentence, values=values)
    return DiagnosticArray(header=messages_out.header(stamp_ns, ""), status=[status])


def records_of(book):
    return book.records(Recorder(MAP, book.truth(2.0)))


def test_messages_of_a_frame_meet_in_any_order():
    fix = answer(NS, 3.0, 4.0)
    takes = [
        lambda book: book.take_fix(messages_out.nav_sat_fix(fix, "camera"), 2 * NS),
        lambda book: book.take_geopoint(messages_out.geopoint(fix, "camera"), 2 * NS),
        lambda book: book.take_offset(messages_out.offset(NS, "camera", 1.0, 2.0, 50.0), 2 * NS),
    ]
    for order in (takes, takes[::-1]):
        book = logbook_with_truth()
        for take in order:
            take(book)
        (record,) = records_of(book)
        assert record.latitude_deg == fix.latitude_deg
        assert record.covariance_m2.tolist() == [[9.0, 1.0], [1.0, 16.0]]
        assert record.reason is None
        assert record.latency_ms["image to geopoint"] == pytest.approx(1000.0)


def test_a_refused_frame_is_a_record_with_its_first_reason():
    book = logbook_with_truth()
    book.take_offset(messages_out.offset(NS, "camera", math.nan, math.nan, math.nan), NS)
    book.take_refusals(refusal(NS, "tilt", "tilted 60 degrees"), NS)
    book.take_refusals(refusal(NS, "no_offset", "no offset"), NS)
    (record,) = records_of(book)
    assert (record.reason, record.sentence) == (Reason.TILT, "tilted 60 degrees")
    assert not record.has_fix


def test_an_overtaken_frame_is_a_record_without_a_fix():
    book = logbook_with_truth()
    book.take_offset(messages_out.offset(NS, "camera", 1.0, 2.0, 50.0), NS)
    (record,) = records_of(book)
    assert not record.has_fix
    assert "newer frame" in record.sentence


def test_a_fix_about_silence_with_the_stamp_of_a_frame_changes_nothing():
    book, fix = logbook_with_truth(), answer(NS, 3.0, 4.0)
    book.take_offset(messages_out.offset(NS, "camera", 1.0, 2.0, 50.0), NS)
    book.take_geopoint(messages_out.geopoint(fix, "camera"), NS)
    book.take_fix(messages_out.nav_sat_fix(fix, "camera"), NS)
    book.take_fix(messages_out.nav_sat_fix(Fix.none(NS), "camera"), NS)
    (record,) = records_of(book)
    assert record.covariance_m2.tolist() == [[9.0, 1.0], [1.0, 16.0]]


def test_messages_without_a_frame_make_no_record():
    book = logbook_with_truth()
    # A fix without an offset reports silence, stamped with the nodes' time.
    book.take_fix(messages_out.nav_sat_fix(answer(NS, 0.0, 0.0), "camera"), NS)
    book.take_refusals(refusal(NS, "overheated", "of a stranger"), NS)
    assert book.frames == 0
    assert records_of(book) == ()
