# SPDX-License-Identifier: Apache-2.0
"""The images of a view, one for each hypothesis, compared with a rendered plane."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import plane
from geoloc.camera import views
from geoloc.camera.lens import Intrinsics, project
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.camera.views import ViewSpec, frame_to_view
from geoloc.errors import FrameRefused, Reason
from geoloc.hypotheses import Hypotheses

SPEC = ViewSpec(size_m=70.0, size_px=112)
HEIGHT_M, AT = 110.0, (13.0, -8.0)


def intrinsics_of(lens):
    return Intrinsics(lens.width, lens.height, lens.matrix, lens.model, lens.coefficients)


def clockwise(turn_deg):
    return Rotation.from_euler("z", -turn_deg, degrees=True).as_matrix()


def tilted_deg(tilt_deg, heading_rad=0.7):
    return plane.tilted(plane.nadir(heading_rad), math.radians(tilt_deg), 2.0)


def seen(tried, *, turn_deg=0.0, scale=1.0, tilt_deg=0.0, model="plumb_bob", **limits):
    """Return a view of a plane, made with this error of heading and this factor on the height."""
    lens, assumed = plane.camera(model), tilted_deg(tilt_deg)
    frame = plane.render(lens, clockwise(turn_deg) @ assumed, HEIGHT_M, AT)
    return frame_to_view(
        frame, intrinsics_of(lens), assumed, HEIGHT_M / scale, SPEC, hypotheses=tried, **limits
    )


def index_of(tried, turn_deg, scale):
    return int(np.argmin(np.abs(tried.turns_deg - turn_deg) + np.abs(tried.scales - scale)))


def errors_px(view, tried, index):
    offset = tried.offsets_m((view.offset_east_m, view.offset_north_m))[index]
    return plane.landmark_errors_px(view.images[index], np.array(AT) - offset, view.gsd_m)


@pytest.mark.parametrize("model", plane.LENSES)
@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
@pytest.mark.parametrize("turn_deg", [-165.0, -45.0, 90.0, 180.0])
def test_the_image_of_the_true_heading_is_north_up(model, tilt_deg, turn_deg):
    tried = Hypotheses(heading_error_deg=180.0)
    view = seen(tried, turn_deg=turn_deg, tilt_deg=tilt_deg, model=model)
    found = errors_px(view, tried, index_of(tried, turn_deg, 1.0))
    assert view.images.shape == (24, 112, 112, 3)
    assert len(found) >= 3
    assert np.linalg.norm(found, axis=1).max() < 0.15
    assert np.median(np.linalg.norm(errors_px(view, tried, 0), axis=1)) > 1.0


@pytest.mark.parametrize("scale", [1.2, 1.0 / 1.2])
@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_the_image_of_the_true_height_and_heading_is_in_place(scale, tilt_deg):
    tried = Hypotheses(60.0, 0.3)
    view = seen(tried, turn_deg=-60.0, scale=scale, tilt_deg=tilt_deg)
    found = errors_px(view, tried, index_of(tried, -60.0, scale))
    assert len(found) >= 3
    assert np.linalg.norm(found, axis=1).max() < 0.15


def test_the_offset_of_a_tilted_camera_is_turned_and_scaled_with_its_image():
    tried = Hypotheses(60.0, 0.3)
    view = seen(tried, turn_deg=30.0, scale=1.2, tilt_deg=25.0)
    right = seen(Hypotheses(), tilt_deg=25.0)
    offsets = tried.offsets_m((view.offset_east_m, view.offset_north_m))
    assert math.hypot(*offsets[0]) > 5.0
    truth = clockwise(30.0)[:2, :2] @ offsets[0] * 1.2
    np.testing.assert_allclose(offsets[index_of(tried, 30.0, 1.2)], truth, atol=1e-9)
    assert math.hypot(right.offset_east_m, right.offset_north_m) > 5.0


def test_quarter_turns_of_an_image_are_not_warped_again(monkeypatch):
    warped = []
    monkeypatch.setattr(views, "project", lambda *given: warped.append(1) or project(*given))
    seen(Hypotheses())
    once = len(warped)
    seen(Hypotheses(180.0))
    assert len(warped) == 2 * once + 5


def test_first_image_and_offset_are_the_same_without_hypotheses():
    plain, tried = (seen(one, tilt_deg=20.0) for one in (Hypotheses(), Hypotheses(180.0, 0.3)))
    assert plain.images.shape == (1, 112, 112, 3)
    np.testing.assert_array_equal(plain.image, tried.image)
    assert (plain.offset_east_m, plain.offset_north_m, plain.coverage) == (
        tried.offset_east_m,
        tried.offset_north_m,
        tried.coverage,
    )


def test_uncovered_parts_of_further_images_have_one_colour_and_refuse_no_frame():
    tried = Hypotheses(height_error=0.6)
    view = seen(tried, min_coverage=0.9)
    lowest = view.images[int(np.argmin(tried.scales))]
    assert (lowest[0, 0] == lowest[-1, -1]).all()
    assert lowest[30:82, 30:82].std() > 5.0


def test_only_the_coverage_of_the_first_image_refuses_a_frame():
    tried = Hypotheses(height_error=0.6)
    with pytest.raises(FrameRefused) as caught:
        seen(tried, scale=2.0, min_coverage=0.95)
    assert caught.value.reason is Reason.LOW_COVERAGE


def test_the_rig_makes_an_image_for_each_hypothesis_of_its_settings():
    lens = plane.camera("plumb_bob")
    rig = CameraRig(RigSettings(view_size_m=70.0, encoder_px=112, hypotheses=Hypotheses(15.0)))
    rig.set_intrinsics(intrinsics_of(lens))
    rig.add_attitude(7, (0.0, 0.0, 0.0, 1.0))
    rig.add_height(7, 100.0)
    view = rig.view(7, plane.render(lens, plane.nadir(math.pi / 2), 100.0))
    assert view.images.shape == (3, 112, 112, 3)
    found = plane.landmark_errors_px(view.image, np.zeros(2), view.gsd_m)
    assert np.linalg.norm(found, axis=1).max() < 0.15
