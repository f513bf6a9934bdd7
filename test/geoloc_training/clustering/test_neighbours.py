# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from dense_reference import nearest, noisy_copies, unit

from geoloc_training.clustering import neighbours
from geoloc_training.clustering.neighbours import find_neighbours


@pytest.mark.parametrize("tile", [2048, 64, 50, 7])
@pytest.mark.parametrize("k", [1, 2, 30, 150])
def test_lists_are_those_of_the_full_matrix_whatever_the_tiles(tile, k, monkeypatch):
    monkeypatch.setattr(neighbours, "_TILE", tile)
    features = noisy_copies(150, 24, 20, 1.0)
    found = find_neighbours(features, k)
    np.testing.assert_array_equal(found.ids, nearest(features, k))
    assert found.ids.dtype == np.int32
    np.testing.assert_array_equal(found.group, np.arange(150))


def test_many_candidates_for_one_row_are_taken_some_at_a_time(monkeypatch):
    """Rows lean towards one direction, later rows more, so later candidates are always better."""
    monkeypatch.setattr(neighbours, "_TILE", 100)
    monkeypatch.setattr(neighbours, "_ROUND", 8)
    features = np.random.default_rng(0).standard_normal((500, 6))
    features[:, 0] += np.linspace(0, 30, 500)
    features = unit(features)
    found, wanted = find_neighbours(features, 40).ids, nearest(features, 40)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(wanted, axis=1))


def test_a_row_is_first_in_its_own_list_however_near_the_others_are():
    rng = np.random.default_rng(0)
    features = unit(1 + 1e-6 * rng.standard_normal((300, 64)))
    found = find_neighbours(features, 5)
    assert len(found.kept) == 300
    np.testing.assert_array_equal(found.ids[:, 0], np.arange(300))


def test_copies_follow_each_other_by_index_and_share_a_list():
    a, b, c = unit(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]))
    found = find_neighbours(np.stack([c, a, b, a, c, a]), 4)
    np.testing.assert_array_equal(found.kept, [0, 1, 2])
    np.testing.assert_array_equal(found.group, [0, 1, 2, 1, 0, 1])
    np.testing.assert_array_equal(found.ids, [[0, 4, 2, 1], [1, 3, 5, 2], [2, 1, 3, 5]])


def test_a_copy_beyond_the_kth_is_in_no_list():
    features = np.concatenate([np.repeat(unit(np.ones((1, 3))), 9, axis=0), np.eye(3, dtype=np.float32)])
    found = find_neighbours(features, 4)
    np.testing.assert_array_equal(found.ids[0], [0, 1, 2, 3])
    assert len(found.ids) == 4
    assert found.ids[1:].tolist() == [[9, 0, 1, 2], [10, 0, 1, 2], [11, 0, 1, 2]]


def test_the_same_input_gives_the_same_lists():
    features = unit(np.round(np.random.default_rng(3).standard_normal((200, 4))) + 0.1)
    np.testing.assert_array_equal(find_neighbours(features, 9).ids, find_neighbours(features, 9).ids)
