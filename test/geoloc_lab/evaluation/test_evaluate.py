# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a bag up to its report, and flights that lack a topic."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import toy_flight
import toy_map
from geoloc.errors import BagError, ParameterError, Reason
from geoloc.installed import config_file
from geoloc_lab.bags import writing
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.bags.writing import BagRecorder
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.evaluation.run_settings import read_settings
from geoloc_lab.metrics.records import EvaluationRun, Record
from geoloc_lab.reports import plots
from geoloc_lab.reports.frames_csv import read_frames
from geoloc_lab.reports.report import metres_table, summaries_of, write_report

PICTURES = {"map.png", "errors.png", "worst.png", "belief.png", "risk.png"}
ENCODER = toy_flight.PixelEncoder()
MAP = toy_flight.pixel_map(ENCODER)


def evaluated(bag, alone=True, **options):
    return evaluate_bag(BagEvaluation(bag, progress=False, alone=alone, **options), MAP, ENCODER)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated(toy_flight.write_flight(tmp_path_factory.mktemp("bags") / "flight"))


def test_every_frame_is_answered_and_near(run):
    summary = summaries_of(run)["all"]
    assert (summary.frames, summary.availability) == (6, 1.0)
    assert summary.max_m < toy_map.PITCH_M
    assert summary.top_tile_within_pitch == 1.0
    assert set(summary.latency_ms) == {"decode", "warp", "encode", "search and answer", "frame to position"}
    assert all(0 <= p50 <= p95 for p50, p95 in summary.latency_ms.values())


def test_the_notes_say_what_was_measured_and_how(run):
    assert "/geoloc/truth" in run.notes["truth"]
    assert "min_score" in run.notes["rules"]


def test_a_remark_says_that_roll_and_pitch_were_never_measured(run, tmp_path):
    (remark,) = run.remarks
    assert remark.startswith("roll and pitch were exactly 0 for the last ")
    assert "estimate_tilt" in remark
    leaning = tuple(Rotation.from_euler("ZX", [90.0, 0.1], degrees=True).as_quat())
    measured = evaluated(toy_flight.write_flight(tmp_path / "flight", imu=leaning))
    assert measured.remarks == ()


def test_with_the_filter_the_first_frames_are_refused_and_the_last_is_answered(tmp_path):
    run = evaluated(toy_flight.write_flight(tmp_path / "flight"), alone=False)
    assert "filter" in run.notes["rules"]
    assert run.notes["odometry"] == "/geoloc/odom"
    assert run.records[0].reason is Reason.SEARCHING
    assert "probability" in run.records[0].sentence
    assert run.records[-1].reason is None
    assert summaries_of(run)["all"].max_m < toy_map.PITCH_M / 2


def test_odometry_that_is_not_used_is_a_remark(tmp_path):
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=8, odom_scale=1000.0), alone=False)
    assert re.match(
        r"in 3 frames: odom is not used: it moves \d+ m in 1.00 s, faster than max_speed_mps", run.remarks[0]
    )
    assert summaries_of(run)["all"].max_m < toy_map.PITCH_M


def test_compressed_images_are_evaluated_too(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", compressed=True)
    assert summaries_of(evaluated(bag))["all"].max_m < toy_map.PITCH_M


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"leave_out": ("camera_info",)}, "no_camera_info"),
        ({"leave_out": ("imu",)}, "no_attitude"),
        ({"leave_out": ("altitude",)}, "no_height"),
        ({"imu": (math.nan, 0.0, 0.0, 1.0)}, "bad_attitude"),
        ({"imu": (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))}, "tilt"),
        ({"height_m": 0.0}, "bad_height"),
        ({"height_m": math.nan}, "bad_height"),
    ],
)
def test_a_flight_that_lacks_a_topic_is_refused_frame_by_frame_with_the_reason(tmp_path, options, reason):
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=2, **options))
    summary = summaries_of(run)["all"]
    assert summary.availability == 0.0
    assert summary.refusals == {reason: 2}


def test_undistorted_images_are_answered_as_well_as_by_the_nodes(run, tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", raw_lens=toy_flight.RAW_LENS)
    file = params(tmp_path / "drone.yaml", rectified=True)
    rectified = evaluated(bag, params_files=(file,))
    for one, other in zip(rectified.records, run.records, strict=True):
        assert (one.latitude_deg, one.longitude_deg) == (other.latitude_deg, other.longitude_deg)
    distorted = evaluated(bag)
    assert distorted.records[0].latitude_deg != run.records[0].latitude_deg


def test_each_reason_is_said_in_a_sentence_with_its_number_of_frames(tmp_path):
    tilted = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
    table = metres_table(evaluated(toy_flight.write_flight(tmp_path / "flight", count=3, imu=tilted)))
    lines = table.splitlines()
    (first,) = (line for line in lines if line.startswith("tilt "))
    assert first.split() == ["tilt", "3"]
    (said,) = (line for line in lines if line.startswith("tilt, "))
    assert said.startswith("tilt, 3 frames: the camera is tilted 90 degrees from straight down, more than")


def test_left_out_truth_and_gaps_are_remarks_in_terminal_and_report(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", count=4, truth=False)
    start, frame = toy_flight.START_S, MAP.frame
    places = [tuple(float(v) for v in frame.to_geodetic(*place)) for place in toy_flight.places(4)]
    rows = [((start + second) * 10**9, *places[second]) for second in (0, 3)]
    truth = TruthTrack.of([*rows, ((start + 1) * 10**9, 0.0, 0.0)], "rtk.csv")
    run = evaluated(bag, truth=truth)
    assert summaries_of(run)["all"].frames == 2
    assert [remark.split(",")[0] for remark in run.remarks] == [
        "truth samples left out: 1 of 3 of rtk.csv (1 at 0",
        "frames without truth: 2",
    ]
    assert "up to 3.0 s apart, more than max_truth_gap_s 2; raise it (--max-truth-gap-s)" in run.remarks[1]
    for remark in run.remarks:
        assert f"note: {remark}" in metres_table(run)
    file = params(tmp_path / "gap.yaml", max_truth_gap_s=4.0)
    wider = evaluated(bag, truth=truth, params_files=(file,))
    assert summaries_of(wider)["all"].frames == 4
    assert summaries_of(wider)["all"].max_m < toy_map.PITCH_M


def calibrated(monkeypatch, frame_id="camera_optical", early_s=0):
    """Let BagRecorder write CameraInfo with another frame_id, and stamps that are early."""
    write = BagRecorder.camera_info

    def camera_info(self, stamp_ns, intrinsics, **rectified):
        with monkeypatch.context() as patch:
            patch.setattr(writing, "_CAMERA_FRAME", frame_id)
            early_ns = early_s * 1_000_000_000
            write(self, stamp_ns - early_ns, intrinsics, late_ns=early_ns, **rectified)

    monkeypatch.setattr(BagRecorder, "camera_info", camera_info)


def test_another_cameras_calibration_is_named_once_with_both_frame_ids(tmp_path, monkeypatch):
    calibrated(monkeypatch, "front_optical")
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=3))
    (remark,) = run.remarks
    assert "CameraInfo has frame_id 'front_optical'" in remark
    assert "the image 'camera_optical'" in remark


@pytest.mark.parametrize("early_s", [-3600, 3600])
def test_a_calibration_counts_from_its_arrival_whenever_it_was_stamped(tmp_path, monkeypatch, early_s):
    calibrated(monkeypatch, early_s=early_s)
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=3))
    assert [record.reason for record in run.records] == [None] * 3
    assert run.remarks == ()


def test_a_camera_that_repeats_its_picture_in_flight_is_refused_by_name(tmp_path):
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=8, frozen_after=4), alone=False)
    assert run.records[4].reason is None
    assert [record.reason for record in run.records[5:]] == [Reason.REPEATED_IMAGE] * 3
    assert "although odom has moved by 20.1 m" in run.records[5].sentence


def test_unusable_messages_are_counted_in_the_notes(tmp_path):
    run = evaluated(toy_flight.write_flight(tmp_path / "flight", count=2, height_m=-1.0))
    assert run.notes["unusable messages"] == "2 on /geoloc/altitude"


def test_truth_may_come_from_another_source(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", count=2, truth=False)
    with pytest.raises(BagError, match="--truth"):
        evaluated(bag)
    stamps = [(toy_flight.START_S + i) * 1_000_000_000 for i in range(2)]
    track = TruthTrack.of([(stamp, 47.0, 8.0) for stamp in stamps], "elsewhere")
    assert summaries_of(evaluated(bag, truth=track, topics=Topics(truth="")))["all"].frames == 2


def test_truth_of_another_time_is_refused(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", count=2)
    with pytest.raises(BagError, match=r"frames without truth: 2, before .* share one clock"):
        evaluated(bag, truth=TruthTrack.of([(0, 47.0, 8.0)], "elsewhere"))


def test_the_report_is_one_folder_with_a_self_contained_page(run, tmp_path):
    page = write_report(run, tmp_path / "deep" / "report")
    names = {path.name for path in page.parent.iterdir()}
    assert names == {"report.html", "report.json", "frames.csv", *PICTURES}
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == len(PICTURES)
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "://" not in text
    assert "median error" in text
    content = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert content["summary"]["all"]["frames"] == 6
    assert content["summary"]["all"]["availability"] == 1.0
    assert content["summary"]["all"]["belief"]["fixes"] == 6
    assert set(content["summary"]["all"]["intervals"]) >= {"median_m", "nees", "inside_3", "aurc_m"}
    assert content["summary"]["all"]["continuity"]["first_fix"]["frames"] == 0
    assert content["calibration"]["covariance_scale"] == 1.0
    for words in ("Consistency and integrity", "inside the 3σ ellipse", "χ² band", "AURC"):
        assert words in text
    assert len(read_frames(page.parent / "frames.csv")) == 6


def test_a_flight_without_a_fix_has_a_report_with_null_for_unknown_values(tmp_path):
    record = Record(0, 47.0, 8.0, reason=Reason.TILT)
    page = write_report(EvaluationRun("nothing", (record,), MAP, remarks=("It rains.",)), tmp_path)
    assert "tilt" in page.read_text(encoding="utf-8")
    assert "It rains." in page.read_text(encoding="utf-8")
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["notes"] == {"remarks": "It rains."}
    assert content["summary"]["all"]["median_m"] is None
    assert content["summary"]["all"]["belief"]["nees"] is None
    assert not (tmp_path / "belief.png").exists()
    assert not (tmp_path / "risk.png").exists()


def test_groups_are_columns_beside_all(run):
    stamps = frozenset(record.stamp_ns for record in run.records[:2])
    grouped = EvaluationRun(run.title, run.records, MAP, groups={"first two": stamps, "none": frozenset({1})})
    summaries = summaries_of(grouped)
    assert list(summaries) == ["all", "first two"]
    assert summaries["first two"].frames == 2
    header = metres_table(grouped).splitlines()[2]
    assert header.split() == ["all", "first", "two"]


def test_markup_in_a_title_is_escaped(run, tmp_path):
    evil = EvaluationRun("<script>alert(1)</script>", run.records, MAP)
    assert "<script>" not in write_report(evil, tmp_path).read_text(encoding="utf-8")
    assert not (tmp_path / "worst.png").exists()  # without views there is nothing to show


def test_a_report_folder_that_is_a_file_is_refused(run, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(ParameterError, match="is a file"):
        write_report(run, tmp_path / "taken")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("name", ["report.json", "frames.csv", "map.png"])
def test_a_full_disk_is_told_in_a_sentence(run, tmp_path, name):
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(ParameterError, match=r"cannot be written to .*No space left.*; free space"):
        write_report(run, tmp_path)


def test_the_worst_frames_come_worst_first_and_only_with_a_view(run):
    worst = plots.worst_records(run, count=3)
    errors = [error for _, error in worst]
    assert errors == sorted(errors, reverse=True)
    assert len(worst) == 3
    blind = EvaluationRun(run.title, run.records, MAP)
    assert plots.worst_records(blind) == []


def test_estimates_beyond_every_projection_do_not_break_the_map(tmp_path):
    records = [Record(i, 47.0, 8.0 + i * 1e-5, 47.0, -172.0, np.eye(2)) for i in range(3)]
    plots.draw_map(EvaluationRun("antipodes", tuple(records), MAP), tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000


@pytest.mark.parametrize(("away_m", "shown"), [(300.0, True), (5e5, False)])
def test_the_map_plot_includes_a_track_beside_the_map_but_not_one_far_away(away_m, shown):
    with MAP.raster() as raster:
        left, bottom, right, top = raster.bounds_m
        place_m = np.array([[right + away_m, top]])
        window = plots._window(raster, place_m)
    assert bool(plots._inside(place_m, window)[0]) == shown
    assert plots._inside(np.array([[left, bottom], [right, top]]), window).all()


def test_the_open_settings_answer_every_frame_and_measure_the_margin(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", count=2)
    run = evaluated(bag, params_files=(config_file("open.yaml"),))
    assert all(record.has_fix and math.isfinite(record.margin) for record in run.records)
    settings = read_settings(ENCODER, MAP, [config_file("open.yaml")])
    assert (settings.localizer.min_score, settings.localizer.min_margin) == (-1.0, 0.0)


def test_refinement_is_set_in_a_parameter_file_and_named_in_the_notes(tmp_path):
    file, bag = tmp_path / "drone.yaml", toy_flight.write_flight(tmp_path / "flight", count=2)
    file.write_text("/**:\n  ros__parameters: {refine: off}\n", encoding="utf-8")  # false, to YAML
    assert read_settings(ENCODER, MAP, [file]).localizer.refine == "off"
    assert evaluated(bag, params_files=(file,)).notes["refinement"] == "refine off"
    file.write_text("/**:\n  ros__parameters: {refine: sift}\n", encoding="utf-8")
    assert evaluated(bag, unrefined=True).notes["refinement"] == "refine off"
    notes = evaluated(bag, params_files=(file,)).notes["refinement"]
    assert notes.startswith("refine sift, refined ")
    assert "not_refined" in notes
    file.write_text("/**:\n  ros__parameters: {refine: harder}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="refine is 'harder'"):
        read_settings(ENCODER, MAP, [file])


def params(path, **values):
    path.write_text(f"/**: {{ros__parameters: {json.dumps(values)}}}")
    return path


def test_heights_above_take_off_count_with_their_error(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "flight", count=2, leave_out=("altitude",))
    file, topics = tmp_path / "drone.yaml", Topics(altitude="/geoloc/odom")  # its z is the height
    assert summaries_of(evaluated(bag, topics=topics))["all"].refusals == {"bad_height": 2}
    above_takeoff = {"altitude_reference": "takeoff", "altitude_reference_error_m": 5.0}
    run = evaluated(bag, topics=topics, params_files=(params(file, **above_takeoff),))
    assert summaries_of(run)["all"].max_m < toy_map.PITCH_M
    above_takeoff["altitude_reference_error_m"] = 20.0
    run = evaluated(bag, topics=topics, params_files=(params(file, **above_takeoff),))
    assert summaries_of(run)["all"].refusals == {"bad_height": 2}
    assert "40% of the height above take-off, 50.0 m" in run.records[0].sentence


def test_a_wrong_compass_is_tolerated_if_a_parameter_file_states_its_error(tmp_path):
    eastward = (0.0, 0.0, 0.0, 1.0)  # the drone's nose is north
    bag = toy_flight.write_flight(tmp_path / "flight", imu=eastward)
    file = params(tmp_path / "drone.yaml", heading_error_deg=180)
    lost, found = evaluated(bag), evaluated(bag, params_files=(file,))
    assert summaries_of(lost)["all"].median_m > toy_map.PITCH_M
    assert summaries_of(found)["all"].max_m < toy_map.PITCH_M
    assert lost.notes["hypotheses"] == "one: heading and height as measured"
    assert found.notes["hypotheses"] == "24: heading errors up to 180 degrees, height errors up to 0%"
