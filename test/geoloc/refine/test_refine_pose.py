# SPDX-License-Identifier: Apache-2.0
"""Pose of the camera from a view: rendered views of known tilt give it back, and the camera's place."""

import math

import numpy as np
import pytest

from geoloc.refine import Patch, Registration, Verdict
from geoloc.refine.correlation import OrientationCorrelation
from geoloc.refine.pose import fit_pose
from refine_scene import later, patch_of, tilted_view_of, town

HEIGHT_M, SIDE_PX = 90.0, 160
TOWN = town(4, side_px=560)
DATED = later(TOWN)
PATCH = patch_of(TOWN, side_px=SIDE_PX)
METHOD = OrientationCorrelation()
HERE = np.zeros(2)


def posed(tilt_deg, place=(3.0, -2.0), height_m=HEIGHT_M):
    """Return the registration, and the pose, of a view of another date by a wrong attitude."""
    view = tilted_view_of(DATED, np.radians(tilt_deg), HEIGHT_M, *place, side_px=SIDE_PX)
    found = METHOD.register(view, PATCH)
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    return found, fit_pose(view, PATCH, found, HERE, height_m)


@pytest.mark.parametrize("tilt_deg", [(0.0, 0.0), (1.5, -1.0), (-5.0, 3.0), (2.0, 8.0)])
def test_tilt_and_place_are_those_of_the_camera(tilt_deg):
    found, pose = posed(tilt_deg)
    np.testing.assert_allclose(np.degrees(pose.tilt_rad), tilt_deg, atol=0.5)
    np.testing.assert_allclose(pose.place_m, (3.0, -2.0), atol=0.8)
    assert pose.height_m == pytest.approx(HEIGHT_M, rel=0.02)
    shifted_m = math.dist((found.east_m, found.north_m), (3.0, -2.0))
    assert shifted_m == pytest.approx(HEIGHT_M * math.radians(np.hypot(*tilt_deg)), abs=1.2)


def test_the_covariance_holds_the_errors():
    tilts = np.random.default_rng(1).normal(0.0, 3.0, (12, 2))
    squares = []
    for tilt_deg in tilts:
        _, pose = posed(tilt_deg)
        error = np.array([*(pose.place_m - (3.0, -2.0)), *(pose.tilt_rad - np.radians(tilt_deg))])
        squares.append(error @ np.linalg.solve(pose.covariance, error) / 4)
    assert 0.05 < np.mean(squares) < 1.5


def test_a_good_attitude_is_believed_more_than_the_picture():
    found, pose = posed((0.0, 0.0))
    place_m, covariance_m2 = pose.place_given(0.0)
    np.testing.assert_allclose(place_m, (found.east_m, found.north_m), atol=0.3)
    loose_m, loose_m2 = pose.place_given(math.radians(20.0))
    np.testing.assert_allclose(loose_m, pose.place_m, atol=0.1)
    assert np.trace(covariance_m2) < np.trace(loose_m2) / 4


def test_too_few_parts_give_no_pose():
    bare = np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8)
    found = Registration(Verdict.CONFIRMED, 0.5, 0.0, 0.0, np.eye(2), 0.0, 1.0, 0, "")
    assert fit_pose(bare, PATCH, found, HERE, HEIGHT_M) is None
    far = Registration(Verdict.CONFIRMED, 0.5, 500.0, 0.0, np.eye(2), 0.0, 1.0, 0, "")
    view = tilted_view_of(DATED, HERE, HEIGHT_M, side_px=SIDE_PX)
    assert fit_pose(view, PATCH, far, HERE, HEIGHT_M) is None
    nowhere = Patch(PATCH.rgb, np.zeros_like(PATCH.valid), PATCH.gsd_m)
    assert fit_pose(view, nowhere, found, HERE, HEIGHT_M) is None
