# SPDX-License-Identifier: Apache-2.0
"""Footprints agree with the camera model, coverages with the views that are cut in flight."""

import numpy as np
import pytest

from geoloc.camera.attitude import tilt_rad
from geoloc.camera.footprint import coverage, footprint, ground_pixel_m, looking_down, pinhole
from geoloc.camera.lens import Intrinsics, project
from geoloc.camera.views import ViewSpec, frame_to_view, pixel_to_ground
from geoloc.errors import ParameterError

LENS = pinhole(640, 360, 70.0)
FISHEYE = Intrinsics(
    400, 300, np.array([[180.0, 0, 199.5], [0, 180.0, 149.5], [0, 0, 1]]), "equidistant", (0.0, 0.0, 0.0, 0.0)
)


def test_a_pinholes_footprint_is_the_projection_of_the_corners():
    corners = np.array([[-0.5, -0.5], [639.5, -0.5], [639.5, 359.5], [-0.5, 359.5]])
    ground, seen = pixel_to_ground(corners, LENS, looking_down(), 110.0)
    assert seen.all()
    shown = footprint(LENS, 110.0)
    assert np.ptp(ground, axis=0) == pytest.approx((shown.across_m, shown.along_m))
    assert shown.across_m == pytest.approx(2 * 110.0 * np.tan(np.radians(35.0)))
    assert shown.shorter_m == shown.along_m
    assert ground_pixel_m(LENS, 110.0) == pytest.approx(shown.across_m / 640)


def test_a_fisheyes_footprint_ends_where_its_middle_row_ends():
    shown = footprint(FISHEYE, 50.0)
    points = np.array([[shown.across_m / 2, 0.0, 50.0], [0.0, shown.along_m / 2, 50.0]])
    pixels, seen = project(points * (0.9999, 0.9999, 1.0), FISHEYE)
    assert seen.all()
    assert pixels[0, 0] == pytest.approx(399.5, abs=0.1)
    assert pixels[1, 1] == pytest.approx(299.5, abs=0.1)


def test_a_camera_looks_down_tilts_and_turns():
    assert looking_down() @ (0.0, -1.0, 0.0) == pytest.approx((0.0, 1.0, 0.0))
    assert looking_down(heading_deg=90.0) @ (0.0, -1.0, 0.0) == pytest.approx((1.0, 0.0, 0.0), abs=1e-9)
    ahead = looking_down(heading_deg=90.0, tilt_deg=30.0)
    assert ahead @ (0.0, 0.0, 1.0) == pytest.approx((0.5, 0.0, -np.sqrt(0.75)), abs=1e-9)
    sideways = looking_down(tilt_deg=30.0, towards_deg=90.0)
    assert sideways @ (0.0, 0.0, 1.0) == pytest.approx((0.5, 0.0, -np.sqrt(0.75)), abs=1e-9)
    assert tilt_rad(sideways) == pytest.approx(np.radians(30.0))


@pytest.mark.parametrize("tilt_deg", [0.0, 25.0])
def test_coverage_is_that_of_the_view(tilt_deg):
    rotation, spec = looking_down(30.0, tilt_deg), ViewSpec(90.0, 64)
    frame = np.full((360, 640, 3), 90, np.uint8)
    assert coverage(LENS, rotation, 70.0, spec) == frame_to_view(frame, LENS, rotation, 70.0, spec).coverage
    assert coverage(LENS, looking_down(0.0, 180.0), 70.0, spec) == 0.0


def test_a_field_of_view_must_be_one():
    with pytest.raises(ParameterError, match="field of view is 180 degrees; give the horizontal one"):
        pinhole(640, 360, 180.0)
