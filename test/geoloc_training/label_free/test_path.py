# SPDX-License-Identifier: Apache-2.0
"""Estimation of a drone's path from its frames, on a line of tiles ten metres apart."""

import numpy as np
import pytest

from geoloc_training.label_free.path import PathModel, places_along
from geoloc_training.label_free.sequence_context import SequenceContext

TILES = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
TILES /= np.linalg.norm(TILES, axis=1, keepdims=True)  # cosines of different tiles are 0 ± 0.125
PLACES = np.stack([10.0 * np.arange(40), np.zeros(40)], axis=1)


def _looks(truth, wrong=None):
    """Return frames with a cosine of about 0.6 to their tile, and optionally 0.7 to a wrong tile."""
    rows = 0.6 * TILES[np.asarray(truth)]
    for row, tile in (wrong or {}).items():
        rows[row] += 0.7 * TILES[tile]
    return rows


def _around(count, cut_after=None):
    successive = [(i, i + 1) for i in range(count - 1) if i != cut_after]
    return SequenceContext(np.array(successive, np.int64).reshape(-1, 2), PLACES, 25.0)


def test_frames_that_resemble_another_place_are_located_on_the_path():
    truth = np.arange(5, 25)
    wrong = {3: 38, 4: 0, 11: 33}
    looks = _looks(truth, wrong)
    assert ((looks @ TILES.T).argmax(axis=1) != truth).sum() == 3
    assert places_along(looks, TILES, _around(20)).tolist() == truth.tolist()


def test_frames_of_another_recording_do_not_help():
    truth = np.arange(5, 15)
    looks = _looks(truth, {9: 38})
    assert places_along(looks, TILES, _around(10))[-1] == truth[-1]
    assert places_along(looks, TILES, _around(10, cut_after=8), PathModel(trust=0.5))[-1] == 38


def test_a_jump_is_accepted_if_all_later_frames_support_it():
    truth = np.concatenate([np.arange(5, 15), np.arange(28, 38)])
    assert places_along(_looks(truth), TILES, _around(20)).tolist() == truth.tolist()


def test_equal_tiles_locate_no_frame():
    alike = np.zeros((12, 64), np.float32)
    assert set(places_along(alike, TILES, _around(12))) == {-1}


def test_an_uninformative_frame_is_located_between_its_neighbours_or_not_at_all():
    looks = _looks(np.arange(5, 25))
    looks[7] = 0.0
    found = places_along(looks, TILES, _around(20))
    assert found[7] in (-1, 11, 12, 13)
    assert np.array_equal(np.delete(found, 7), np.delete(np.arange(5, 25), 7))


def test_frames_without_order_stand_alone():
    nobody = SequenceContext(np.zeros((0, 2), np.int64), PLACES, 20.0)
    assert places_along(_looks([5, 30, 12]), TILES, nobody).tolist() == [5, 30, 12]


@pytest.mark.parametrize(("temperature", "tile"), [(0.2, 39), (2.0, 15)])
def test_a_lower_temperature_gives_a_frame_more_weight(temperature, tile):
    looks = _looks(np.arange(5, 25))
    looks[10] += 0.95 * TILES[39]
    model = PathModel(temperature=temperature, jump=0.2, trust=0.5)
    assert places_along(looks, TILES, _around(20), model)[10] == tile
