# SPDX-License-Identifier: Apache-2.0
"""Augmentation of published sets: joint changes apply to both images, disabled changes to none."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")

import torch

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import ImageAugmentConfig
from geoloc_training.augment.image import ImageAugment
from geoloc_training.contract import Batch
from tiny_ground import picture

SIDE = 48
OFF = ImageAugmentConfig(flip_share=0, turns="none", colour_share=0, sharpness_share=0, dropout_share=0)


def _batch(count=12):
    views = torch.from_numpy(np.stack([picture(number, SIDE) for number in range(count)]))
    return Batch(views, views.clone(), torch.arange(count), torch.ones(count))


def _varied(step=0, rank=0, count=12, **settings):
    return ImageAugment(replace(OFF, **settings), 1)(_batch(count), step, rank)


def test_with_everything_off_a_batch_is_left_alone():
    found, given = _varied(), _batch()
    assert torch.equal(found.query, given.query)
    assert torch.equal(found.reference, given.reference)


def test_seed_step_and_rank_decide_and_nothing_else():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    settings = vars(ImageAugmentConfig(yaw_deg=10.0))
    first, again = _varied(4, 1, **settings), _varied(4, 1, **settings)
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first.query, again.query)
    assert torch.equal(first.reference, again.reference)
    for step, rank in ((5, 1), (4, 0)):
        assert (_varied(step, rank, **settings).query != first.query).any()


def test_flips_and_joint_turns_keep_a_pair_together():
    found = _varied(flip_share=0.5, turns="joint")
    assert torch.equal(found.query, found.reference)
    assert (found.query != _batch().query).any()


def test_only_the_satellite_picture_turns_where_drones_look_from_any_side():
    found, given = _varied(turns="reference"), _batch()
    assert torch.equal(found.query, given.query)
    turned = [
        [torch.equal(new, old.rot90(quarter, (0, 1))) for quarter in range(4)]
        for new, old in zip(found.reference, given.reference, strict=True)
    ]
    assert all(sum(row) == 1 for row in turned)
    assert all(any(row[quarter] for row in turned) for quarter in range(4))


def test_a_panorama_rolls_as_its_satellite_picture_turns():
    """A quarter turn moves the right side of the satellite image up, so the panorama must look there."""
    bearings = torch.arange(SIDE).view(1, 1, SIDE, 1).expand(24, SIDE, SIDE, 3).to(torch.uint8)
    satellite = torch.zeros((24, SIDE, SIDE, 3), dtype=torch.uint8)
    satellite[:, SIDE // 2, -1] = 255  # a mark in the east, a quarter right of a panorama's middle
    batch = Batch(bearings, satellite, torch.arange(24), torch.ones(24))
    found = ImageAugment(replace(OFF, turns="panorama"), 1)(batch, 0, 0)
    turned = [i for i in range(24) if found.reference[i, 0].any()]
    assert turned
    for i in turned:
        assert found.query[i, 0, SIDE // 2, 0] == SIDE * 3 // 4


def test_the_query_alone_is_turned_scaled_and_tilted_about_its_centre():
    found, given = _varied(yaw_deg=20.0, scale=0.1, perspective=0.02), _batch()
    assert torch.equal(found.reference, given.reference)
    apart = (found.query.int() - given.query.int()).abs().float().mean((0, 3))
    assert apart[21:27, 21:27].mean() < 0.5 * apart.mean()


def test_shifts_move_each_picture_by_itself_and_fill_the_rest():
    found, given = _varied(shift=0.1), _batch()
    offsets = set()
    for view in (found.query, found.reference):
        for new, old in zip(view, given.query, strict=True):
            fits = [(y, x) for y in range(-5, 6) for x in range(-5, 6) if _moved(old, new, y, x)]
            assert len(fits) == 1
            offsets.add(fits[0])
    assert len(offsets) > 8
    assert max(max(map(abs, pair)) for pair in offsets) == 5


def _moved(old, new, down, right):
    """Return True if an image equals another one shifted, with an uncovered edge of one colour."""
    inside = (_overlap(down), _overlap(right))
    if not torch.equal(new[inside], old[_overlap(-down), _overlap(-right)]):
        return False
    uncovered = torch.ones(SIDE, SIDE, dtype=torch.bool)
    uncovered[inside] = False
    return len(new[uncovered].unique(dim=0)) <= 1


def _overlap(shift):
    return slice(max(shift, 0), SIDE + min(shift, 0))


@pytest.mark.parametrize("setting", ["colour_share", "sharpness_share", "dropout_share"])
def test_pictures_of_a_pair_are_varied_apart(setting):
    found, given = _varied(**{setting: 1.0}), _batch()
    assert (found.query != given.query).flatten(1).any(1).all()
    assert (found.query != found.reference).any()
    assert (found.query.int() - given.query.int()).abs().float().mean() < 40


def test_holes_leave_most_of_a_picture():
    changed = (_varied(dropout_share=1.0).query != _batch().query).any(3).float().mean((1, 2))
    assert changed.min() > 0.05
    assert changed.max() < 0.7


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"turns": "some"}, "turns 'some' is unknown"),
        ({"flip_share": 1.5}, "flip_share=1.5 is out of range"),
        ({"shift": -0.1}, "shift=-0.1 is out of range"),
        ({"yaw_deg": -1.0}, "yaw_deg=-1.0 is negative"),
    ],
)
def test_impossible_settings_are_sentences(settings, sentence):
    with pytest.raises(ParameterError, match=sentence):
        ImageAugmentConfig(**settings)
