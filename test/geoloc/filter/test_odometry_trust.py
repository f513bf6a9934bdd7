# SPDX-License-Identifier: Apache-2.0
"""Sentences and diagnostics about odometry."""

import numpy as np
import pytest
import toy_sequence as toy

from geoloc.filter import OdometryTrust
from geoloc.filter.odometry import Odometer

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (OdometryTrust(), ""),
        (OdometryTrust(0.99), ""),
        (OdometryTrust(0.9, 5.0, 1.1), ""),
        (
            OdometryTrust(0.3),
            "odom contradicts the views and is not used; check that it moves with ",
        ),
        (
            OdometryTrust(0.9, -57.0),
            "odom is turned by 57 degrees, which the filter removes; set odom_",
        ),
        (
            OdometryTrust(0.9, 0.0, 0.5),
            "odom measures 2.00 times the distance, which the filter removes; check",
        ),
        (OdometryTrust(fault="it jumps; check it"), "odom is not used: it jumps; check it."),
    ],
)
def test_the_concern_names_odom_what_is_wrong_and_the_remedy(found, sentence):
    assert found.concern.startswith(sentence)
    assert bool(found.concern) == bool(sentence)


def test_diagnostics_tell_the_error_of_odometry_only_where_it_was_estimated():
    assert OdometryTrust().facts() == {}
    assert OdometryTrust(0.95).facts() == {"odometry_trust": "0.95"}
    assert OdometryTrust(0.2, 40.0, 2.0).facts() == {"odometry_trust": "0.20"}
    assert OdometryTrust(0.95, -57.3, 0.5).facts() == {
        "odometry_trust": "0.95",
        "odometry_turn_deg": "-57",
        "odometry_scale": "0.50",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda stamp_ns, place: (stamp_ns, (place[0] * 1000.0, place[1])),
            "faster than max_speed_mps 25",
        ),
        (lambda stamp_ns, place: (stamp_ns, (float("nan"), place[1])), "its position is not finite"),
        (lambda stamp_ns, place: (stamp_ns - 30 * SECOND, place), "older than the frame"),
        (lambda stamp_ns, place: (stamp_ns + 90 * SECOND, place), "newer than the last frame"),
        (lambda stamp_ns, place: (stamp_ns // (3 * SECOND) * 3 * SECOND, place), "s apart, more than 1 s"),
    ],
    ids=["millimetres", "NaN", "clock behind", "clock ahead", "too slow"],
)
def test_odometry_that_gives_no_displacement_says_why(change, words):
    flight = toy.fly(50, count=19)
    filter_ = toy.new_filter()
    for stamp_ns, place in zip(flight.stamps_ns, flight.odometry_m, strict=True):
        filter_.add_odometry(*change(int(stamp_ns), (float(place[0]), float(place[1]))))
    beliefs, _ = toy.run(flight, filter_, odometry=False)
    assert words in beliefs[-1].odometry.concern
    assert beliefs[-1].odometry.concern.startswith("odom is not used: ")


def test_a_step_that_begins_after_the_newest_sample_continues_its_motion():
    sampled = Odometer(25.0)
    for i in range(11):
        sampled.add(i * SECOND // 10, (0.2 * i, -0.1 * i))
    shift_m = sampled.between(21 * SECOND // 20, 23 * SECOND // 20).shift_m
    np.testing.assert_allclose(shift_m, [0.2, -0.1])
    assert sampled.between(21 * SECOND // 20, 2 * SECOND) is None


def test_a_hint_shortly_before_a_frame_is_no_gap_of_odometry():
    flight, filter_ = toy.fly(50, count=9), toy.new_filter()
    beliefs = []
    for i, stamp_ns in enumerate(map(int, flight.stamps_ns)):
        filter_.add_odometry(stamp_ns - SECOND // 50, tuple(flight.odometry_m[i]))
        filter_.add_hint(stamp_ns - SECOND // 100, flight.truth_m[i], np.eye(2) * 400.0)
        beliefs.append(filter_.update(stamp_ns, toy.lookup(flight.queries[i])))
    assert np.isfinite([belief.odometry.trust for belief in beliefs[2:]]).all()


def test_odometry_that_begins_and_ends_within_a_step_is_as_old_as_its_last_sample():
    sampled = Odometer(25.0)
    for i in range(1, 11):
        sampled.add(i * SECOND // 10, (0.1 * i, 0.0))
    for _ in range(5):
        assert sampled.between(0, 10 * SECOND) is None
    assert sampled.fault.startswith("its last sample is 9.0 s older than the frame")


def test_a_single_gap_of_odometry_is_no_fault():
    sampled = Odometer(25.0)
    for i in range(30):
        sampled.add(i * SECOND // 10, (500.0 if i > 14 else 0.1 * i, 0.0))
    found = [sampled.between(i * SECOND // 10, (i + 1) * SECOND // 10) for i in range(29)]
    assert [i for i, each in enumerate(found) if each is None] == [14]
    assert sampled.fault == ""
