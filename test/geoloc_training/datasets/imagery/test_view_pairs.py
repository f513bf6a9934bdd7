# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from geoloc.errors import ParameterError
from geoloc_training import augment
from geoloc_training.augment.augment_config import AugmentConfig
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.imagery.ground import render
from geoloc_training.datasets.imagery.view_pairs import Source, draw_batch, draw_pair
from tiny_ground import place, places


def _source(grounds, **kwargs):
    return Source(grounds, SourceConfig("map", 1.0, (60.0, 90.0), **kwargs))


def test_a_batch_has_the_shape_asked_for_and_repeats_with_its_seed():
    sources = [_source(places(6)), Source(places(4, "other"), SourceConfig("map", 0.5, (40.0, 60.0)))]
    first = draw_batch(sources, 8, 32, AugmentConfig(), 1.0, np.random.default_rng([1, 5]))
    again = draw_batch(sources, 8, 32, AugmentConfig(), 1.0, np.random.default_rng([1, 5]))
    other = draw_batch(sources, 8, 32, AugmentConfig(), 1.0, np.random.default_rng([1, 6]))
    assert first[0].shape == first[1].shape == (8, 32, 32, 3)
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[1] != other[1]).any()


def test_spots_of_one_batch_never_share_ground():
    big = place(1, side=1024)
    spots = _source([big]).spots(16, 80.0, np.random.default_rng(0))
    centres = np.array([(s.look.east_m, s.look.south_m) for s in spots])
    apart = np.abs(centres[:, None] - centres[None]).max(axis=2) + 1e9 * np.eye(len(centres))
    assert len(spots) == 16
    assert apart.min() >= 80.0


def test_map_and_drone_view_come_from_different_dates():
    for spot in _source(places(6)).spots(6, 70.0, np.random.default_rng(0)):
        assert spot.map_date != spot.drone_date


def test_without_disturbance_both_views_show_the_same_pixels():
    """Strength 0 is the identity: the pair differs by its dates alone."""
    spot = _source(places(3)).spots(1, 70.0, np.random.default_rng(1))[0]
    map_view, drone_view = draw_pair(spot, 64, AugmentConfig(), 0.0, np.random.default_rng(2))
    flip = slice(None, None, -1) if spot.mirrored else slice(None)
    for view, date in ((map_view, spot.map_date), (drone_view, spot.drone_date)):
        expected = render(spot.ground, date, spot.look, 64)[0][:, flip]
        inner = np.abs(view[16:48, 16:48].astype(int) - expected[16:48, 16:48])
        assert np.median(inner) <= 1


def test_one_group_batches_are_all_from_that_group():
    grounds = places(6, "a") + places(6, "b")
    spots = _source(grounds, one_group_share=1.0).spots(5, 70.0, np.random.default_rng(0))
    assert len({spot.ground.group for spot in spots}) == 1


def test_border_covers_at_least_half():
    rng = np.random.default_rng(0)
    shares = [augment.frame_border(64, rng).mean() for _ in range(50)]
    assert min(shares) >= 0.5
    assert min(shares) < 0.95


def test_no_grounds_is_a_sentence():
    with pytest.raises(ParameterError, match="no grounds"):
        _source([])
