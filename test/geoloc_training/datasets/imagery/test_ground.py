# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from geoloc_training.datasets.imagery.ground import Ground, Look, pyramid, render
from tiny_ground import picture, place


def _centre(size_m: float, **kwargs: object) -> Look:
    return Look(256 * 0.6 / 2, 256 * 0.6 / 2, size_m, **kwargs)


def test_a_view_of_zero_offset_is_the_crop_itself():
    ground = place(1)
    image, valid = render(ground, "2016", _centre(128 * 0.6), 128)
    assert valid.all()
    np.testing.assert_array_equal(image, ground.dates["2016"][0][64:192, 64:192])


def test_looking_east_shifts_the_picture_west():
    ground = place(2)
    look = Look(256 * 0.6 / 2 + 6.0, 256 * 0.6 / 2 - 3.0, 128 * 0.6)
    image, _ = render(ground, "2016", look, 128)
    np.testing.assert_array_equal(image, ground.dates["2016"][0][59:187, 74:202])


@pytest.mark.parametrize(("heading_deg", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_a_heading_points_up(heading_deg, turns):
    """With the heading east, what lies east is at the top: the crop turned counter-clockwise."""
    ground = place(3)
    image, valid = render(ground, "2016", _centre(128 * 0.6, heading_rad=np.deg2rad(heading_deg)), 128)
    expected = np.rot90(ground.dates["2016"][0][64:192, 64:192], turns)
    assert valid.all()
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_outside_the_ground_is_not_valid():
    image, valid = render(place(4), "2016", Look(0.0, 256 * 0.3, 76.8), 128)
    assert not valid[:, :63].any()
    assert valid[:, 65:].all()
    assert (image[:, :63] == 0).all()


def test_nodata_is_not_valid():
    mask = np.full((256, 256), 255, np.uint8)
    mask[:, :128] = 0
    base = place(5)
    ground = Ground("x", "x", 0.6, base.dates, pyramid(mask))
    _, valid = render(ground, "2016", _centre(76.8), 128)
    assert valid[:, 65:].all()
    assert not valid[:, :63].any()


def test_a_coarse_view_is_averaged_not_subsampled():
    """A chequerboard of single pixels seen four times coarser is grey, not aliased."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    ground = Ground("b", "b", 0.5, {"0": pyramid(np.repeat(board[..., None], 3, axis=2))})
    image, _ = render(ground, "0", Look(64.0, 64.0, 128.0), 64)
    assert np.abs(image.astype(int) - 127).max() <= 2


def test_pyramid_halves_and_keeps_the_original():
    image = picture(6)
    levels = pyramid(image)
    np.testing.assert_array_equal(levels[0], image)
    assert [level.shape[0] for level in levels] == [256, 128, 64, 32]
