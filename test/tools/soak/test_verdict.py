# SPDX-License-Identifier: Apache-2.0
"""Tests the verdict over soaked flights on made-up logs: what must be complained of, and what not."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tools" / "live"), str(ROOT / "tools" / "soak")]

from flightlog import Answer, FlightLog, Sent  # noqa: E402 - found through the line above
from verdict import (  # noqa: E402
    Baseline,
    Disturbance,
    Flown,
    baseline,
    complaints,
    line,
    recovery_s,
    rows,
)

NS = 1_000_000_000
FIVE_HZ = NS // 5
BASE = Baseline(0.98, 4.9)
KILLED = Disturbance("kill", 20 * NS, 22 * NS)


def flight(answered_from_s: float = 24.0, until_s: float = 40.0, error_m: float = 1.0, **changes) -> Flown:
    """Return a flight of 40 s at 5 Hz with a kill at 20 s; answers return for frames from a time on."""
    sent = [Sent(number, number * FIVE_HZ) for number in range(200)]

    def came(frame: Sent) -> bool:
        at_s = frame.wall_ns / NS
        return at_s < 20 or answered_from_s <= at_s < until_s

    answers = {one.stamp_ns: Answer(one, one.wall_ns + 50_000_000, error_m) for one in sent if came(one)}
    flown = Flown("kill", FlightLog(sent, answers), 0, 40 * NS, (KILLED,))
    return replace(flown, **changes)


def memory(name: str, mb: list[float]):
    return {7: (name, [(float(at_s), value) for at_s, value in enumerate(mb)])}


def test_a_flight_whose_fixes_return_in_time_is_not_complained_of() -> None:
    assert list(complaints(flight(), BASE)) == []


def test_fixes_are_judged_from_five_seconds_after_the_disturbance_on() -> None:
    before, after = rows(flight(answered_from_s=30.0))
    assert (before.after, before.sent, before.answered) == ("", 100, 100)
    assert (after.after, after.sent, after.answered) == ("kill", 65, 50)
    assert (after.p50_ms, after.worst_m) == (50.0, 1.0)


def test_recovery_is_counted_from_the_kill() -> None:
    assert recovery_s(flight(answered_from_s=24.0).log, KILLED) == pytest.approx(4.05)


def test_recovery_from_a_pause_is_counted_from_its_end_and_frames_of_the_pause_from_nobody() -> None:
    paused = replace(KILLED, from_end=True)
    assert recovery_s(flight(answered_from_s=24.0).log, paused) == pytest.approx(2.05)
    before, _ = rows(flight(disturbances=(paused,)))
    assert (before.sent, before.answered) == (100, 100)


def test_an_answer_to_a_frame_of_before_is_no_recovery() -> None:
    flown = flight(answered_from_s=99.0)
    late = Sent(5, 5 * FIVE_HZ)
    answers = {**flown.log.answers, 5: Answer(late, 25 * NS, 1.0)}
    assert recovery_s(replace(flown.log, answers=answers), KILLED) == math.inf


def test_fixes_that_do_not_return_are_complained_of_with_both_shares() -> None:
    (sentence,) = complaints(flight(answered_from_s=99.0), BASE)
    assert sentence == "kill, after kill: 0 of 65 frames were answered (0 %); undisturbed 98 %."


def test_fixes_that_cease_again_are_complained_of() -> None:
    assert len(list(complaints(flight(until_s=35.0), BASE))) == 1


def test_a_span_without_frames_is_complained_of() -> None:
    flown = flight()
    kept = [frame for frame in flown.log.sent if frame.wall_ns < 26 * NS]
    (sentence,) = complaints(replace(flown, log=replace(flown.log, sent=kept)), BASE)
    assert "no frame was sent" in sentence


def test_a_camera_that_overruns_the_nodes_is_judged_by_answers_per_second() -> None:
    flown = flight(disturbances=())
    frames = [Sent(1000 + number, number * NS // 60) for number in range(2400)]
    crowded = replace(flown, log=replace(flown.log, sent=[*frames, *flown.log.sent]))
    assert [row.share < 0.5 for row in rows(crowded)] == [True]
    gap = replace(crowded, by_rate=True)
    assert list(complaints(gap, Baseline(1.0, 4.7))) == []
    assert "4.5 fixes a second; undisturbed 5.1." in next(complaints(gap, Baseline(1.0, 5.1)))


def test_a_far_fix_is_complained_of_wherever_it_comes() -> None:
    flown = flight()
    far = {101: Answer(flown.log.sent[101], 21 * NS, 76.0)}
    changed = replace(flown, log=replace(flown.log, answers={**flown.log.answers, **far}))
    assert list(complaints(changed, BASE)) == ["kill: a fix was 76 m off; 50 m are allowed."]


def test_strays_dead_nodes_and_findings_are_complained_of() -> None:
    flown = flight(dead=("camera_node",), found=("nothing was refused.",))
    flown = replace(flown, log=replace(flown.log, strays=2))
    assert list(complaints(flown, BASE)) == [
        "kill: 2 fixes had a stamp that no frame has.",
        "kill: camera_node ended although nobody ended it.",
        "kill: nothing was refused.",
    ]


def test_growing_memory_is_complained_of() -> None:
    growing = memory("camera_node", [150.0 + 5.0 * at_s for at_s in range(40)])
    (sentence,) = complaints(flight(memory=growing), BASE)
    assert sentence.startswith("kill: memory of camera_node grew from 215 to 330 MB.")


@pytest.mark.parametrize(
    "series",
    [
        [100.0] * 10 + [250.0] * 30,  # a start
        [417.0, 453.0, 411.0, 382.0] * 10,  # large pictures come and go
        [150.0, 400.0, 700.0],  # too short to judge
    ],
)
def test_a_start_and_a_flutter_are_no_growth(series: list[float]) -> None:
    assert list(complaints(flight(memory=memory("camera_node", series)), BASE)) == []


def test_memory_before_the_measurement_is_not_judged() -> None:
    slow_start = memory("camera_node", [100.0] * 15 + [250.0] * 25)
    assert len(list(complaints(flight(memory=slow_start), BASE))) == 1
    assert list(complaints(flight(memory=slow_start, began_ns=15 * NS), BASE)) == []


def test_memory_of_a_row_is_that_of_all_nodes_together() -> None:
    both = {
        1: ("camera_node", [(float(at), 100.0 + at) for at in range(40)]),
        2: ("retrieval_node", [(float(at), 200.0) for at in range(40)]),
    }
    before, after = rows(flight(memory=both))
    assert (before.rss_first_mb, before.rss_last_mb, before.rss_max_mb) == (300.0, 319.0, 319.0)
    assert (after.rss_first_mb, after.rss_last_mb) == (327.0, 339.0)


def test_the_baseline_is_the_share_and_rate_of_the_undisturbed_run() -> None:
    found = baseline(flight(disturbances=()))
    assert found.share == 0.9
    assert found.per_s == pytest.approx(4.5)


def test_the_table_shows_what_is_missing_as_words() -> None:
    before, after = rows(flight(answered_from_s=99.0))
    assert line(before).split() == ["kill", "100/100", "5.0", "50", "50", "–", "1.0", "–", "–", "–"]
    assert line(after).split()[-8:] == ["0.0", "–", "–", "never", "–", "–", "–", "–"]
