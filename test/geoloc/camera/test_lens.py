# SPDX-License-Identifier: Apache-2.0
"""Lens models compared with OpenCV's, and invalid calibrations."""

import math
from dataclasses import replace

import numpy as np
import pytest

import plane
from geoloc.camera.lens import Intrinsics, project, rays
from geoloc.errors import CameraError

MATRIX = np.array([[300.0, 0, 160], [0, 310, 118], [0, 0, 1]])
PRISM = (*plane.LENSES["rational_polynomial"], 0.002, -0.001, 0.0015, 0.0008)
LENSES = {
    **{name: (name, numbers) for name, numbers in plane.LENSES.items()},
    "thin prism": ("rational_polynomial", PRISM),
    "tilted sensor": ("rational_polynomial", (*PRISM, 0.02, -0.03)),
}


def lens(name: str) -> Intrinsics:
    return Intrinsics(320, 240, MATRIX, *LENSES[name])


@pytest.mark.parametrize("name", LENSES)
def test_projection_equals_opencvs(name):
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(-0.35, 0.35, 7))
    points = np.stack([3 * x, 3 * y, np.full_like(x, 3.0)], axis=-1)
    pixels, valid = project(points, lens(name))
    model, numbers = LENSES[name]
    known = plane.Camera(320, 240, model, MATRIX, numbers).project(points.reshape(-1, 3))
    assert valid.mean() > 0.9
    assert np.abs(pixels - known.reshape(pixels.shape))[valid].max() < 1e-6


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize("turned", [False, True])
def test_rays_invert_the_projection(name, turned):
    camera = replace(lens(name), rectification=plane.tilted(np.eye(3), 0.06, 1.0) if turned else None)
    grid = np.stack(np.meshgrid(np.linspace(0, 319, 20), np.linspace(0, 239, 15)), axis=-1)
    directions, found = rays(grid, camera)
    back, valid = project(directions * 7.0, camera)
    assert (directions[..., 2] == 1.0).all()
    assert found.all()
    assert valid.all()
    assert np.abs(back - grid).max() < 1e-3


def test_points_behind_and_beside_the_frame_are_not_seen():
    points = np.array([[0, 0, -1.0], [0, 0, 0], [5, 0, 1], [np.nan, 0, 1], [0, 0, 1]])
    pixels, valid = project(points, lens("none"))
    assert valid.tolist() == [False, False, False, False, True]
    assert (pixels[:4] == 0).all()


def test_a_folding_polynomial_shows_each_pixel_one_direction_only():
    folding = Intrinsics(320, 240, MATRIX, "plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    assert folding.radius_limit == pytest.approx(math.sqrt(1 / 0.9), abs=0.01)
    slope = np.linspace(0, 5, 500)
    points = np.column_stack([slope, np.zeros(500), np.ones(500)])
    pixels, valid = project(points, folding)
    assert not valid[slope > folding.radius_limit].any()
    assert (np.diff(pixels[valid, 0]) > 0).all()


def test_a_rational_lens_ends_at_its_pole():
    pole = Intrinsics(320, 240, MATRIX, "rational_polynomial", (0, 0, 0, 0, 0, -0.25, 0, 0))
    assert pole.radius_limit <= 2.0


def test_fisheye_corners_without_a_ray_are_marked():
    wide = Intrinsics(640, 480, [[150, 0, 320], [0, 150, 240], [0, 0, 1]], "equidistant", (0, 0, 0, 0))
    directions, found = rays(np.array([[0.0, 0.0], [320.0, 240.0]]), wide)
    assert found.tolist() == [False, True]
    assert directions.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_resizing_moves_pixel_centres_with_the_image():
    half = lens("plumb_bob").scaled_to(160, 120)
    points = np.array([[0.1, 0.2, 1.0], [-0.3, 0.1, 1.0]])
    full_px, _ = project(points, lens("plumb_bob"))
    half_px, _ = project(points, half)
    assert half_px == pytest.approx((full_px + 0.5) / 2 - 0.5, abs=1e-9)
    assert lens("none").scaled_to(320, 240).width == 320


def test_a_crop_moves_the_origin():
    points = np.array([[0.1, 0.2, 1.0]])
    assert project(points, lens("none").cropped(40, 30, 200, 180))[0] == pytest.approx(
        project(points, lens("none"))[0] - (40, 30)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "positive"),
        ({"height": -240}, "positive"),
        ({"matrix": np.zeros((3, 3))}, "not calibrated"),
        ({"matrix": np.full((3, 3), np.nan)}, "finite"),
        ({"matrix": np.eye(2)}, "3 x 3"),
        ({"matrix": MATRIX.T}, "fx 0 cx"),
        ({"model": "thin_prism"}, "unknown"),
        ({"coefficients": (0.1, 0.2)}, "4 or 5"),
        ({"coefficients": (0.1, math.nan, 0, 0, 0)}, "finite"),
        ({"rectification": np.diag([1.0, 1.0, 2.0])}, "not a rotation"),
    ],
)
def test_an_impossible_calibration_is_named(change, words):
    good = {"width": 320, "height": 240, "matrix": MATRIX, "model": "plumb_bob", "coefficients": (0.0,) * 5}
    with pytest.raises(CameraError, match=words):
        Intrinsics(**{**good, **change})


def test_another_aspect_ratio_is_refused():
    with pytest.raises(CameraError, match="aspect"):
        lens("none").scaled_to(320, 180)
