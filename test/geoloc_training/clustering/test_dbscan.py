# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from dense_reference import dbscan
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_training.clustering import dbscan as module
from geoloc_training.clustering.dbscan import Dbscan


def labels_of(distances, eps, min_samples, copies=None, piece=10**9):
    """Return labels from the upper triangle of a full matrix, some pairs at a time."""
    copies = np.ones(len(distances), np.int64) if copies is None else copies
    found = Dbscan(copies, min_samples)
    rows, columns = np.nonzero(np.triu(distances <= eps))
    for begin in range(0, len(rows), piece):
        some = slice(begin, begin + piece)
        found.add(rows[some].astype(np.int32), columns[some].astype(np.int32))
    return found.labels()


def on_a_line(*places):
    """Return the distances of points on a line."""
    return np.abs(np.subtract.outer(places, places))


def test_clusters_are_numbered_by_their_first_core_and_isolated_points_are_outliers():
    distances = on_a_line(50, 10, 11, 12, 90, 0, 1, 2)
    assert labels_of(distances, 1, 3).tolist() == [-1, 0, 0, 0, -1, 1, 1, 1]


def test_a_border_point_between_two_clusters_belongs_to_the_lower_number():
    """Point 3 is within 1 of a core on each side, and has three neighbours, one too few for a core."""
    places = [2, 1.5, 1, 3, 4, 4.5, 5, 1.7, 4.3]
    for order in (range(9), reversed(range(9))):
        distances = on_a_line(*(places[at] for at in order))
        labels = labels_of(distances, 1, 4)
        assert labels[places.index(3) if distances[0, 1] == 0.5 else 8 - places.index(3)] == 0
        np.testing.assert_array_equal(labels, dbscan(distances, 1, 4))


def test_eps_is_inclusive_and_a_point_is_its_own_neighbour():
    distances = on_a_line(0, 1)
    assert labels_of(distances, 1, 2).tolist() == [0, 0]
    assert labels_of(distances, 0.99, 2).tolist() == [-1, -1]
    assert labels_of(distances, 0.99, 1).tolist() == [0, 1]


def test_a_copy_counts_as_a_neighbour():
    distances, copies = on_a_line(0, 1, 5), np.array([1, 2, 3])
    assert labels_of(distances, 1, 3, copies).tolist() == [0, 0, 1]
    assert labels_of(distances, 1, 4, copies).tolist() == [-1, -1, -1]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 8), st.floats(0.01, 0.6), st.integers(1, 50))
def test_labels_are_those_of_growing_cluster_by_cluster(seed, points, min_samples, eps, piece):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1, (points, 2))
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    held, module._PAIRS_HELD = module._PAIRS_HELD, int(rng.integers(1, 200))
    try:
        found = labels_of(distances, eps / 2, min_samples, piece=piece)
    finally:
        module._PAIRS_HELD = held
    np.testing.assert_array_equal(found, dbscan(distances, eps / 2, min_samples))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 8))
def test_rows_for_several_copies_give_what_the_copies_give(seed, points, min_samples):
    rng = np.random.default_rng(seed)
    places, copies = np.sort(rng.uniform(0, 1, points)), rng.integers(1, 4, points)
    each = np.repeat(places, copies)
    found = labels_of(on_a_line(*places), 0.05, min_samples, copies)
    np.testing.assert_array_equal(np.repeat(found, copies), dbscan(on_a_line(*each), 0.05, min_samples))


def test_memory_does_not_grow_with_the_number_of_pairs(monkeypatch):
    monkeypatch.setattr(module, "_PAIRS_HELD", 50)
    points, min_samples = 400, 4
    found = Dbscan(np.ones(points, np.int64), min_samples)
    most = 0
    for row in range(points):
        columns = np.arange(row, points, dtype=np.int32)
        found.add(np.full_like(columns, row), columns)
        most = max(most, found._pairs.shape[1] + sum(piece.shape[1] for piece in found._pieces))
    assert (found.labels() == 0).all()
    assert most <= 3 * (min_samples + 1) * points < points**2 / 10


@pytest.mark.parametrize("min_samples", [1, 2])
def test_no_pairs_but_those_of_points_with_themselves(min_samples):
    labels = labels_of(1 - np.eye(3), 0.5, min_samples)
    assert labels.tolist() == ([0, 1, 2] if min_samples == 1 else [-1, -1, -1])
    assert labels.dtype == np.int64
