# SPDX-License-Identifier: Apache-2.0
"""Windows warped by homographies in batches, compared with the views of `ground.render`."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")

import torch

from geoloc.camera import views as one_by_one
from geoloc_training.augment.tensors import fill_invalid, warp_batch
from geoloc_training.datasets.imagery.ground import Ground, Look, pyramid, render
from geoloc_training.datasets.imagery.windows import Aim, cut_windows
from tiny_ground import picture, place

SIZE = 48
MIDDLE = 256 * 0.6 / 2
LOOKS = [
    Look(MIDDLE, MIDDLE, 60.0),
    Look(MIDDLE + 9, MIDDLE - 4, 70.0, 0.7, (0.05, -0.03)),
    Look(MIDDLE, MIDDLE, 150.0, 2.0),  # a coarser level, corners outside
    Look(MIDDLE, MIDDLE, 15.0, 1.0),  # finer than the picture
    Look(10.0, 140.0, 80.0, -0.4),
]


def _seen(aims):
    windows = cut_windows(aims, SIZE)
    return warp_batch(torch.from_numpy(windows.crops), torch.from_numpy(windows.homographies), SIZE)


def _half_known(number):
    mask = np.full((256, 256), 255, np.uint8)
    mask[:120] = 0
    base = place(number)
    return Ground(base.name, base.group, base.gsd_m, base.dates, pyramid(mask))


@pytest.mark.parametrize("ground", [place(1), _half_known(1)], ids=["whole", "with nodata"])
def test_a_batch_shows_what_single_views_show(ground):
    views, valid = _seen([Aim(ground, "2016", look) for look in LOOKS])
    for look, view, known in zip(LOOKS, views.numpy(), valid.numpy(), strict=True):
        expected, expected_known = render(ground, "2016", look, SIZE)
        both = known & expected_known
        assert (known != expected_known).mean() < 0.01
        assert np.abs(view.astype(int) - expected)[both].mean() < 0.5


def test_a_mirrored_view_is_the_view_mirrored():
    aims = [Aim(place(2), "2020", look, mirrored) for look in LOOKS for mirrored in (False, True)]
    views, _ = _seen(aims)
    assert (views[::2].flip(2).int() - views[1::2].int()).abs().float().mean() < 0.05


def test_windows_are_no_larger_than_what_is_looked_at():
    windows = cut_windows([Aim(place(3), "2016", Look(MIDDLE, MIDDLE, 28.8))], SIZE)
    assert windows.crops.shape == (1, 64, 64, 4)
    assert (windows.crops[0, :, :, 3] == 255).sum() <= 54 * 54


def test_a_view_beside_the_ground_has_no_data():
    views, valid = _seen([Aim(place(4), "2016", Look(-500.0, 0.0, 60.0))])
    assert not valid.any()
    assert not views.any()


def test_without_a_mask_every_pixel_of_a_crop_is_data():
    crop = torch.from_numpy(picture(5, SIZE))[None]
    views, valid = warp_batch(crop, torch.eye(3)[None], SIZE)
    assert torch.equal(views, crop)
    assert valid.all()


def test_invalid_pixels_are_filled_as_in_flight():
    views = torch.from_numpy(np.stack([picture(number, 48) for number in range(3)]))
    valid = torch.zeros((3, 48, 48), dtype=torch.bool)
    valid[0, :17], valid[1] = True, True
    for view, known, filled in zip(views, valid, fill_invalid(views, valid), strict=True):
        expected = one_by_one.fill_invalid(view.numpy(), known.numpy())
        assert np.abs(filled.numpy().astype(int) - expected).max() <= 1
