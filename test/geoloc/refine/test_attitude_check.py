# SPDX-License-Identifier: Apache-2.0
"""Check of the attitude: what the views show counts if it is clearly more than what is stated."""

import math

import numpy as np
import pytest

from geoloc.refine.attitude_check import AttitudeCheck
from geoloc.refine.pose import CameraPose

HERE, MEASURED_DEG = np.zeros(2), 0.8


def pose(tilt_deg):
    covariance = np.diag([1.0, 1.0, *np.radians([MEASURED_DEG, MEASURED_DEG]) ** 2])
    return CameraPose(HERE, np.radians(tilt_deg), covariance, 100.0, 40)


def looked(true_deg, stated_deg=1.5, count=24, **options):
    check = AttitudeCheck(stated_deg, **options)
    rng = np.random.default_rng(3)
    for _ in range(count):
        check.add(pose(rng.normal(0.0, math.hypot(true_deg, MEASURED_DEG), 2)))
    return check


def test_a_stated_error_that_holds_is_kept():
    check = looked(1.2)
    assert check.error_deg == 1.5
    assert check.concern == ""
    assert check.facts() == {"tilt_seen_deg": f"{check.seen_deg:.1f}"}
    assert check.seen_deg == pytest.approx(1.2, abs=0.5)


def test_noise_that_is_not_stated_is_seen_and_said():
    check = looked(5.0)
    assert check.error_deg == pytest.approx(5.0, rel=0.3)
    sentence = check.concern
    assert f"{check.seen_deg:.1f} degrees, but attitude_error_deg is 1.5" in sentence
    assert sentence.endswith(
        f"set attitude_error_deg to {math.ceil(check.seen_deg)} and estimate_tilt to true."
    )
    assert "estimate_tilt" not in looked(5.0, corrects=True).concern


def test_stated_noise_is_no_concern():
    assert looked(5.0, stated_deg=5.0).concern == ""


def test_a_few_views_prove_nothing():
    check = looked(5.0, count=5)
    assert math.isnan(check.seen_deg)
    assert (check.error_deg, check.concern, check.facts()) == (1.5, "", {})


def test_a_view_that_is_tilted_beyond_the_stated_error_is_unsure_by_itself():
    check = AttitudeCheck(1.5)
    plain_m2, tilted_m2 = (check.covariance_m2(100.0, HERE, pose(tilt)) for tilt in ((1.0, 1.0), (10.0, 0.0)))
    np.testing.assert_allclose(plain_m2, np.eye(2) * (100.0 * math.tan(math.radians(1.5))) ** 2)
    shift_m = 100.0 * math.radians(10.0)
    np.testing.assert_allclose(tilted_m2 - plain_m2, np.diag([shift_m**2, 0.0]), atol=1e-9)


def test_beside_the_camera_a_tilt_shifts_the_ground_more():
    covariance_m2 = AttitudeCheck(1.0).covariance_m2(100.0, np.array([100.0, 0.0]))
    np.testing.assert_allclose(
        np.sqrt(np.diag(covariance_m2)), np.array([200.0, 100.0]) * math.tan(math.radians(1.0))
    )
