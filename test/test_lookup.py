# SPDX-License-Identifier: Apache-2.0
"""A look-up scores what it is asked for, and remembers the best of what it saw."""

import numpy as np
import pytest

from geoloc.index import open_index
from geoloc.lookup import LookUp

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(50, 8)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
QUERY = ROWS[17]
SCORES = ROWS @ QUERY


def test_scores_are_cosines_of_the_tiles_asked_for():
    look = LookUp(QUERY, ROWS)
    ids = np.array([3, 17, 9])
    np.testing.assert_allclose(look.of(ids), SCORES[ids], atol=1e-6)
    np.testing.assert_allclose(look.everywhere(), SCORES, atol=1e-6)
    np.testing.assert_allclose(look.of(ids), SCORES[ids], atol=1e-6)


def test_the_best_are_of_those_that_were_seen_once_each():
    look = LookUp(QUERY, ROWS)
    assert look.best(3)[0].size == 0
    look.of(np.arange(10))
    look.of(np.arange(5, 20))
    ids, scores = look.best(3)
    np.testing.assert_array_equal(ids, np.argsort(-SCORES[:20])[:3])
    assert np.all(np.diff(scores) <= 0)
    look.everywhere()
    np.testing.assert_array_equal(look.best(50)[0], np.argsort(-SCORES))


@pytest.mark.parametrize("kind", ["exact", "numpy"])
def test_the_nearest_come_from_the_maps_index(kind):
    look = LookUp(QUERY, ROWS, index=lambda: open_index(ROWS, kind))
    ids, scores = look.nearest(4)
    np.testing.assert_array_equal(ids, np.argsort(-SCORES)[:4])
    np.testing.assert_allclose(scores, np.sort(SCORES)[::-1][:4], atol=1e-6)


def test_likeness_of_two_views_is_their_cosine():
    assert LookUp(QUERY, ROWS).likeness(LookUp(ROWS[3], ROWS)) == pytest.approx(float(SCORES[3]), abs=1e-6)
