# SPDX-License-Identifier: Apache-2.0
"""A CameraInfo that may be another camera's is named with both frame_ids; one that surely is, is refused."""

import numpy as np
import pytest

from geoloc.camera.calibrations import Calibrations
from geoloc.camera.lens import Intrinsics
from geoloc.errors import FrameRefused, Reason


def lens(width: int = 640, height: int = 480, focal_px: float = 500.0) -> Intrinsics:
    return Intrinsics(width, height, np.array([[focal_px, 0, 320], [0, focal_px, 240], [0, 0, 1]]))


def known(**by_frame: Intrinsics) -> Calibrations:
    made = Calibrations()
    for frame_id, intrinsics in by_frame.items():
        made.add(frame_id, intrinsics)
    return made


@pytest.mark.parametrize(("theirs", "frame_id"), [("down", "down"), ("", "down"), ("down", ""), ("", "")])
def test_the_cameras_own_calibration_needs_no_remark(theirs, frame_id):
    made, own = known(), lens()
    made.add(theirs, own)
    assert made.of_image(frame_id, 640, 480) is own
    assert made.remark == ""


def test_another_frame_id_is_named():
    made = known(front=lens())
    assert made.of_image("down", 640, 480) is not None
    assert made.remark.startswith(
        "CameraInfo has frame_id 'front' and 640 x 480 pixels, the image 'down' and 640 x 480; if these are "
        "two cameras, positions are wrong: remap camera_info"
    )
    made.add("down", lens())
    made.of_image("down", 640, 480)
    assert made.remark == ""


def test_a_resized_image_is_named():
    made = known(down=lens(1280, 960))
    assert made.of_image("down", 640, 480).width == 1280
    assert "1280 x 960 pixels, the image 'down' and 640 x 480, so it is scaled" in made.remark


def test_a_crop_is_left_to_the_rig_which_refuses_it():
    made = known(down=lens(640, 480))
    assert made.of_image("down", 480, 480) is not None
    assert made.remark == ""


def test_another_frame_id_and_another_size_are_another_camera():
    with pytest.raises(FrameRefused, match=r"'front' and 1280 x 960 .* 'down' and 640 x 480") as caught:
        known(front=lens(1280, 960)).of_image("down", 640, 480)
    assert caught.value.reason is Reason.BAD_CAMERA_INFO


BENT = Intrinsics(640, 480, lens().matrix, "plumb_bob", (-0.3, 0.1, 0.0, 0.0))


@pytest.mark.parametrize(
    ("topic", "rectified", "intrinsics", "words"),
    [
        (
            "/cam/image_rect/compressed",
            False,
            BENT,
            "rectified is false, so their distortion would be removed",
        ),
        ("/cam/image_rect_color", False, BENT, "/cam/image_rect_color is the name of rectified images"),
        ("/cam/image_raw", True, lens(), "rectified is true, so their distortion is ignored"),
        ("/cam/image_rect", True, lens(), ""),
        ("/cam/image_rect", False, lens(), ""),  # without distortion both are the same
        ("/cam/image_raw", False, BENT, ""),
        ("/geoloc/image", False, BENT, ""),
    ],
)
def test_a_topic_whose_name_contradicts_rectified_is_named(topic, rectified, intrinsics, words):
    made = Calibrations(topic, rectified=rectified)
    made.add("down", intrinsics)
    assert made.of_image("down", 640, 480) is intrinsics
    assert words in made.remark
    assert bool(words) == bool(made.remark)


def test_of_two_cameras_on_one_topic_the_images_own_is_used():
    made = known(down=lens(focal_px=500.0), front=lens(focal_px=700.0))
    assert made.of_image("down", 640, 480).matrix[0, 0] == 500.0
    made.add("down", lens(focal_px=510.0))  # a zoom
    made.add("front", lens(focal_px=700.0))
    assert made.of_image("down", 640, 480).matrix[0, 0] == 510.0
    assert made.remark == ""


def test_before_the_first_there_is_none_and_strangers_are_forgotten():
    made = Calibrations()
    assert made.of_image("down", 640, 480) is None
    for number in range(20):
        made.add(f"camera{number}", lens())
    assert made.of_image("camera0", 640, 480) is not None
    assert "'camera19'" in made.remark
