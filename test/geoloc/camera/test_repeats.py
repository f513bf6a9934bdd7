# SPDX-License-Identifier: Apache-2.0
"""A picture that the camera repeats in motion is refused; a simulated camera that stands still is not."""

import numpy as np
import pytest

import plane
from geoloc.camera.lens import Intrinsics
from geoloc.camera.repeats import RepeatedImages, RepeatedLooks
from geoloc.camera.views import View, ViewSpec, frame_to_view
from geoloc.errors import FrameRefused, Reason

CAMERA = plane.camera("none")
LENS = Intrinsics(CAMERA.width, CAMERA.height, CAMERA.matrix)
FRAME = plane.render(CAMERA, plane.nadir(0.0), 100.0)
SECOND = 1_000_000_000


def seen(stamp_s: float, heading_rad: float = 0.0, height_m: float = 100.0, frame=FRAME) -> View:
    spec = ViewSpec(70.0, 56)
    return frame_to_view(frame, LENS, plane.nadir(heading_rad), height_m, spec, int(stamp_s * SECOND))


@pytest.mark.parametrize("change", [{"heading_rad": 0.01}, {"height_m": 101.0}])
def test_the_same_pixels_from_another_pose_are_refused(change):
    images = RepeatedImages()
    images.check(FRAME, seen(1.0))
    for at_s in (1.5, 2.0, 3.5):
        with pytest.raises(FrameRefused, match=f"repeats that of {at_s - 1.0:.2f} s before") as caught:
            images.check(FRAME.copy(), seen(at_s, **change))
        assert caught.value.reason is Reason.REPEATED_IMAGE


def test_new_pixels_are_accepted_also_after_repeated_ones():
    images, other = RepeatedImages(), FRAME.copy()
    other[100, 100] += 1
    images.check(FRAME, seen(1.0))
    with pytest.raises(FrameRefused):
        images.check(FRAME, seen(2.0, height_m=101.0))
    images.check(other, seen(3.0, height_m=102.0))
    images.check(FRAME, seen(4.0, height_m=103.0))


def test_a_camera_that_stands_still_is_accepted():
    images = RepeatedImages()
    for second in range(5):
        images.check(FRAME, seen(second))


def test_one_frame_may_be_viewed_twice():
    images = RepeatedImages()
    images.check(FRAME, seen(1.0))
    images.check(FRAME, seen(1.0, height_m=110.0))


def test_the_same_look_is_refused_once_odometry_has_moved():
    looks = RepeatedLooks(lambda start_ns, end_ns: 10.0 * (end_ns - start_ns) / SECOND, least_m=4.0)
    look = np.arange(8.0)[None]
    looks.check(0, look)
    looks.check(SECOND // 4, look)
    with pytest.raises(
        FrameRefused, match=r"that of 0\.50 s before, although odom has moved by 5\.0 m"
    ) as why:
        looks.check(SECOND // 2, look.copy())
    assert why.value.reason is Reason.REPEATED_IMAGE
    looks.check(SECOND, look + 1e-6)
    looks.check(SECOND, look)


@pytest.mark.parametrize("moved_m", [None, 0.0, 3.9])
def test_without_a_motion_the_same_look_is_accepted(moved_m):
    looks = RepeatedLooks(lambda *_: moved_m, least_m=4.0)
    for second in range(3):
        looks.check(second * SECOND, np.ones((1, 8)))
