# SPDX-License-Identifier: Apache-2.0
"""First fixes, outages and kidnaps on flights at ten metres per second."""

import math

import numpy as np
import pytest

import flown
from geoloc_lab.metrics import continuity


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ffff", (0, 0.0, 0.0)),
        ("fxxf", (2, 3.0, 30.0)),
        ("xxf", (2, 2.0, 20.0)),
        ("fxxx", (3, 3.0, 30.0)),
        ("xfxxxfxx", (3, 4.0, 40.0)),
        ("xxxx", (4, 3.0, 30.0)),
        ("x", (1, 0.0, 0.0)),
        ("", (0, 0.0, 0.0)),
    ],
)
def test_longest_outage_runs_from_fix_to_fix(pattern, expected):
    found = continuity.longest_outage(flown.answers(flown.marked(pattern)))
    assert (found.frames, found.seconds, found.metres) == pytest.approx(expected, abs=1e-3)


def test_the_first_fix_is_timed_and_measured_even_where_it_is_false():
    found = continuity.first_fix(flown.answers(flown.marked("xxwfxf")))
    assert (found.frames, found.seconds, found.metres) == pytest.approx((2, 2.0, 20.0), abs=1e-3)
    assert found.error_m == pytest.approx(200.0, abs=0.01)
    assert found.availability_after == 0.75


@pytest.mark.parametrize("pattern", ["", "xxx"])
def test_without_a_fix_there_is_no_first_one(pattern):
    found = continuity.first_fix(flown.answers(flown.marked(pattern)))
    assert found.frames == -1
    assert all(map(math.isnan, (found.seconds, found.metres, found.error_m, found.availability_after)))


def kidnapped(pattern, at, jump_m=5000.0):
    """Return the flight of `pattern`, moved `jump_m` north before frame `at`."""
    records = flown.marked(pattern)
    moved = flown.marked(pattern)
    for i in range(at, len(pattern)):
        error = {"f": (0.0, 0.0), "w": (200.0, 0.0), "x": None}[pattern[i]]
        moved[i] = flown.frame_at(i, (10.0 * i, jump_m), error)
    return records[:at] + moved[at:]


def test_a_kidnap_is_detected_in_the_truth_and_timed_until_the_first_good_fix():
    found = continuity.continuity(flown.answers(kidnapped("ffffwxwwff", at=4)))
    (recovery,) = found.kidnaps
    assert recovery.stamp_ns == 4 * flown.S
    assert (recovery.seconds, recovery.frames, recovery.false_fixes) == (4.0, 4, 3)


def test_kidnaps_may_be_given_without_a_jump_of_the_truth():
    answers = flown.answers(flown.marked("fffwwf"))
    assert continuity.continuity(answers).kidnaps == ()
    told = continuity.continuity(answers, kidnaps_ns=[int(2.5 * flown.S)])
    assert told.kidnaps[0].seconds == pytest.approx(2.5)
    assert continuity.continuity(answers, kidnaps_ns=[99 * flown.S]).kidnaps == ()


def test_a_kidnap_without_recovery_ends_at_the_next_kidnap():
    answers = flown.answers(flown.marked("ffwwwfff"))
    first, second = continuity.recoveries(answers, [2 * flown.S, 4 * flown.S])
    assert math.isnan(first.seconds)
    assert (first.frames, first.false_fixes) == (2, 2)
    assert second.seconds == 1.0
    assert math.isnan(continuity.recoveries(flown.answers(flown.marked("fwxw")), [flown.S])[0].seconds)


def test_the_jump_does_not_count_as_distance_flown():
    travelled_m = continuity.flown_m(flown.answers(kidnapped("ffffff", at=3)))
    np.testing.assert_allclose(travelled_m, [0, 10, 20, 20, 30, 40], atol=0.01)


def test_fast_flight_and_a_jittering_truth_are_no_kidnap():
    jitter = [flown.frame_at(0.01 * i, (3.0 * (i % 2), 0.0)) for i in range(6)]
    assert continuity.kidnap_stamps_ns(flown.answers(jitter)) == []
    assert continuity.kidnap_stamps_ns(flown.answers(flown.marked("ffff", step_m=90.0))) == []
