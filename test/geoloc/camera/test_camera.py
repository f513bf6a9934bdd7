# SPDX-License-Identifier: Apache-2.0
"""Views against a rendered plane whose landmarks are known, over tilts, headings, heights and lenses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plane
from geoloc.camera.lens import Intrinsics, project
from geoloc.camera.views import View, ViewSpec, check_texture, fill_invalid, frame_to_view, pixel_to_ground
from geoloc.errors import FrameRefused, ParameterError, Reason

SPEC = ViewSpec(size_m=70.0, size_px=112)
PINHOLE = Intrinsics(320, 240, np.array([[224.0, 0, 159.5], [0, 224.0, 119.5], [0, 0, 1]]))


def intrinsics_of(lens: plane.Camera) -> Intrinsics:
    return Intrinsics(lens.width, lens.height, lens.matrix, lens.model, lens.coefficients)


def view_from(lens: plane.Camera, rotation, height_m, spec=SPEC, at=(0.0, 0.0), **limits) -> View:
    frame = plane.render(lens, rotation, height_m, at)
    return frame_to_view(frame, intrinsics_of(lens), rotation, height_m, spec, 5, **limits)


def errors_px(view: View, at=(0.0, 0.0)) -> np.ndarray:
    centre = np.array(at) - (view.offset_east_m, view.offset_north_m)
    return plane.landmark_errors_px(view.image, centre, view.gsd_m)


def refusal(reason: Reason, *arguments, **options) -> str:
    with pytest.raises(FrameRefused) as caught:
        frame_to_view(*arguments, **options)
    assert caught.value.reason is reason
    return caught.value.sentence


angle = st.floats(0.0, 2 * math.pi)


@pytest.mark.parametrize("model", plane.LENSES)
@settings(max_examples=25, deadline=None)
@given(heading=angle, towards=angle, tilt_deg=st.floats(0, 25), height_m=st.floats(85, 130))
def test_landmarks_lie_within_a_quarter_of_a_pixel_of_the_truth(model, heading, towards, tilt_deg, height_m):
    rotation = plane.tilted(plane.nadir(heading), math.radians(tilt_deg), towards)
    at = (13.0, -8.0)
    view = view_from(plane.camera(model), rotation, height_m, at=at)
    found = errors_px(view, at)
    assert view.coverage > 0.9
    assert len(found) >= 3
    assert np.linalg.norm(found.mean(axis=0)) < 0.05
    assert np.linalg.norm(found, axis=1).max() < 0.25  # 0.19 for a landmark that the frame's edge cuts


@pytest.mark.parametrize("heading_deg", [0, 77, 190, 301])
def test_a_shrunken_frame_is_not_shifted(heading_deg):
    rotation = plane.tilted(plane.nadir(math.radians(heading_deg)), math.radians(12), 1.0)
    lens = plane.camera("plumb_bob", width=963, height=721)
    found = errors_px(view_from(lens, rotation, 100.0))
    assert len(found) >= 3
    assert np.linalg.norm(found.mean(axis=0)) < 0.05


def test_a_resized_frame_gives_the_same_view():
    lens, rotation = plane.camera("plumb_bob", 640, 480), plane.nadir(0.4)
    frame = plane.render(lens, rotation, 100.0)
    half = frame.reshape(240, 2, 320, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    full = frame_to_view(frame, intrinsics_of(lens), rotation, 100.0, SPEC)
    small = frame_to_view(half, intrinsics_of(lens), rotation, 100.0, SPEC)
    assert small.offset_east_m == pytest.approx(full.offset_east_m, abs=0.05)
    assert np.abs(small.image.astype(int) - full.image).mean() < 2.0


def test_north_is_up_and_east_is_right():
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[:120, :, 0] = 250  # the top of the image, which is in the east here
    view = frame_to_view(frame, PINHOLE, plane.nadir(math.pi / 2), 100.0, SPEC)
    assert view.image[:, 90:, 0].min() == 250
    assert view.image[:, :20, 0].max() == 90


def test_a_wide_frame_is_viewed_straight_below():
    view = view_from(plane.camera("none"), plane.nadir(0.3), 120.0)
    assert (view.offset_east_m, view.offset_north_m) == (0.0, 0.0)
    assert (view.coverage, view.gsd_m, view.height_m, view.stamp_ns) == (1.0, 0.625, 120.0, 5)


def test_a_tilted_camera_looks_where_it_leans():
    rotation = plane.tilted(plane.nadir(0.0), math.radians(25), math.pi / 2)
    view = view_from(plane.camera("none"), rotation, 100.0)
    assert view.offset_east_m < -5.0
    assert abs(view.offset_north_m) < 5.0


@pytest.mark.parametrize(("height_m", "expected"), [(40.0, 0.47), (60.0, 1.0)])
def test_coverage_is_the_part_of_the_view_inside_the_frame(height_m, expected):
    frame = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    view = frame_to_view(frame, PINHOLE, plane.nadir(0.0), height_m, ViewSpec(60.0, 120), min_coverage=0.1)
    seen = min(1.0, 320 / 224 * height_m / 60.0) * min(1.0, 240 / 224 * height_m / 60.0)
    assert view.coverage == pytest.approx(seen, abs=0.02)
    assert view.coverage == pytest.approx(expected, abs=0.25)


def test_what_the_frame_does_not_show_has_the_mean_colour():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[:] = (200, 100, 50)
    view = frame_to_view(frame, PINHOLE, plane.nadir(0.0), 40.0, ViewSpec(60.0, 120), min_coverage=0.1)
    assert (view.image == (200, 100, 50)).all()


def test_fine_detail_is_averaged_and_not_aliased():
    frame = np.indices((960, 1280)).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    lens = PINHOLE.resized(1280, 960)
    view = frame_to_view(frame.astype(np.uint8), lens, plane.nadir(0.7), 100.0, ViewSpec(80.0, 96))
    assert view.image.std() < 12.0


def test_ground_outside_a_lens_with_a_folding_polynomial_is_not_in_the_view():
    folding = Intrinsics(320, 240, PINHOLE.matrix, "plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    frame = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    spec = ViewSpec(600.0, 120)
    view = frame_to_view(frame, folding, plane.nadir(0.0), 50.0, spec, min_coverage=0.0)
    reach_px = folding.radius_limit * 50.0 / spec.gsd_m
    assert 0 < view.coverage <= math.pi * reach_px**2 / spec.size_px**2


def test_the_horizon_is_not_ground():
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    ground, seen = pixel_to_ground(np.array([[160, 10], [160, 119.5], [159.5, 231.5]]), PINHOLE, level, 10.0)
    assert seen.tolist() == [False, False, True]
    assert ground == pytest.approx(np.array([[0, 0], [0, 0], [0, 20.0]]))


def test_a_camera_that_sees_only_far_ground_is_refused():
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    frame = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    upwards = plane.tilted(level, math.radians(20), 0.0)
    assert "0%" in refusal(Reason.LOW_COVERAGE, frame, PINHOLE, upwards, 50.0, SPEC)


def test_looking_up_sees_no_ground():
    frame = np.zeros((240, 320, 3), np.uint8)
    refusal(Reason.LOW_COVERAGE, frame, PINHOLE, np.eye(3), 50.0, SPEC, min_coverage=0.0)


@given(heading=angle, towards=angle, tilt_deg=st.floats(0, 25), x=st.floats(0, 319), y=st.floats(0, 239))
def test_pixels_to_the_ground_and_back(heading, towards, tilt_deg, x, y):
    rotation = plane.tilted(plane.nadir(heading), math.radians(tilt_deg), towards)
    lens = intrinsics_of(plane.camera("plumb_bob"))
    ground, seen = pixel_to_ground(np.array([x, y]), lens, rotation, 80.0)
    assert seen
    back, valid = project(np.array([*ground, -80.0]) @ rotation, lens)
    assert valid
    assert back == pytest.approx([x, y], abs=1e-3)


def test_too_little_coverage_is_refused_with_the_figure():
    frame = np.zeros((240, 320, 3), np.uint8)
    sentence = refusal(Reason.LOW_COVERAGE, frame, PINHOLE, plane.nadir(0.0), 10.0, SPEC)
    assert "70 m" in sentence
    assert "50%" in sentence


@pytest.mark.parametrize("height_m", [0.0, -3.0, math.nan, math.inf])
def test_an_impossible_height_is_refused(height_m):
    frame = np.zeros((240, 320, 3), np.uint8)
    refusal(Reason.BAD_HEIGHT, frame, PINHOLE, plane.nadir(0.0), height_m, SPEC)


@pytest.mark.parametrize(
    "rotation", [np.full((3, 3), np.nan), np.zeros((3, 3)), np.eye(2), np.diag([1.0, 1.0, -1.0])]
)
def test_an_invalid_rotation_is_refused(rotation):
    frame = np.zeros((240, 320, 3), np.uint8)
    refusal(Reason.BAD_ATTITUDE, frame, PINHOLE, rotation, 50.0, SPEC)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((240, 320), np.uint8),
        np.zeros((240, 320, 4), np.uint8),
        np.zeros((240, 320, 3), np.float32),
        np.zeros((2, 40_000, 3), np.uint8),
    ],
)
def test_an_invalid_image_is_refused(frame):
    refusal(Reason.BAD_IMAGE, frame, PINHOLE, plane.nadir(0.0), 50.0, SPEC)


def test_a_frame_of_another_shape_than_calibrated_is_refused():
    frame = np.zeros((240, 240, 3), np.uint8)
    assert "240 x 240" in refusal(Reason.BAD_CAMERA_INFO, frame, PINHOLE, plane.nadir(0.0), 50.0, SPEC)


@pytest.mark.parametrize(("size_m", "size_px"), [(0.0, 96), (-1.0, 96), (math.nan, 96), (50.0, 0), (50.0, 7)])
def test_an_impossible_view_is_refused(size_m, size_px):
    with pytest.raises(ParameterError):
        ViewSpec(size_m, size_px)


def test_fill_uses_valid_pixels_only():
    image = np.array([[[10, 20, 30], [30, 40, 50]], [[255, 255, 255], [0, 0, 0]]], np.uint8)
    valid = np.array([[True, True], [False, False]])
    filled = fill_invalid(image, valid)
    assert filled[0].tolist() == image[0].tolist()
    assert (filled[1] == (20, 30, 40)).all()
    assert (fill_invalid(image, np.zeros((2, 2), bool)) == 128).all()
    assert fill_invalid(image, np.ones((2, 2), bool)) is image


def test_a_single_colour_is_refused_in_spite_of_noise():
    noise = np.random.default_rng(0).normal(0, 4, (96, 96, 3))
    with pytest.raises(FrameRefused) as caught:
        check_texture(np.clip(120 + noise, 0, 255).astype(np.uint8))
    assert caught.value.reason is Reason.DULL_VIEW
    field = np.linspace(100, 112, 96)[:, None, None] * np.ones((96, 96, 3))
    check_texture(field.astype(np.uint8))
