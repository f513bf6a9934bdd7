# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from geoloc.errors import RasterError
from geoloc_training.datasets.image_files import read_square


def _write(path, picture):
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def test_squares_are_rgb_and_shrunk_by_area(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    picture[..., 0] //= 4  # little red, so that swapped channels show
    square = read_square(_write(tmp_path / "a.png", picture), 16)
    expected = picture.reshape(16, 2, 16, 4, 3).mean(axis=(1, 3))
    assert square.dtype == np.uint8
    assert np.abs(square - expected).max() <= 1


def test_a_picture_of_the_right_size_is_left_alone(tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(read_square(_write(tmp_path / "a.png", picture), 8), picture)


def test_a_panoramas_long_side_is_averaged_though_the_short_one_grows(tmp_path):
    stripes = np.zeros((8, 160, 3), np.uint8)
    stripes[:, ::2] = 200
    square = read_square(_write(tmp_path / "a.png", stripes), 16)
    assert square.shape == (16, 16, 3)
    assert np.abs(square.astype(int) - 100).max() <= 1  # sampled, the stripes would stay


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_an_unreadable_picture_is_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RasterError, match=r"broken\.jpg cannot be read"):
        read_square(path, 8)
