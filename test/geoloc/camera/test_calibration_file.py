# SPDX-License-Identifier: Apache-2.0
"""Calibrations in the YAML of ROS's camera_calibration."""

import pytest
import yaml

from geoloc.camera.calibration_file import read_calibration_file
from geoloc.errors import CameraError

TREE = {
    "image_width": 640,
    "image_height": 480,
    "camera_name": "down",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [460.0, 0.0, 319.5, 0.0, 461.0, 239.5, 0.0, 0.0, 1.0]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [-0.06, 0.015, 0.0, 0.0, 0.0]},
}


def write(folder, tree):
    file = folder / "camera.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def test_what_ros_writes_is_read(tmp_path):
    lens = read_calibration_file(write(tmp_path, TREE))
    assert (lens.width, lens.height, lens.model) == (640, 480, "plumb_bob")
    assert lens.matrix[1, 1] == 461.0
    assert lens.coefficients[0] == -0.06
    fisheye = TREE | {"distortion_model": "fisheye", "distortion_coefficients": {"data": [0.1, 0, 0, 0]}}
    assert read_calibration_file(write(tmp_path, fisheye)).model == "equidistant"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"camera_matrix": None}, "is not a camera calibration"),
        (
            {"camera_matrix": {"data": [0.0] * 9}},
            r"is not a camera calibration.*not .*calibrated[^.]*[^.]\); give",
        ),
        ({"distortion_coefficients": {"data": [0.1]}}, "give one of 4, 5, 8, 12, 14"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, change, sentence):
    with pytest.raises(CameraError, match=sentence):
        read_calibration_file(write(tmp_path, TREE | change))


def test_a_missing_file_and_a_missing_key_are_named(tmp_path):
    with pytest.raises(CameraError, match=r"gone\.yaml does not exist; give the YAML"):
        read_calibration_file(tmp_path / "gone.yaml")
    with pytest.raises(CameraError, match=r"camera\.yaml has no image_width"):
        read_calibration_file(write(tmp_path, {"image_height": 3}))
