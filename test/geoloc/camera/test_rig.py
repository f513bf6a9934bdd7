# SPDX-License-Identifier: Apache-2.0
"""The rig: attitude and height at the frame's stamp, and a reason for each frame that cannot be used."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import plane
from geoloc.camera.attitude import mount_rotation
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.errors import FrameRefused, ParameterError, Reason
from geoloc.hypotheses import Hypotheses

SECOND = 1_000_000_000
LEVEL = (0.0, 0.0, 0.0, 1.0)  # nose to the east
LENS = plane.camera("plumb_bob")
INTRINSICS = Intrinsics(LENS.width, LENS.height, LENS.matrix, LENS.model, LENS.coefficients)
FRAME = plane.render(LENS, plane.nadir(0.0), 100.0)
SETTINGS = RigSettings(view_size_m=70.0, encoder_px=112)


def rig(**change) -> CameraRig:
    made = CameraRig(RigSettings(**{"view_size_m": 70.0, "encoder_px": 112, **change}))
    made.set_intrinsics(INTRINSICS)
    return made


def flying(**change) -> CameraRig:
    made = rig(**change)
    for step in range(11):
        made.add_attitude(step * SECOND // 10, LEVEL)
        made.add_height(step * SECOND // 10, 100.0 + step)
    return made


def refusal(made: CameraRig, stamp_ns: int, frame: np.ndarray = FRAME, **options) -> FrameRefused:
    with pytest.raises(FrameRefused) as caught:
        made.view(stamp_ns, frame, **options)
    return caught.value


def body_for(world_from_optical: np.ndarray) -> tuple[float, ...]:
    """Return the attitude of a body whose camera, mounted at [0, 90, 0], has this rotation."""
    right, down, forward = world_from_optical.T
    return tuple(Rotation.from_matrix(np.column_stack([-down, -right, -forward])).as_quat())


@settings(max_examples=15, deadline=None)
@given(heading=st.floats(0, 6.28), towards=st.floats(0, 6.28), tilt_deg=st.floats(0, 25))
def test_landmarks_lie_where_they_should_through_quaternion_and_mount(heading, towards, tilt_deg):
    rotation = plane.tilted(plane.nadir(heading), math.radians(tilt_deg), towards)
    made = rig()
    made.add_attitude(7, body_for(rotation))
    made.add_height(7, 100.0)
    view = made.view(7, plane.render(LENS, rotation, 100.0))
    centre = -np.array([view.offset_east_m, view.offset_north_m])
    found = plane.landmark_errors_px(view.image, centre, view.gsd_m)
    assert len(found) >= 3
    assert np.linalg.norm(found, axis=1).max() < 0.15
    assert view.stamp_ns == 7


def test_a_body_with_its_nose_to_the_east_has_the_picture_top_east():
    assert body_for(plane.nadir(math.pi / 2)) == pytest.approx(LEVEL, abs=1e-12)


def test_a_rectified_frame_is_turned_back_by_its_rectification():
    pinhole, rotation = plane.camera("none"), plane.tilted(plane.nadir(0.4), 0.1, 1.0)
    turn = Rotation.from_euler("xyz", [3.0, -4.0, 1.0], degrees=True).as_matrix()
    made = rig()
    made.set_intrinsics(Intrinsics(pinhole.width, pinhole.height, pinhole.matrix, rectification=turn))
    made.add_attitude(7, body_for(rotation))
    made.add_height(7, 100.0)
    view = made.view(7, plane.render(pinhole, rotation @ turn.T, 100.0))
    centre = -np.array([view.offset_east_m, view.offset_north_m])
    assert np.linalg.norm(plane.landmark_errors_px(view.image, centre, view.gsd_m), axis=1).max() < 0.15


def test_a_gimbal_replaces_the_mount():
    made = flying()
    fixed = made.view(SECOND, FRAME)
    turned = made.view(SECOND, FRAME, body_from_optical=mount_rotation((0, 90, 180)))
    assert np.abs(fixed.image[::-1, ::-1].astype(int) - turned.image).max() <= 2
    assert (fixed.image != turned.image).any()


def test_attitude_is_that_of_the_frames_stamp():
    made = rig()
    before, after = plane.nadir(0.2), plane.nadir(1.0)
    made.add_attitude(1_080_000_000, body_for(after))  # out of order
    made.add_attitude(1_000_000_000, body_for(before))
    made.add_height(SECOND, 100.0)
    view = made.view(1_020_000_000, plane.render(LENS, plane.nadir(0.4), 100.0))
    assert np.linalg.norm(plane.landmark_errors_px(view.image, np.zeros(2), view.gsd_m), axis=1).max() < 0.15


def test_height_is_interpolated_and_then_held():
    made = flying(max_attitude_gap_s=1.0)
    assert made.view(550_000_000, FRAME).height_m == pytest.approx(105.5)
    assert made.view(2 * SECOND, FRAME).height_m == 110.0


def test_heights_that_disagree_around_a_frame_refuse_it_and_no_other():
    made = rig()
    for tenth, height_m in enumerate((100.0, 100.0, 40.0, 100.0, 100.0)):
        made.add_attitude(tenth * SECOND // 10, LEVEL)
        made.add_height(tenth * SECOND // 10, height_m)
    assert made.view(SECOND // 20, FRAME).height_m == 100.0
    found = refusal(made, 3 * SECOND // 20)
    assert found.reason is Reason.HEIGHT_DISAGREES
    assert "100.0 and 40.0 m, 0.10 s apart" in found.sentence
    assert made.view(7 * SECOND // 20, FRAME).height_m == pytest.approx(100.0)


def test_a_roof_below_and_a_fast_climb_are_no_disagreement():
    for change_m, after_ns in ((-18.0, SECOND // 10), (40.0, SECOND)):
        made = rig()
        for at_ns, height_m in ((0, 100.0), (after_ns, 100.0 + change_m)):
            made.add_attitude(at_ns, LEVEL)
            made.add_height(at_ns, height_m)
        assert made.view(0, FRAME).height_m == 100.0
        assert made.view(after_ns // 100, FRAME).height_m == pytest.approx(100.0 + change_m / 100)


def test_without_camera_info_the_frame_says_so():
    made = CameraRig(SETTINGS)
    assert refusal(made, 0).reason is Reason.NO_CAMERA_INFO
    made.reject(FrameRefused(Reason.BAD_CAMERA_INFO, "not calibrated"))
    assert refusal(made, 0).reason is Reason.BAD_CAMERA_INFO


def test_a_frame_of_another_shape_is_refused():
    assert refusal(flying(), 0, np.zeros((240, 240, 3), np.uint8)).reason is Reason.BAD_CAMERA_INFO


def test_a_frame_whose_size_changes_in_flight_is_refused_until_its_camera_info_arrives():
    made, half = flying(), np.ascontiguousarray(FRAME[::2, ::2])
    made.view(0, FRAME)
    why = refusal(made, 0, half)
    assert why.reason == Reason.BAD_CAMERA_INFO
    assert "the image has become" in why.sentence
    made.view(0, FRAME)
    made.set_intrinsics(INTRINSICS.scaled_to(half.shape[1], half.shape[0]))
    made.view(0, half)


def test_a_driver_that_always_resizes_is_no_change():
    made, half = flying(), np.ascontiguousarray(FRAME[::2, ::2])
    made.view(0, half)
    made.view(0, half)


def test_without_attitude_the_frame_says_so():
    made = rig()
    made.add_height(0, 100.0)
    assert refusal(made, 0).reason is Reason.NO_ATTITUDE


@pytest.mark.parametrize(("late_s", "refused"), [(0.09, False), (0.11, True)])
def test_attitude_is_not_extrapolated_beyond_the_gap(late_s, refused):
    made = flying()
    stamp_ns = SECOND + int(late_s * SECOND)
    if refused:
        assert refusal(made, stamp_ns).reason is Reason.NO_ATTITUDE
    else:
        assert made.view(stamp_ns, FRAME).height_m == 110.0


@pytest.mark.parametrize("bad", [(math.nan, 0, 0, 1), (0, 0, 0, 0), (0, 0, 0, 2), (math.inf, 0, 0, 1)])
def test_a_bad_attitude_is_refused_and_so_is_the_frame_that_lacks_it(bad):
    made = rig()
    with pytest.raises(FrameRefused) as caught:
        made.add_attitude(0, bad)
    assert caught.value.reason is Reason.BAD_ATTITUDE
    assert refusal(made, 0).reason is Reason.BAD_ATTITUDE
    made.add_attitude(0, LEVEL)
    assert refusal(made, 0).reason is Reason.NO_HEIGHT


def test_one_bad_attitude_among_good_ones_refuses_no_frame():
    made = flying()
    with pytest.raises(FrameRefused):
        made.add_attitude(SECOND + 1, (math.nan, 0.0, 0.0, 1.0))
    assert made.view(SECOND, FRAME).coverage == 1.0


def test_a_height_that_is_too_old_is_stale():
    made = flying(max_attitude_gap_s=5.0)
    assert made.view(2 * SECOND, FRAME).height_m == 110.0
    late = refusal(made, 2 * SECOND + 1)
    assert late.reason is Reason.STALE_HEIGHT
    assert "1.00 s" in late.sentence


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -5.0])
def test_a_bad_height_is_refused_and_so_is_the_frame_that_lacks_it(bad):
    made = rig()
    made.add_attitude(0, LEVEL)
    with pytest.raises(FrameRefused) as caught:
        made.add_height(0, bad)
    assert caught.value.reason is Reason.BAD_HEIGHT
    assert refusal(made, 0).reason is Reason.BAD_HEIGHT


@pytest.mark.parametrize(
    ("limits", "figure"), [({"min_height_m": 120.0}, "120"), ({"max_height_m": 90.0}, "90")]
)
def test_a_height_outside_the_limits_is_refused(limits, figure):
    refused = refusal(flying(**limits), 0)
    assert refused.reason is Reason.BAD_HEIGHT
    assert figure in refused.sentence


def above_takeoff(height_m: float, **change) -> CameraRig:
    made = rig(altitude_reference="takeoff", altitude_reference_error_m=12.0, **change)
    made.add_attitude(0, LEVEL)
    made.add_height(0, height_m)
    return made


def test_a_height_above_take_off_is_used_if_the_hypotheses_cover_its_error():
    assert above_takeoff(98.0).view(0, FRAME).height_m == 98.0
    assert above_takeoff(60.0, hypotheses=Hypotheses(height_error=0.2)).view(0, FRAME).height_m == 60.0
    refused = refusal(above_takeoff(60.0), 0)
    assert refused.reason is Reason.BAD_HEIGHT
    assert refused.sentence == (
        "altitude_reference_error_m 12 is 20% of the height above take-off, 60.0 m, but height_error 0 "
        "covers 12%; fly above 98 m, or raise height_error."
    )


def test_too_much_tilt_is_refused_with_the_angle():
    made = rig(max_tilt_deg=20.0)
    made.add_height(0, 100.0)
    made.add_attitude(0, body_for(plane.tilted(plane.nadir(0.0), math.radians(21), 0.5)))
    refused = refusal(made, 0)
    assert refused.reason is Reason.TILT
    assert "21 degrees" in refused.sentence


def test_too_little_of_the_view_is_refused():
    assert refusal(flying(view_size_m=500.0), 0).reason is Reason.LOW_COVERAGE


def test_a_view_of_one_colour_is_refused():
    assert refusal(flying(), 0, np.full_like(FRAME, 90)).reason is Reason.DULL_VIEW


@pytest.mark.parametrize("gimbal", [np.full((3, 3), math.nan), 2.0 * np.eye(3)])
def test_a_gimbal_that_is_no_rotation_is_refused(gimbal):
    reasons = {Reason.BAD_ATTITUDE, Reason.TILT}
    assert refusal(flying(), 0, body_from_optical=gimbal).reason in reasons


def test_a_looping_bag_clears_the_samples():
    made = flying()
    made.add_attitude(100 * SECOND, LEVEL)
    made.add_attitude(0, LEVEL)
    assert refusal(made, 0).reason is Reason.NO_HEIGHT
    made.add_height(0, 70.0)
    assert made.view(0, FRAME).height_m == 70.0


def test_a_late_sample_is_no_loop():
    made = flying()
    made.add_attitude(SECOND // 20, LEVEL)
    assert made.view(SECOND, FRAME).height_m == 110.0


def test_a_sample_replaces_another_with_its_stamp():
    made = flying()
    made.add_height(SECOND, 90.0)
    assert made.view(SECOND, FRAME).height_m == 90.0


def test_ready_once_an_attitude_at_or_after_the_frame_has_arrived():
    made = flying()
    assert not CameraRig(SETTINGS).ready(0)
    assert made.ready(SECOND)
    assert not made.ready(SECOND + 1)


def test_samples_may_be_added_while_views_are_requested():
    made = flying()
    done = threading.Event()

    def feed():
        late_ns = 0
        while not done.is_set():
            late_ns = (late_ns + 1) % 500
            made.add_attitude(SECOND + late_ns, LEVEL)
            made.add_height(SECOND + late_ns, 110.0)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        heights_m = {made.view(SECOND + at, FRAME).height_m for at in range(30)}
    finally:
        done.set()
        feeder.join()
    assert heights_m == {110.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"view_size_m": 0.0}, "view_size_m"),
        ({"view_size_m": math.nan}, "view_size_m"),
        ({"encoder_px": 0}, "from 8 to 4096 px"),
        ({"mount_rpy_deg": (0.0, 90.0)}, "a list of 3 numbers"),
        ({"mount_rpy_deg": (0.0, math.nan, 0.0)}, "mount_rpy_deg"),
        ({"max_attitude_gap_s": -0.1}, "max_attitude_gap_s"),
        ({"max_height_age_s": math.nan}, "max_height_age_s"),
        ({"min_height_m": -1.0}, "min_height_m"),
        ({"min_height_m": 100.0, "max_height_m": 50.0}, "100 is not below max_height_m 50"),
        ({"max_climb_mps": 0.0}, "max_climb_mps"),
        ({"altitude_reference": "sea"}, "must be one of auto, ground, takeoff"),
        ({"altitude_reference": "takeoff"}, "takeoff, but altitude_reference_error_m is 0; set it"),
        ({"altitude_reference_error_m": 5.0}, "is 5, but altitude_reference is auto; set altitude_reference"),
        (
            {"altitude_reference_error_m": -5.0},
            "altitude_reference_error_m is -5.0; it must be a number",
        ),
        ({"max_tilt_deg": 90.0}, "max_tilt_deg"),
        ({"min_coverage": 1.1}, "min_coverage"),
    ],
)
def test_settings_out_of_range_are_named(change, words):
    with pytest.raises(ParameterError, match=words):
        RigSettings(**{"view_size_m": 70.0, "encoder_px": 112, **change})


def test_settings_accept_lists_as_of_ros_parameters():
    assert RigSettings(70.0, 112, [0, 90, 180]).mount_rpy_deg == (0.0, 90.0, 180.0)


@pytest.mark.parametrize(("axis", "expected_m"), [("body", 93.97), ("vertical", 100.0), ("auto", 96.98)])
def test_a_range_of_a_banked_drone_is_made_vertical(axis, expected_m):
    made = rig(altitude_axis=axis)
    rotation = plane.tilted(plane.nadir(0.3), math.radians(20.0), 1.0)
    made.add_attitude(SECOND, body_for(rotation))
    made.add_height(SECOND, 100.0, may_slant=True)
    frame = plane.render(LENS, rotation, 93.97)
    assert made.view(SECOND, frame).height_m == pytest.approx(expected_m, abs=0.01)
    made.add_height(SECOND, 100.0)  # of a type that is vertical by definition
    assert made.view(SECOND, frame).height_m == 100.0


def test_a_height_above_take_off_does_not_slant():
    with pytest.raises(
        ParameterError, match="altitude_axis is body, but heights above take-off are vertical"
    ):
        RigSettings(
            70.0, 112, altitude_axis="body", altitude_reference="takeoff", altitude_reference_error_m=5.0
        )
    made = rig(altitude_reference="takeoff", altitude_reference_error_m=5.0)
    rotation = plane.tilted(plane.nadir(0.3), math.radians(20.0), 1.0)
    made.add_attitude(SECOND, body_for(rotation))
    made.add_height(SECOND, 100.0, may_slant=True)
    assert made.view(SECOND, plane.render(LENS, rotation, 100.0)).height_m == 100.0


def test_a_gimbal_that_reports_zeros_is_refused_when_the_drone_moves():
    made, accepting = rig(), rig(accept_zero_attitude=True)
    frames = FRAME, FRAME[::-1, ::-1].copy()
    for each in (made, accepting):
        for tenth in range(71):
            each.add_attitude(tenth * SECOND // 10, LEVEL)
            each.add_height(tenth * SECOND // 10, 100.0)
        each.view(SECOND, frames[0])
    unknown = refusal(made, 7 * SECOND, frames[1])
    assert unknown.reason is Reason.BAD_ATTITUDE
    assert "roll, pitch and yaw have been exactly 0 for 7 s" in unknown.sentence
    assert "accept_zero_attitude" in unknown.sentence
    accepting.view(7 * SECOND, frames[1])


def test_a_drone_without_attitude_is_told_what_to_publish():
    made = rig()
    made.add_height(SECOND, 100.0)
    unknown = refusal(made, SECOND)
    assert unknown.reason is Reason.NO_ATTITUDE
    assert "attitude_error_deg set to its largest tilt and estimate_tilt to true" in unknown.sentence
    with pytest.raises(FrameRefused, match=r"\(0, 0, 0, 0\), which is none"):
        made.add_attitude(SECOND, (0.0, 0.0, 0.0, 0.0))
    assert refusal(made, SECOND).reason is Reason.BAD_ATTITUDE
