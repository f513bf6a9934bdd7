# SPDX-License-Identifier: Apache-2.0
"""Comparison of reports: differences computed by hand, their intervals, and reports of different flights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import flown
from geoloc.errors import BagError, ParameterError
from geoloc_lab.reports.comparison import compare, comparison_table, names_of, write_comparison
from geoloc_lab.reports.written_report import UNCALIBRATED, WrittenReport, read_report


def report(records, name="a"):
    return WrittenReport(Path("runs") / name, f"flight {name}", "toy", UNCALIBRATED, tuple(records))


def row_of(comparison, key):
    return next(row for row in comparison.rows if row.key == key)


def moved(records, east_m, north_m):
    """Return the same frames with estimates moved by this offset."""
    scale = 1 / 111_200
    return [
        replace(
            r, latitude_deg=r.latitude_deg + north_m * scale, longitude_deg=r.longitude_deg + east_m * scale
        )
        for r in records
    ]


def test_differences_by_hand():
    comparison = compare([report(flown.marked("ffffxxxx"), "a"), report(flown.marked("ffffffww"), "b")])
    assert comparison.names == ("a", "b")
    assert (comparison.frames, comparison.left_out) == (8, (0, 0))
    availability, false = row_of(comparison, "availability"), row_of(comparison, "false_50_m")
    assert (availability.first, availability.others[0].value) == (0.5, 1.0)
    assert availability.others[0].difference == 0.5
    assert false.others[0].difference == pytest.approx(0.25)
    assert row_of(comparison, "within_10_m").others[0].difference == pytest.approx(0.25)


def test_a_report_does_not_differ_from_itself():
    records = flown.gaussian(60)
    comparison = compare([report(records, "a"), report(records, "b"), report(records, "c")])
    for row in comparison.rows:
        for found in row.others:
            assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
            assert not found.clear


def test_a_consistent_difference_is_clear_although_the_intervals_overlap():
    records = flown.gaussian(100)
    comparison = compare([report(records, "a"), report(moved(records, 12.0, 0.0), "b")])
    nees = row_of(comparison, "nees").others[0]
    assert nees.difference > 0
    assert nees.clear
    median = row_of(comparison, "median_m").others[0]
    assert median.low <= median.difference <= median.high


def test_only_frames_common_to_all_reports_are_compared():
    whole = flown.marked("ffffffffww")
    comparison = compare([report(whole, "a"), report(whole[:8], "b")])
    assert (comparison.frames, comparison.left_out) == (8, (2, 0))
    assert row_of(comparison, "false_50_m").first == 0.0


def test_reports_of_other_flights_are_refused():
    flight = flown.marked("ffff")
    later = [replace(record, stamp_ns=record.stamp_ns + flown.S // 2) for record in flight]
    with pytest.raises(
        ParameterError, match=r"a and b are not of one flight: they share 0 stamps, the shortest has 4"
    ):
        compare([report(flight, "a"), report(later, "b")])
    elsewhere = [replace(record, truth_latitude_deg=46.0) for record in flight]
    with pytest.raises(ParameterError, match=r"their truths lie 1111\d\d m apart at the same stamps"):
        compare([report(flight, "a"), report(elsewhere, "b")])
    with pytest.raises(ParameterError, match="two reports or more"):
        compare([report(flight, "a")])


def test_names_are_as_short_as_possible():
    flight = flown.marked("f")
    deep = [report(flight, "x/report"), report(flight, "y/report")]
    assert names_of(deep) == ("x/report", "y/report")
    with pytest.raises(ParameterError, match="given twice"):
        names_of([deep[0], deep[0]])


def test_a_flight_without_a_fix_is_compared_too(tmp_path):
    comparison = compare([report(flown.marked("ffff"), "a"), report(flown.marked("xxxx"), "b")])
    assert row_of(comparison, "availability").others[0].difference == -1.0
    table = {cells[0]: cells[1:] for cells in comparison_table(comparison)}
    assert table["median error"] == ("0.0 m", "–", "–", "–")
    assert table["availability"] == ("100.0 %", "0.0 %", "-100.0 pp*", "-100.0 pp to -100.0 pp")
    assert write_comparison(comparison, tmp_path).is_file()


def test_the_page_is_self_contained_and_the_json_complete(tmp_path):
    records = flown.gaussian(40)
    evil = replace(report(records, "b"), title="<script>alert(1)</script>")
    comparison = compare([report(records, "a"), evil])
    page = write_comparison(comparison, tmp_path / "new")
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 1
    assert "<script>" not in text
    assert {path.name for path in page.parent.iterdir()} == {"compare.html", "compare.png", "compare.json"}
    content = json.loads((page.parent / "compare.json").read_text(encoding="utf-8"))
    assert content["reports"] == ["a", "b"]
    assert content["figures"]["nees"]["others"][0]["difference"] == 0.0
    with pytest.raises(ParameterError, match="is a file"):
        write_comparison(comparison, page)


def test_a_folder_that_is_no_report_is_refused(tmp_path):
    with pytest.raises(BagError, match="is not a report"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(BagError, match="is damaged or of another version"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text('{"title": "old"}', encoding="utf-8")
    with pytest.raises(BagError, match="is damaged or of another version"):
        read_report(tmp_path / "report.json")
