# SPDX-License-Identifier: Apache-2.0
"""An attitude of exactly zero is none, if the picture moves; a level one is only noticed."""

import numpy as np
import pytest

from geoloc.camera.attitude_watch import AttitudeWatch
from geoloc.errors import FrameRefused, Reason

SECOND = 1_000_000_000
ZERO, NORTH = (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))
HERE, THERE = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), dtype=np.uint8)


def watched(quaternion, seconds=6):
    watch = AttitudeWatch()
    for tenth in range(10 * seconds + 1):
        watch.add(tenth * SECOND // 10, quaternion)
        if tenth == 0:
            watch.check(HERE)
    return watch


def test_zero_for_seconds_over_moving_ground_is_refused():
    with pytest.raises(FrameRefused, match="exactly 0 for 6 s while the picture moves") as caught:
        watched(ZERO).check(THERE)
    assert caught.value.reason is Reason.BAD_ATTITUDE


def test_a_drone_that_stands_still_may_be_level():
    noise = np.random.default_rng(1).normal(0, 4, HERE.shape)
    watched(ZERO).check(np.clip(HERE + noise, 0, 255).astype(np.uint8))


def test_zero_for_a_moment_is_no_fault():
    watched(ZERO, seconds=4).check(THERE)
    mended = watched(ZERO)
    mended.add(7 * SECOND, (0.001, 0.0, 0.0, 1.0))
    mended.check(THERE)
    cleared = watched(ZERO)
    cleared.clear()
    cleared.check(THERE)


def test_a_level_attitude_with_a_heading_is_accepted_and_noticed():
    watch = watched(NORTH)
    watch.check(THERE)
    assert watch.level_s == 6.0
    watch.add(7 * SECOND, (0.001, 0.0, 0.7, 0.7))
    assert watch.level_s == 0.0
