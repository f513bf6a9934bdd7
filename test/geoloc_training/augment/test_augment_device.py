# SPDX-License-Identifier: Apache-2.0
"""Appearance in batches: the same for the same key, within bounds, and distributed as with OpenCV."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")

import torch

from geoloc_training import augment
from geoloc_training.augment import device
from geoloc_training.augment.draws import Draws
from geoloc_training.augment.opencv import _hue
from geoloc_training.augment.tensors import GREY, hue, saturation
from tiny_ground import picture

CPU = torch.device("cpu")


def _draws(*key):
    return Draws(key or (1, 2, 3), CPU)


def _views(count=4, side=48):
    return torch.from_numpy(np.stack([picture(number, side) for number in range(count)]))


def test_the_same_key_gives_the_same_views_and_another_one_does_not():
    first, again, other = (device.drone_appearance(_views(), _draws(1, 2, key), 1.0) for key in (3, 3, 4))
    assert torch.equal(first, again)
    assert (first != other).float().mean() > 0.5


def test_torch_s_global_stream_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    device.drone_appearance(_views(16), _draws(), 1.0)
    device.frame_border(8, 32, _draws(), 0.5)
    assert torch.equal(torch.rand(3), expected)


def test_views_stay_bytes_of_their_shape():
    views = _views(3, 50)
    for changed in (device.drone_appearance(views, _draws(), 1.0), device.map_colours(views, _draws(), 1.0)):
        assert changed.shape == views.shape
        assert changed.dtype == torch.uint8
        assert (changed != views).any()


def test_at_strength_0_colours_are_left_alone():
    views = _views()
    assert (device.map_colours(views, _draws(), 0.0).int() - views.int()).abs().max() <= 1


@pytest.mark.parametrize(
    "change", ["_season", "_shadows", "_occlude", "_smear", "_defocus", "_noise", "_jpeg"]
)
def test_every_change_changes_a_view_but_leaves_it_recognisable(change):
    views = _views(8, 64).permute(0, 3, 1, 2).float()
    changed = getattr(device, change)(views, _draws(), 1.0)
    moved = (changed - views).abs().mean((1, 2, 3))
    assert changed.shape == views.shape
    assert (moved > 0.05).sum() >= 5
    assert moved.max() < 60


def test_changes_are_as_large_as_view_by_view():
    """The mean change of a batch agrees with OpenCV's within a quarter: the same distributions."""
    views = _views(1, 48).expand(120, -1, -1, -1)
    batched = device.drone_appearance(views, _draws(), 1.0).float()
    rng = np.random.default_rng(0)
    one_by_one = np.stack([augment.drone_appearance(view.numpy(), rng, 1.0) for view in views])
    changes = [(changed - views.float()).abs().mean() for changed in (batched, torch.from_numpy(one_by_one))]
    assert 0.8 < changes[0] / changes[1] < 1.25


def test_hue_and_saturation_are_those_of_the_other_backend():
    angle = torch.tensor([0.3, -1.0])
    for found, value in zip(hue(angle), angle.tolist(), strict=True):
        np.testing.assert_allclose(found.numpy(), _hue(value), atol=1e-6)
    grey = saturation(torch.zeros(1))[0]
    np.testing.assert_allclose(grey.numpy(), np.outer(np.ones(3), GREY), atol=1e-6)


def test_a_frame_covers_at_least_half_and_some_views_have_none():
    covered = device.frame_border(200, 64, _draws(), 0.5).float().mean((1, 2))
    assert covered.min() >= 0.5
    assert 0.3 < (covered == 1).float().mean() < 0.8
    assert (device.frame_border(20, 64, _draws(), 0.0)).all()
