# SPDX-License-Identifier: Apache-2.0
"""Tests the rows of the transport table on made-up flights."""

import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tools" / "bench"), str(ROOT / "tools" / "live")]

from bench_transport import cameras, row  # noqa: E402 - found through the line above
from flightlog import Answer, FlightLog, Sent, figures  # noqa: E402
from session import Measured  # noqa: E402

NS = 1_000_000_000


def flight(answered: int, frames: int = 20, **counts: str) -> Measured:
    sent = [Sent(number, number * NS // 5) for number in range(frames)]
    answers = {one.stamp_ns: Answer(one, one.wall_ns + 50_000_000, 0.9) for one in sent[:answered]}
    log = FlightLog(sent, answers, health={"geoloc/camera_node": counts})
    return Measured(figures(log.after_first_fix()), 0.05, log, {}, {})


def test_a_row_shows_latency_and_answered_share() -> None:
    found = row("JPEG 5 Hz", flight(19))
    assert (found.name, found.ms) == ("JPEG 5 Hz", 50.0)
    assert found.note == "answered 95.0% of 20 since the first fix, p95 50 ms, 0.90 m off"


def test_a_row_names_what_became_of_the_other_frames() -> None:
    counts = {"lost_in_transport": "7", "dropped": "2", "overrun": "3", "refused_no_attitude": "1"}
    assert row("raw 5 Hz", flight(9, **counts)).note.endswith(", 7 lost, 5 dropped, 1 without attitude")


def test_a_row_tells_how_late_imu_is() -> None:
    assert row("raw 5 Hz", flight(20, imu_age_ms_p95="12.5")).note.endswith(", imu 12.5 ms late")


def test_a_camera_of_which_nothing_is_answered_has_no_latency() -> None:
    found = row("raw 2 Hz", flight(0, lost_in_transport="20"))
    assert math.isnan(found.ms)
    assert found.note == "answered 0.0% of 20, 20 lost"


def test_every_transport_is_flown_at_every_rate() -> None:
    found = dict(cameras())
    assert len(found) == 18
    assert next(iter(found)) == "JPEG 2 Hz"
    assert found["raw reliable 10 Hz"].words[-1] == "--reliable"
    assert found["raw segment 20 Hz"].words[-1] == "--segment"
    assert {camera.rate_hz for camera in found.values() if camera.size == (3840, 2160)} == {30.0, 60.0}
