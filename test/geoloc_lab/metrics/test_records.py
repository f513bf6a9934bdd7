# SPDX-License-Identifier: Apache-2.0
"""Truth tracks, truth tables, and records, written to CSV and read back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toy_map
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc.localizer import Fix, Localizer, LocalizerSettings
from geoloc.query import Query
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.metrics.records import EvaluationRun, Record, Recorder
from geoloc_lab.photo_flights.truth_csv import read_truth_csv
from geoloc_lab.reports.frames_csv import read_frames, write_frames

S = 1_000_000_000
ENCODER = toy_map.ToyEncoder()
MAP = toy_map.toy_map(ENCODER)


def track_at(east_m, north_m, stamp_ns=S):
    latitude, longitude = (float(v) for v in MAP.frame.to_geodetic(east_m, north_m))
    return TruthTrack.of([(stamp_ns, latitude, longitude)], "here")


def test_a_track_is_sorted_and_loses_its_nans():
    track = TruthTrack.of([(3 * S, 47.0003, 8.0), (S, 47.0001, 8.0), (2 * S, math.nan, 8.0)], "here")
    assert track.stamps_ns.tolist() == [S, 3 * S]
    assert track.at(2 * S) == pytest.approx((47.0002, 8.0))


def test_nothing_is_interpolated_across_a_gap_or_beyond_the_ends():
    track = TruthTrack.of([(0, 47.0, 8.0), (5 * S, 47.5, 8.0)], "here", max_gap_s=2.0)
    assert track.at(0) == (47.0, 8.0)
    assert track.at(5 * S) == (47.5, 8.0)
    for stamp in (-1, 1, 2 * S, 5 * S + 1):
        assert np.isnan(track.at(stamp)).all()


def test_nothing_is_interpolated_across_a_jump():
    kidnapped = TruthTrack.of([(0, 47.0, 8.0), (S, 47.01, 8.0), (2 * S, 47.0103, 8.0)], "here")
    assert np.isnan(kidnapped.at(S // 2)).all()  # 1.1 km in a second
    assert kidnapped.at(S) == (47.01, 8.0)
    assert kidnapped.at(S + S // 2) == pytest.approx((47.01015, 8.0))
    jittering = TruthTrack.of([(0, 47.0, 8.0), (S // 100, 47.00002, 8.0)], "here")  # 2 m in 10 ms
    assert jittering.at(S // 200) == pytest.approx((47.00001, 8.0))


def test_an_empty_track_is_refused():
    with pytest.raises(BagError, match="holds no truth position"):
        TruthTrack.of([(0, math.nan, 8.0)], "gps.csv")


@given(st.integers(0, 10 * S))
def test_interpolation_is_linear(stamp):
    track = TruthTrack.of([(i * S, 47.0 + i * 1e-4, 8.0 - i * 1e-4) for i in range(11)], "line")
    latitude, longitude = track.at(stamp)
    assert latitude - 47.0 == pytest.approx(stamp / S * 1e-4, abs=1e-12)
    assert longitude - 8.0 == pytest.approx(-stamp / S * 1e-4, abs=1e-12)


def test_the_true_tile_is_nearest_to_the_view_centre_not_to_the_camera():
    # The camera stands at (30, 0), the view's centre 9 m west of it: nearest to the tile at (20, 0).
    descriptor = ENCODER.at(np.array(21.0), np.array(0.0))
    fix = Localizer(MAP, None, LocalizerSettings(filter=False)).answer(Query(S, descriptor, (9.0, 0.0)))
    record = Recorder(MAP, track_at(30.0, 0.0)).record(fix, offset_m=(9.0, 0.0), name="a.jpg")
    true_tile = MAP.tiles[record.true_tile]
    assert (true_tile["east_m"], true_tile["north_m"]) == (20.0, 0.0)
    assert record.top_tile == record.true_tile
    assert record.oracle_error_m == pytest.approx(1.0, abs=1e-3)
    assert record.top_tile_error_m == pytest.approx(1.0, abs=1e-3)
    assert (record.has_fix, record.has_truth, record.name) == (True, True, "a.jpg")


def test_a_record_without_offset_or_truth_leaves_the_tiles_unknown():
    fix = Localizer(MAP, None, LocalizerSettings(filter=False)).answer(
        Query(S, ENCODER.at(np.array(0.0), np.array(0.0)))
    )
    no_offset = Recorder(MAP, track_at(0.0, 0.0)).record(fix)
    no_truth = Recorder(MAP, track_at(0.0, 0.0, 99 * S)).record(fix, offset_m=(0.0, 0.0))
    for record in (no_offset, no_truth):
        assert record.true_tile == -1
        assert math.isnan(record.oracle_error_m)
    assert no_offset.has_truth
    assert not no_truth.has_truth


def test_the_margin_is_relative_to_the_best_tile_of_other_ground():
    # Seen from (0, 0): tiles of 40 m every 20 m; the nearest that shares no ground is 40 m off.
    descriptor = ENCODER.at(np.array(0.0), np.array(0.0))
    rivals = [
        ENCODER.at(np.array(e), np.array(n)) for e, n in ((40.0, 0.0), (-40.0, 0.0), (0, 40.0), (0, -40.0))
    ]
    recorder, settings = Recorder(MAP, track_at(0.0, 0.0)), LocalizerSettings(k=30)
    wide = recorder.record(Localizer(MAP, None, settings).answer(Query(S, descriptor)))
    assert wide.margin == pytest.approx(1.0 - max(float(rival @ descriptor) for rival in rivals), abs=1e-5)
    narrow = recorder.record(Localizer(MAP, None, LocalizerSettings(k=3)).answer(Query(S, descriptor)))
    assert math.isnan(narrow.margin)
    lost = recorder.record(Fix.refused(S, FrameRefused(Reason.TILT, "tilted")))
    assert math.isnan(lost.margin)


def test_a_run_without_any_truth_is_refused():
    with pytest.raises(BagError, match="share one clock"):
        EvaluationRun("night flight", (Record(0, math.nan, math.nan),), MAP)


def test_frames_are_written_to_csv_and_read_back(tmp_path):
    covariance = np.array([[4.0, 1.5], [1.5, 9.0]])
    full = Record(
        S,
        47.0,
        8.0,
        47.0001,
        8.0002,
        covariance,
        None,
        "",
        0.75,
        3,
        4,
        5.5,
        2.25,
        {"decode": 1.5},
        "a.jpg",
        0.125,
    )
    refused = Record(2 * S, 47.0, 8.0, reason=Reason.TILT, sentence="tilted, 50° of 45°")
    write_frames([full, refused], tmp_path / "frames.csv")
    read_full, read_refused = read_frames(tmp_path / "frames.csv")
    np.testing.assert_array_equal(read_full.covariance_m2, covariance)
    for name in (
        "stamp_ns",
        "latitude_deg",
        "longitude_deg",
        "score",
        "margin",
        "top_tile",
        "true_tile",
        "name",
    ):
        assert getattr(read_full, name) == getattr(full, name)
    assert read_full.latency_ms == {"decode": 1.5}
    assert (read_refused.reason, read_refused.sentence) == (Reason.TILT, refused.sentence)
    assert not read_refused.has_fix
    assert read_refused.latency_ms == {}


@pytest.mark.parametrize("content", ["", "stamp_ns,name\n1,a\n", "stamp_ns\nx\n"])
def test_a_table_that_holds_no_frames_is_refused_or_empty(tmp_path, content):
    (tmp_path / "frames.csv").write_text(content, encoding="utf-8")
    if content:
        with pytest.raises(BagError, match="not a table of frames"):
            read_frames(tmp_path / "frames.csv")
    else:
        assert read_frames(tmp_path / "frames.csv") == ()


def test_a_missing_table_of_frames_is_refused(tmp_path):
    with pytest.raises(BagError, match=r"gone\.csv"):
        read_frames(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    "header", ["stamp_ns,latitude,longitude", "stamp_ns,lat,lon", "stamp_ns,cam_lat,cam_lon"]
)
def test_truth_tables_may_have_several_column_names(tmp_path, header):
    (tmp_path / "truth.csv").write_text(
        f"{header}\n2000000000,47.2,8.2\n1000000000,47.1,8.1\n", encoding="utf-8"
    )
    assert read_truth_csv(tmp_path / "truth.csv").at(S) == (47.1, 8.1)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no rows"),
        ("stamp_ns,latitude,longitude\n", "holds no rows"),
        ("stamp_ns,longitude\n1,8\n", "no column latitude"),
        ("time,latitude,longitude\n1,47,8\n", "neither a column stamp_ns nor a column file"),
        ("stamp_ns,latitude,longitude\n1.5,47,8\n", "whole number of nanoseconds"),
        ("stamp_ns,latitude,longitude\n1,north,8\n", "is not a number"),
        ("stamp_ns,latitude,longitude\n1,47\n", "is not a number"),
        ("stamp_ns,latitude,longitude\n1,nan,8\n", "holds no truth position"),
        ("file,latitude,longitude\ngone.jpg,47,8\n", r"gone\.jpg cannot be read"),
    ],
)
def test_bad_truth_tables_are_refused(tmp_path, content, sentence):
    (tmp_path / "truth.csv").write_text(content, encoding="utf-8")
    with pytest.raises(BagError, match=sentence):
        read_truth_csv(tmp_path / "truth.csv")


def test_a_missing_truth_table_is_refused(tmp_path):
    with pytest.raises(BagError, match="cannot be read"):
        read_truth_csv(tmp_path / "gone.csv")


def test_a_refused_fix_makes_a_record_with_its_reason():
    fix = Fix.refused(S, FrameRefused(Reason.TILT, "too steep"))
    record = Recorder(MAP, track_at(0.0, 0.0)).record(fix)
    assert (record.reason, record.sentence, record.has_fix) == (Reason.TILT, "too steep", False)
