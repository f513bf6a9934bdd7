# SPDX-License-Identifier: Apache-2.0
"""Tests the loop of the simulated live drone: its place follows from the stamp, its pictures are near."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "live"))

from loop import NARROW, WIDE, Loop, loop_for

STAMP_NS = 1_800_000_000_123_456_789


@pytest.mark.parametrize("loop", [WIDE, NARROW])
def test_the_picture_shows_a_place_well_below_a_metre_away(loop: Loop) -> None:
    away = []
    for turn in np.linspace(0.0, 1.0, 5_000, endpoint=False):
        shown = loop.place(loop.pose(turn) / loop.poses)
        away.append(math.dist(loop.place(turn), shown))
    assert max(away) == pytest.approx(loop.largest_error_m, rel=0.02)
    assert loop.largest_error_m < 0.5


@pytest.mark.parametrize("loop", [WIDE, NARROW])
def test_velocity_is_the_derivative_of_the_place_and_plausible(loop: Loop) -> None:
    turn, step_ns = loop.turn(STAMP_NS), 100_000
    later = loop.place(loop.turn(STAMP_NS + step_ns))
    velocity = [(b - a) / 1e-4 for a, b in zip(loop.place(turn), later, strict=True)]
    assert velocity == pytest.approx(loop.velocity_mps(turn), abs=1e-3)
    assert math.hypot(*velocity) == pytest.approx(loop.speed_mps, rel=1e-3)
    assert loop.speed_mps <= 15.0


def test_a_round_later_the_drone_is_at_the_same_place() -> None:
    once = WIDE.turn(STAMP_NS)
    assert WIDE.turn(STAMP_NS + 57 * WIDE.period_ns) == once
    assert WIDE.turn(STAMP_NS + WIDE.period_ns // 4) == pytest.approx((once + 0.25) % 1.0)


def test_a_second_drone_with_half_a_round_of_lead_is_never_within_fifty_metres() -> None:
    turns = [(WIDE.turn(stamp, 0.0), WIDE.turn(stamp, 0.5)) for stamp in range(0, 10**11, 10**9)]
    assert min(math.dist(WIDE.place(one), WIDE.place(other)) for one, other in turns) > 79.9


def test_heading_is_counted_as_ros_does() -> None:
    assert Loop(1.0, 1.0, 4, heading_deg=90.0).yaw_rad == 0.0  # east
    assert Loop(1.0, 1.0, 4, heading_deg=0.0).yaw_rad == pytest.approx(math.pi / 2)


def test_a_4k_camera_flies_the_narrow_loop() -> None:
    assert [loop_for(width) for width in (640, 1280, 1920, 3840)] == [WIDE, WIDE, WIDE, NARROW]
