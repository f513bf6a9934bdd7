# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from dense_reference import jaccard, noisy_copies, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from geoloc.errors import ParameterError
from geoloc_training.clustering import jaccard as module
from geoloc_training.clustering import jaccard_distances, shared_mass
from geoloc_training.clustering.neighbours import Neighbours

LINE = np.radians([0.0, 10.0, 25.0, 90.0])
ON_A_LINE = np.stack([np.cos(LINE), np.sin(LINE)], axis=1).astype(np.float32)
"""With k1 = 2 the lists are 01, 10, 21 and 32, so only 0 and 1 are reciprocal neighbours."""


def full(found):
    """Return J as a full matrix, 1 where no entry is stored."""
    table, stored = np.ones(found.shape), found.tocoo()
    table[stored.row, stored.col] = stored.data
    return table


def test_neighbourhoods_worked_out_by_hand():
    farther = np.exp(-(2 - 2 * np.cos(np.radians(10))))
    shared = 2 * farther / (1 + farther)  # of V_0 and V_1: twice the smaller weight
    found = full(jaccard_distances(ON_A_LINE, 2, 1))
    wanted = 1 - np.eye(4)
    wanted[0, 1] = wanted[1, 0] = 1 - shared / (2 - shared)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_neighbourhoods_averaged_by_hand():
    """With k2 = 2, V_0 = V_1, and V_2 and V_3 take half of their mass from V_1 and V_2."""
    third = 2 / 3  # of half a mass in common: 1 - 0.5 / 1.5
    wanted = [[0, 0, third, 1], [0, 0, third, 1], [third, third, 0, third], [1, 1, third, 0]]
    found = jaccard_distances(ON_A_LINE, 2, 2)
    np.testing.assert_allclose(full(found), wanted, atol=1e-6)
    assert found.nnz == 12


def test_two_thirds_of_a_half_neighbourhood_in_common_bring_in_the_rest():
    """Three of R½(1) = {0, 1, 2, 7} are in R(0), enough to add 7; two of them are in R(7), too few."""
    others = [3, 4, 5, 6, 8, 9, 10, 11]
    lists = {0: [0, 1, 2, 8, 9, 10], 1: [1, 0, 2, 7, 8, 9], 2: [2, 0, 1, 8, 9, 10], 7: [7, 1, 8, 9, 10, 11]}
    lists |= {one: [one, *(other for other in others if other != one)][:6] for one in others}
    ids = np.array([lists[one] for one in range(12)], np.int32)
    sets = module._expanded(Neighbours(ids, np.arange(12), np.arange(12)))
    assert [sorted(sets[[one]].indices.tolist()) for one in (0, 7)] == [[0, 1, 2, 7], [1, 7]]


@pytest.mark.parametrize(
    ("images", "numbers", "copies", "noise", "k1", "k2"),
    [
        (200, 16, 20, 0.7, 30, 6),
        (200, 768, 20, 1.5, 30, 6),
        (200, 3, 20, 1.0, 30, 6),
        (200, 8, 1, 1.0, 20, 1),
        (61, 4, 5, 0.7, 7, 3),
        (31, 5, 3, 1.0, 30, 30),
        (40, 5, 3, 1.0, 1, 1),
    ],
)
def test_the_dense_form_gives_the_same(images, numbers, copies, noise, k1, k2):
    features = noisy_copies(images, numbers, copies, noise)
    found = jaccard_distances(features, k1, k2)
    assert found.dtype == np.float32
    assert (found != found.T).nnz == 0
    assert found.data.max() < 1
    np.testing.assert_allclose(full(found), jaccard(features, k1, k2), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 60), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_the_dense_form_gives_the_same_with_copies_or_without(seed, images, k1, k2, copied):
    rng = np.random.default_rng(seed)
    features = unit(rng.standard_normal((images, 5)))
    if copied:
        features = features[rng.integers(0, rng.integers(1, images + 1), images)]
    k1 = min(k1, images)
    k2 = min(k1, k2)
    np.testing.assert_allclose(
        full(jaccard_distances(features, k1, k2)), jaccard(features, k1, k2), atol=1e-5
    )


def test_an_image_is_at_distance_zero_from_itself_and_from_its_copy():
    features = np.repeat(noisy_copies(40, 8, 10, 0.5), 3, axis=0)
    found = full(jaccard_distances(features, 10, 4))
    for copy in range(3):
        np.testing.assert_array_equal(found[copy::3], found[::3])
        np.testing.assert_allclose(found[copy::3, ::3].diagonal(), 0, atol=1e-6)


def test_pieces_change_nothing(monkeypatch):
    features = noisy_copies(150, 16, 20, 1.0)
    whole = jaccard_distances(features, 20, 6)
    monkeypatch.setattr(shared_mass, "_MINIMA_AT_ONCE", 100)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 7)
    np.testing.assert_allclose(full(jaccard_distances(features, 20, 6)), full(whole), atol=1e-6)


def test_shared_mass_of_small_rows():
    rows = csr_array(np.array([[0.5, 0.5, 0], [0, 0.25, 0.75], [1, 0, 0], [0, 0, 0]], np.float32))
    found = {
        (int(i), int(j)): float(mass)
        for piece in shared_mass.shared_mass(rows)
        for i, j, mass in zip(*piece, strict=True)
    }
    assert found == {(0, 0): 1.0, (0, 1): 0.25, (0, 2): 0.5, (1, 1): 1.0, (2, 2): 1.0}


@pytest.mark.parametrize(("k1", "k2"), [(0, 0), (5, 0), (5, 6), (-1, 1)])
def test_impossible_neighbourhoods_are_refused(k1, k2):
    with pytest.raises(ParameterError, match=r"k1=30 and k2=6 are usual"):
        jaccard_distances(noisy_copies(10, 4, 2, 1.0), k1, k2)
