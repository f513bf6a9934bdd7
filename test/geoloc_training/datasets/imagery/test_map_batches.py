# SPDX-License-Identifier: Apache-2.0
"""The data set `map` as batches: pure functions of seed and step, in the loader and on the device."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")

import torch

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import AugmentConfig
from geoloc_training.augment.tensors import warp_batch
from geoloc_training.contract import Batch
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.imagery.ground import render
from geoloc_training.datasets.imagery.map_batches import MapBatches, RawBatch
from geoloc_training.datasets.imagery.view_pairs import Source, draw_batch, draw_spots
from tiny_ground import places

SIZE = 32
STILL = {
    "offset": 0.0,
    "wide_offset": 0.0,
    "yaw_deg": 0.0,
    "wide_yaw_deg": 0.0,
    "scale": 0.0,
    "perspective": 0.0,
}


def _source(count=6, group="town", share=1.0):
    return Source(places(count, group), SourceConfig("map", share, (60.0, 80.0)))


def _batches(pairs=6, on_device=False, sources=None, **augment):
    sources = sources or [_source(), _source(4, "other", 0.5)]
    return MapBatches(sources, AugmentConfig(**augment), pairs, SIZE, 7, on_device)


def test_one_rank_s_batch_is_the_one_drawn_view_by_view():
    """The configuration of an existing run keeps producing the same views."""
    source = _batches()
    batch = source.batch(60, 0, 1)
    rng = np.random.default_rng([7, 60])
    maps, drones = draw_batch(source.sources, 6, SIZE, AugmentConfig(), 0.3 + 0.7 * 60 / 300, rng)
    np.testing.assert_array_equal(batch.reference.numpy(), maps)
    np.testing.assert_array_equal(batch.query.numpy(), drones)
    assert batch.ids.tolist() == list(range(6))
    assert batch.weights.tolist() == [1.0] * 6
    assert source.finish(batch, 60, 0) is batch


@pytest.mark.parametrize("on_device", [False, True])
def test_a_batch_repeats_with_its_step_alone(on_device):
    source, other = _batches(on_device=on_device), _batches(on_device=on_device)
    other.batch(1, 0, 1)
    first, again, next_one = (s.finish(s.batch(step, 0, 1), step, 0) for s, step in
                              ((source, 5), (other, 5), (source, 6)))  # fmt: skip
    assert first.query.shape == first.reference.shape == (6, SIZE, SIZE, 3)
    assert first.query.dtype == torch.uint8
    assert torch.equal(first.query, again.query)
    assert torch.equal(first.reference, again.reference)
    assert (first.query != next_one.query).any()


@pytest.mark.parametrize("on_device", [False, True])
def test_ranks_share_the_places_of_one_batch(on_device):
    source = _batches(on_device=on_device)
    parts = [source.batch(3, rank, 2) for rank in range(2)]
    assert [part.ids.tolist() for part in parts] == [[0, 2, 4], [1, 3, 5]]
    views = torch.cat([source.finish(part, 3, rank).reference for rank, part in enumerate(parts)])
    apart = (views[:, None].int() - views[None].int()).abs().float().mean((2, 3, 4)) + 99 * torch.eye(6)
    assert apart.min() > 3


def test_short_ground_gives_every_rank_as_many_pairs():
    source = _batches(pairs=8, sources=[_source(5)])
    assert [len(source.batch(0, rank, 2).ids) for rank in range(2)] == [2, 2]
    assert len(source.batch(0, 0, 1).ids) == 5
    with pytest.raises(ParameterError, match="ground for 5 pairs only, fewer than one for each of 6 devices"):
        source.batch(0, 0, 6)


def test_both_modes_look_at_the_same_ground():
    """Before colours, a device's views are those of the loader, spot by spot."""
    source = _batches(on_device=True, sources=[_source()], **STILL)
    raw = source.batch(2, 0, 1)
    assert isinstance(raw, RawBatch)
    spots = list(draw_spots(source.sources, 6, np.random.default_rng([7, 2])))
    for crops, homographies, name in (
        (raw.reference, raw.reference_homographies, "map_date"),
        (raw.query, raw.query_homographies, "drone_date"),
    ):
        views, valid = warp_batch(crops, homographies, SIZE)
        for spot, view, known in zip(spots, views.numpy(), valid.numpy(), strict=True):
            flip = slice(None, None, -1) if spot.mirrored else slice(None)
            expected, expected_known = render(spot.ground, getattr(spot, name), spot.look, SIZE)
            both = known & expected_known[:, flip]
            assert both.mean() > 0.7
            assert np.abs(view.astype(int) - expected[:, flip])[both].mean() < 0.5


def test_a_finished_batch_shows_what_was_cut_out():
    source = _batches(on_device=True, ramp_steps=10**9, border_share=0.0)
    raw = source.batch(0, 0, 1)
    plain, _ = warp_batch(raw.reference, raw.reference_homographies, SIZE)
    found = source.finish(raw, 0, 0)
    for view, expected in zip(found.reference, plain, strict=True):
        assert np.corrcoef(view.flatten(), expected.flatten())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("run_on", "on_device", "expected"),
    [("auto", False, False), ("auto", True, True), ("loader", True, False), ("device", False, True)],
)
def test_the_setting_says_where_views_are_rendered(run_on, on_device, expected):
    batch = _batches(on_device=on_device, run_on=run_on).batch(0, 0, 1)
    assert isinstance(batch, RawBatch) == expected


def test_raw_batches_move_and_are_plain_when_finished():
    source = _batches(on_device=True)
    moved = source.batch(0, 0, 1).to(torch.device("cpu"))
    assert isinstance(moved, RawBatch)
    assert type(source.finish(moved, 0, 0)) is Batch


def test_nothing_is_planned_or_kept():
    source = _batches()
    source.start_epoch(0, None)
    source.load_state_dict(source.state_dict())
    assert source.places == 0
    assert source.steps_per_epoch == 1000


def test_bad_settings_are_sentences():
    with pytest.raises(ParameterError, match="run_on 'moon' is unknown"):
        AugmentConfig(run_on="moon")
    with pytest.raises(ParameterError, match="no sources"):
        MapBatches([], AugmentConfig(), 4, SIZE, 1, on_device=False)
