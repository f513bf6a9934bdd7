# SPDX-License-Identifier: Apache-2.0
"""Label-free figures, compared with cases calculated by hand."""

import math

import numpy as np
import pytest

from geoloc.errors import ParameterError
from geoloc_training.label_free.sequence_context import SequenceContext
from geoloc_training.label_free.stopping import (
    cluster_stability,
    label_free,
    match,
    path_continuity,
    returning,
)


def _at(*degrees):
    """Return unit vectors in the plane."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _ints(*numbers):
    return np.array(numbers, np.int64)


def _line(count, near_m=10.0, references=40, step_m=10.0):
    """Return successive queries, with references on a line ten metres apart."""
    successive = np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)
    places = np.stack([step_m * np.arange(references), np.zeros(references)], axis=1)
    return SequenceContext(successive, places, near_m)


def test_a_match_is_the_best_of_either_side():
    found = match(_at(0, 90, 10), _at(0, 90, 180))
    assert found.best.tolist() == [0, 1, 0]
    assert found.home.tolist() == [0, 1, 1]
    assert found.cosine.tolist() == pytest.approx([1, 1, math.cos(math.radians(10))])


def test_matches_are_the_same_in_any_number_of_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    queries, references = (rng.normal(size=(n, 6)).astype(np.float32) for n in (30, 20))
    whole = match(queries, references)
    at_home = returning(queries, whole, 3)
    monkeypatch.setattr("geoloc_training.label_free.stopping._CHUNK_ROWS", 7)
    cut = match(queries, references)
    assert np.array_equal(whole.best, cut.best)
    assert np.array_equal(whole.home, cut.home)
    assert np.array_equal(at_home, returning(queries, cut, 3))


@pytest.mark.parametrize(("neighbours", "share"), [(0, 2 / 3), (1, 1.0)])
def test_a_match_is_mutual_up_to_the_nearest_queries(neighbours, share):
    queries = _at(0, 90, 10)  # the third query's best reference is nearer to the first query
    found = returning(queries, match(queries, _at(0, 90)), neighbours)
    assert found.mean() == pytest.approx(share)


def test_equal_descriptors_match_mutually_at_most_once():
    queries = _at(*[30] * 20)
    assert returning(queries, match(queries, _at(0, 90)), 5).sum() == 1  # the first of the ties


def test_one_reference_for_all_queries_gives_few_mutual_matches():
    rng = np.random.default_rng(1)
    queries = rng.normal(size=(50, 8)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    hub = queries.mean(axis=0)
    references = np.stack([hub / np.linalg.norm(hub), -hub / np.linalg.norm(hub)])
    queries = queries + 3 * references[0]
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = match(queries, references.astype(np.float32))
    assert set(found.best) == {0}
    assert returning(queries, found, 5).mean() < 0.4


@pytest.mark.parametrize(
    ("labels", "previous", "index"),
    [
        (_ints(0, 0, 1, 1), _ints(5, 5, 2, 2), 1.0),
        (_ints(0, 0, 1, 1), _ints(0, 1, 0, 1), -0.5),
        (_ints(0, 0, 1, 2), _ints(0, 0, 1, 1), (1 - 1 / 3) / (1.5 - 1 / 3)),
        (_ints(0, 0, 1, 1, -1, 3), _ints(0, 0, 1, 1, 4, -1), 1.0),  # outliers do not count
        (_ints(0, 1, 2), _ints(3, 4, 5), 1.0),  # each its own cluster, in both
        (_ints(0, 0, 0), _ints(1, 1, 1), 1.0),
        (_ints(0, 0, 0), _ints(0, 1, 2), 0.0),
    ],
)
def test_stability_is_the_adjusted_rand_index(labels, previous, index):
    assert cluster_stability(labels, previous) == pytest.approx(index)
    assert cluster_stability(previous, labels) == pytest.approx(index)


def test_stability_of_nothing_in_common_is_unknown():
    assert math.isnan(cluster_stability(_ints(0, 0, -1, -1), _ints(-1, -1, 0, 0)))


def test_matches_along_the_flight_are_continuous():
    assert path_continuity(np.arange(12), _line(12)) == pytest.approx(1.0)


def test_each_jump_breaks_two_steps():
    best = np.arange(12)
    best[5] = 30
    steps, pairs = 9 / 11, 9 / 66
    assert path_continuity(best, _line(12)) == pytest.approx((steps - pairs) / (1 - pairs))


def test_matches_at_a_single_place_are_not_continuous():
    assert path_continuity(np.full(12, 3), _line(12)) == 0.0


def test_random_matches_are_not_continuous():
    rng = np.random.default_rng(0)
    found = [path_continuity(rng.integers(0, 400, 200), _line(200, references=400)) for _ in range(20)]
    assert abs(np.mean(found)) < 0.02


def test_continuity_is_unknown_without_enough_successive_frames():
    assert math.isnan(path_continuity(np.arange(12), None))
    assert math.isnan(path_continuity(np.arange(10), _line(10)))
    assert not math.isnan(path_continuity(np.arange(11), _line(11)))


def test_all_figures_together():
    queries, references = _at(*range(0, 120, 10)), _at(*range(0, 120, 10))
    labels = np.arange(12) // 2
    found = label_free(queries, references, labels, labels, _line(12, references=12))
    assert (found.mutual, found.mutual_cluster, found.stability) == (1.0, 1.0, 1.0)
    assert found.continuity == pytest.approx(1.0)
    assert found.selection == pytest.approx(1.0)
    assert 0.0 <= found.agreement <= found.located <= 1.0
    assert (found.clusters, found.coverage) == (6.0, 1.0)
    assert found.likeness == pytest.approx(1.0)
    # The best reference at another place is two tiles away, at 20 degrees.
    assert found.lead == pytest.approx(1 - math.cos(math.radians(20)), abs=1e-6)
    assert set(found.figures()) == {"free_" + name for name in vars(found)}


def test_unknown_figures_are_left_out_and_mutual_alone_selects():
    found = label_free(_at(0, 90, 10), _at(0, 90), neighbours=0)
    assert found.selection == found.mutual == pytest.approx(2 / 3)
    assert set(found.figures("")) == {"mutual", "likeness", "lead", "selection"}


def test_a_better_encoder_has_better_figures():
    rng = np.random.default_rng(0)
    references = rng.normal(size=(40, 16)).astype(np.float32)
    references /= np.linalg.norm(references, axis=1, keepdims=True)
    chosen = []
    for noise in (0.05, 0.4, 3.0):
        queries = references[:30] + noise * rng.normal(size=(30, 16)).astype(np.float32)
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        chosen.append(label_free(queries, references, context=_line(30)).selection)
    assert chosen[0] > chosen[1] > chosen[2]


@pytest.mark.parametrize(
    "arguments",
    [
        (_at(0), _at(0, 90)),
        (_at(0, 90), _at(0)),
        (_at(0, 90), _at(0, 90), _ints(0)),
        (_at(0, 90), _at(0, 90), _ints(0, 1), _ints(0)),
        (_at(0, 90), _at(0, 90), None, None, _line(2)),
    ],
)
def test_arrays_of_different_lengths_are_refused(arguments):
    with pytest.raises(ParameterError, match="do not belong together"):
        label_free(*arguments)


def _flown(wrong=(), count=20):
    """Return frames over tiles 5, 6, … of a line; wrong frames are more similar to the first tile."""
    tiles = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    tiles /= np.linalg.norm(tiles, axis=1, keepdims=True)
    frames = 0.6 * tiles[5 : 5 + count]
    frames[list(wrong)] += 0.7 * tiles[0]
    return frames, tiles


@pytest.mark.parametrize("wrong", [(), (3,), (3, 9, 15)])
def test_agreement_is_the_recall_along_the_path(wrong):
    found = label_free(*_flown(wrong), context=_line(20, near_m=25.0))
    assert found.located == 1.0
    assert found.agreement == pytest.approx(1 - len(wrong) / 20)


def test_footage_of_another_place_is_not_located():
    elsewhere = np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)
    elsewhere /= np.linalg.norm(elsewhere, axis=1, keepdims=True)
    assert label_free(_flown()[0], elsewhere, context=_line(20, near_m=25.0)).located < 0.2
