# SPDX-License-Identifier: Apache-2.0
"""Augmentation of unpaired images: each is changed independently, and the views may differ in number."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")

import torch

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import ImageAugmentConfig
from geoloc_training.augment.single import SingleAugment
from geoloc_training.contract import UnpairedBatch
from tiny_ground import picture

SIDE = 48
OFF = ImageAugmentConfig(flip_share=0, turns="none", colour_share=0, sharpness_share=0, dropout_share=0)


def _batch(queries=12, references=24):
    """Return a batch with the same images in both views, those of the map twice."""
    views = torch.from_numpy(np.stack([picture(number, SIDE) for number in range(queries)]))
    numbers, labels = torch.arange(references) // 2, torch.arange(references)
    return UnpairedBatch(
        views, views[numbers], labels[:queries], torch.ones(queries), labels, labels[:queries], labels
    )


def _varied(step=0, rank=0, **settings):
    return SingleAugment(replace(OFF, **settings), 1)(_batch(), step, rank)


def test_with_everything_off_pictures_and_numbers_are_left_alone():
    found = _varied()
    assert isinstance(found, UnpairedBatch)
    for name, tensor in vars(_batch()).items():
        assert torch.equal(getattr(found, name), tensor)


def test_each_picture_is_flipped_by_itself():
    found, given = _varied(flip_share=0.5), _batch()
    flipped = []
    for new, old in ((found.query, given.query), (found.reference, given.reference)):
        for picture_, before in zip(new, old, strict=True):
            turned = torch.equal(picture_, before.flip(1))
            assert turned or torch.equal(picture_, before)
            flipped.append(turned)
    assert 6 < sum(flipped) < 30
    variations = torch.tensor(flipped[12:]).view(12, 2)
    assert (variations[:, 0] != variations[:, 1]).any()
    assert (variations[:, 0] != torch.tensor(flipped[:12])).any()


def test_pictures_of_the_map_may_turn_by_quarters_each_by_itself():
    found, given = _varied(turns="reference"), _batch()
    assert torch.equal(found.query, given.query)
    turns = [
        [torch.equal(new, old.rot90(quarter, (0, 1))) for quarter in range(4)].index(True)
        for new, old in zip(found.reference, given.reference, strict=True)
    ]
    assert set(turns) == {0, 1, 2, 3}


def test_queries_alone_are_disturbed_and_both_views_shifted_and_coloured():
    given = _batch()
    assert torch.equal(_varied(yaw_deg=20.0).reference, given.reference)
    assert (_varied(yaw_deg=20.0).query != given.query).any()
    for settings in ({"shift": 0.1}, {"colour": 0.5, "colour_share": 1.0}):
        found = _varied(**settings)
        assert (found.query != given.query).flatten(1).any(1).sum() > 10
        assert (found.reference[0::2] != found.reference[1::2]).flatten(1).any(1).sum() > 10


def test_seed_step_and_rank_decide_and_nothing_else():
    settings = vars(ImageAugmentConfig(shift=0.1))
    first, again = _varied(4, 1, **settings), _varied(4, 1, **settings)
    assert torch.equal(first.query, again.query)
    assert torch.equal(first.reference, again.reference)
    for step, rank in ((5, 1), (4, 0)):
        assert (_varied(step, rank, **settings).reference != first.reference).any()


@pytest.mark.parametrize("turns", ["joint", "panorama"])
def test_turns_that_only_a_pair_can_make_are_refused(turns):
    with pytest.raises(ParameterError, match=f"turns={turns} turns the images of a pair together"):
        SingleAugment(replace(OFF, turns=turns), 1)
