# SPDX-License-Identifier: Apache-2.0
"""Tests the figures of a live flight on made-up logs."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "live"))

from flightlog import figures, read_lines, read_log
from loop import WIDE

from geoloc.geodesy import LocalFrame

FRAME = LocalFrame(47.0, 8.0)
NS = 1_000_000_000
SKEW_NS = 3600 * NS  # the drone's clock is not the machine's


def sent_line(number: int) -> dict[str, float]:
    return {"stamp_ns": number * NS // 5 + SKEW_NS, "wall_ns": number * NS // 5, "took_ms": 0.4}


def fix_line(number: int, late_ms: float, off_m: float = 0.0, found: bool = True) -> dict[str, object]:
    sent = sent_line(number)
    east, north = WIDE.place(WIDE.turn(int(sent["stamp_ns"])))
    latitude, longitude = FRAME.to_geodetic(east + off_m, north)
    return {
        "wall_ns": int(sent["wall_ns"] + late_ms * 1e6),
        "kind": "fix",
        "stamp_ns": sent["stamp_ns"],
        "found": found,
        "latitude": float(latitude),
        "longitude": float(longitude),
    }


def health_line(name: str, **values: str) -> dict[str, object]:
    return {"wall_ns": 0, "kind": "health", "name": name, "values": values}


def write(file: Path, lines: list[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def log(folder: Path, heard: list[dict[str, object]], frames: int = 10):
    sent = write(folder / "sent.jsonl", [sent_line(number) for number in range(frames)])
    return read_log([sent], write(folder / "heard.jsonl", heard), WIDE, 0.0, FRAME)


def test_fixes_are_joined_with_frames_by_stamp(tmp_path: Path) -> None:
    refused = fix_line(4, 20.0, found=False)
    found = figures(log(tmp_path, [fix_line(2, 40.0, 1.0), fix_line(3, 60.0, 3.0), refused]))
    assert (found.sent, found.answered, found.share) == (10, 2, 0.2)
    assert found.seconds == pytest.approx(2.0)
    assert found.per_s == pytest.approx(1.0)
    assert (found.p50_ms, found.max_ms) == pytest.approx((50.0, 60.0))
    assert (found.median_m, found.max_m) == pytest.approx((2.0, 3.0), abs=1e-3)


def test_frames_before_the_first_answered_one_do_not_count(tmp_path: Path) -> None:
    flown = log(tmp_path, [fix_line(number, 40.0) for number in (4, 5, 7, 8, 9)])
    found = figures(flown.after_first_fix())
    assert (found.sent, found.answered) == (6, 5)


def test_without_an_answer_every_frame_counts_as_missing(tmp_path: Path) -> None:
    found = figures(log(tmp_path, []).after_first_fix())
    assert (found.sent, found.answered, found.share) == (10, 0, 0.0)
    assert math.isnan(found.p95_ms)


def test_a_fix_with_an_unknown_stamp_is_a_stray(tmp_path: Path) -> None:
    assert log(tmp_path, [fix_line(2, 40.0), fix_line(77, 40.0)]).strays == 1


def test_only_the_first_of_two_fixes_with_one_stamp_counts(tmp_path: Path) -> None:
    found = figures(log(tmp_path, [fix_line(2, 40.0), fix_line(2, 900.0)]))
    assert (found.answered, found.max_ms) == (1, pytest.approx(40.0))


def test_the_last_summary_of_each_node_gives_the_counts(tmp_path: Path) -> None:
    heard = [
        health_line("geoloc/camera_node: frames", dropped="3", refused="1"),
        health_line("geoloc/camera_node: frames", dropped="5", refused="1"),
        health_line("geoloc/retrieval_node: frames", refused="2"),
    ]
    flown = log(tmp_path, heard)
    assert [flown.counted(key) for key in ("dropped", "refused", "overrun")] == [5, 3, 0]


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "heard.jsonl"
    file.write_text('{"a": 1}\n{"a": ', encoding="utf-8")
    assert read_lines(file) == [{"a": 1}]
    assert read_lines(tmp_path / "none.jsonl") == []
