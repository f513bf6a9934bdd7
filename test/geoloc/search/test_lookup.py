# SPDX-License-Identifier: Apache-2.0
"""A look-up scores the requested tiles, and lists the best of the compared ones."""

import numpy as np
import pytest

from geoloc.search.index import open_index
from geoloc.search.lookup import LookUp

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(50, 8)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
QUERY = ROWS[17]
SCORES = ROWS @ QUERY


def test_scores_are_cosines_of_the_tiles_asked_for():
    lookup = LookUp(QUERY, ROWS)
    ids = np.array([3, 17, 9])
    np.testing.assert_allclose(lookup.scores_of(ids), SCORES[ids], atol=1e-6)
    np.testing.assert_allclose(lookup.scores(), SCORES, atol=1e-6)
    np.testing.assert_allclose(lookup.scores_of(ids), SCORES[ids], atol=1e-6)


def test_the_best_are_of_those_that_were_seen_once_each():
    lookup = LookUp(QUERY, ROWS)
    assert lookup.best(3)[0].size == 0
    lookup.scores_of(np.arange(10))
    lookup.scores_of(np.arange(5, 20))
    ids, scores = lookup.best(3)
    np.testing.assert_array_equal(ids, np.argsort(-SCORES[:20])[:3])
    assert np.all(np.diff(scores) <= 0)
    lookup.scores()
    np.testing.assert_array_equal(lookup.best(50)[0], np.argsort(-SCORES))


@pytest.mark.parametrize("kind", ["exact", "numpy"])
def test_the_nearest_come_from_the_maps_index(kind):
    lookup = LookUp(QUERY, ROWS, index=lambda: open_index(ROWS, kind))
    ids, scores = lookup.nearest(4)
    np.testing.assert_array_equal(ids, np.argsort(-SCORES)[:4])
    np.testing.assert_allclose(scores, np.sort(SCORES)[::-1][:4], atol=1e-6)


def test_two_views_have_a_cosine():
    assert LookUp(QUERY, ROWS).cosine_with(LookUp(ROWS[3], ROWS)) == pytest.approx(float(SCORES[3]), abs=1e-6)


WEIGHTS = np.array([0.7, 0.2, 0.1])
OFFSETS_M = np.array([[9.0, 0.0], [0.0, 9.0], [-9.0, 0.0]])


def hypotheses_lookup(**options):
    return LookUp(ROWS[[17, 3, 30]], ROWS, OFFSETS_M, **options)


def test_of_several_hypotheses_the_best_counts_until_they_are_weighted():
    lookup = hypotheses_lookup()
    cosines = ROWS @ ROWS[[17, 3, 30]].T
    np.testing.assert_allclose(lookup.scores(), cosines.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(lookup.cosines_of(np.array([5, 6])), cosines[[5, 6]], atol=1e-6)
    np.testing.assert_array_equal(lookup.offset_m, OFFSETS_M[0])


def test_a_marginalized_score_is_the_likelihood_over_hypotheses_and_the_offset_is_expected():
    believed = hypotheses_lookup().marginalized(WEIGHTS, 0.05)
    cosines = (ROWS @ ROWS[[17, 3, 30]].T).astype(np.float64)
    expected = 0.05 * np.log(np.exp(cosines / 0.05) @ WEIGHTS)
    np.testing.assert_allclose(believed.scores(), expected, atol=1e-5)
    np.testing.assert_allclose(believed.scores_of(np.array([8, 2])), expected[[8, 2]], atol=1e-5)
    np.testing.assert_allclose(believed.offset_m, (5.4, 1.8))
    learnt = hypotheses_lookup().marginalized(WEIGHTS, 0.05, offset_weights=np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(learnt.offset_m, (0.0, 9.0))


def test_a_certain_hypothesis_decides_the_scores():
    believed = hypotheses_lookup().marginalized(np.array([0.0, 1.0, 0.0]), 1e-3)
    np.testing.assert_allclose(believed.scores(), ROWS @ ROWS[3], atol=1e-5)
    assert believed.best(1)[0][0] == 3


def test_cosines_are_computed_once_for_all_weights():
    lookup = hypotheses_lookup()
    lookup.marginalized(WEIGHTS, 0.05).scores_of(np.array([4, 5]))
    assert sorted(lookup.best(9)[0]) == [4, 5]
    every, believed = (
        each.weighted_cosines(np.ones(len(ROWS)))[1] for each in (lookup, lookup.marginalized(WEIGHTS, 0.05))
    )
    assert every is believed


@pytest.mark.parametrize("kind", ["exact", "numpy"])
def test_the_nearest_of_several_hypotheses_are_the_best_of_each(kind):
    lookup = hypotheses_lookup(index=lambda: open_index(ROWS, kind))
    ids, scores = lookup.nearest(3)
    np.testing.assert_array_equal(np.sort(ids), [3, 17, 30])
    np.testing.assert_allclose(scores, 1.0, atol=1e-6)


def test_a_look_up_of_one_hypothesis_is_the_same_to_the_bit_however_it_is_given():
    one, row = LookUp(QUERY, ROWS), LookUp(QUERY[None], ROWS, np.zeros((1, 2)))
    np.testing.assert_array_equal(one.scores(), row.scores())
    np.testing.assert_array_equal(one.scores(), (ROWS @ QUERY).astype(np.float32))
    assert one.marginalized(np.ones(1), 0.05) is one


def test_the_cosine_is_between_the_same_hypothesis_of_both():
    other = LookUp(ROWS[[1, 3, 2]], ROWS)
    assert hypotheses_lookup().cosine_with(other, hypothesis=1) == pytest.approx(1.0, abs=1e-6)
    assert hypotheses_lookup().cosine_with(other) == pytest.approx(float(ROWS[17] @ ROWS[1]), abs=1e-6)
