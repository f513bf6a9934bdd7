# SPDX-License-Identifier: Apache-2.0
import tracemalloc

import numpy as np
import published
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import ParameterError
from geoloc_training.evaluation import metrics, ranking
from geoloc_training.evaluation.ranking import UNFOUND, Ranking, rank_by_counting, rank_by_sorting, truth_of


def _case(seed, entries, ties, most=4):
    """Return descriptors and right entries; integers make products exact and ties frequent."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 12), 3
    queries, gallery = rng.normal(size=shape), rng.normal(size=(entries, 3))
    if ties:
        queries, gallery = np.round(queries), np.round(gallery)
    rights = [
        tuple(rng.choice(entries, rng.integers(0, min(most, entries) + 1), replace=False))
        for _ in range(shape[0])
    ]
    return rng, queries.astype(np.float32), gallery.astype(np.float32), rights


def _in_small_chunks(monkeypatch, entries):
    monkeypatch.setattr(ranking, "_CHUNK_BYTES", 24 * entries * 3)


SEEDS, ENTRIES = st.integers(0, 10**6), st.integers(1, 260)


@settings(max_examples=80, deadline=None)
@given(SEEDS, ENTRIES, st.booleans(), st.booleans())
def test_recall_and_both_aps_equal_the_published_loops(seed, entries, ties, with_junk):
    rng, queries, gallery, rights = _case(seed, entries, ties)
    wanted = {entry for right in rights for entry in right}
    junk = np.array([with_junk and entry not in wanted and rng.random() < 0.5 for entry in range(entries)])
    found = rank_by_sorting(queries, gallery, truth_of(rights), junk if with_junk else None)
    ours = [metrics.recall(found, k) for k in (1, 5, 10)]
    ours += [metrics.recall_top_percent(found), metrics.ap_trapezoid(found)]
    assert ours == pytest.approx(published.university(queries, gallery, rights, np.flatnonzero(junk)))
    step = published.step_ap(queries, gallery, rights, np.flatnonzero(junk))
    assert metrics.ap_step(found) == pytest.approx(step)
    assert found.searched == entries - junk.sum()
    assert found.gallery == entries


@settings(max_examples=80, deadline=None)
@given(SEEDS, ENTRIES, st.booleans())
def test_recall_of_pairs_and_hit_rate_equal_the_published_loops(seed, entries, ties):
    rng, queries, gallery, rights = _case(seed, entries, ties, most=1)
    semis = [rng.choice(entries, min(3, entries), replace=False) for _ in rights]
    found = rank_by_counting(queries, gallery, truth_of(rights), truth_of(semis))
    ours = [metrics.recall(found, k) for k in (1, 5, 10)]
    ours += [metrics.recall_pairs_top_percent(found), metrics.hit_rate(found)]
    assert ours == pytest.approx(published.pairs(queries, gallery, rights, semis))


@pytest.mark.parametrize("rank", [rank_by_sorting, rank_by_counting])
def test_chunks_change_nothing(rank, monkeypatch):
    _, queries, gallery, rights = _case(5, 90, ties=True)
    whole = rank(queries, gallery, truth_of(rights))
    _in_small_chunks(monkeypatch, len(gallery))
    parts = rank(queries, gallery, truth_of(rights))
    for name, value in vars(whole).items():
        np.testing.assert_array_equal(value, getattr(parts, name), err_msg=name)


@pytest.mark.parametrize("rank", [rank_by_sorting, rank_by_counting])
def test_memory_is_that_of_a_chunk_whatever_the_test(rank, monkeypatch):
    """Test that 0.5 MB suffices, where all scores of 400 queries and 4,000 entries take 19 MB."""
    monkeypatch.setattr(ranking, "_CHUNK_BYTES", 500_000)
    rng = np.random.default_rng(0)
    queries, gallery = (rng.normal(size=(rows, 4)).astype(np.float32) for rows in (400, 4000))
    truth = truth_of([[row] for row in range(400)])
    tracemalloc.start()
    found = rank(queries, gallery, truth, None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.best.shape == (400, 10)
    kept_bytes = sum(value.nbytes for value in vars(found).values() if isinstance(value, np.ndarray))
    assert peak_bytes < 500_000 + 3 * kept_bytes


@pytest.mark.parametrize("rank", [rank_by_sorting, rank_by_counting])
def test_best_entries_and_the_nearest_match(rank):
    gallery = np.array([[0.1], [0.9], [0.5], [0.7]], np.float32)
    found = rank(np.ones((2, 1), np.float32), gallery, truth_of([[2], []]), best=3)
    np.testing.assert_array_equal(found.best, [[1, 3, 2], [1, 3, 2]])
    np.testing.assert_allclose(found.best_scores[0], [0.9, 0.7, 0.5])
    assert found.nearest.tolist() == [2, -1]
    assert found.first().tolist() == [2, UNFOUND]
    assert found.nearest_scores[0] == np.float32(0.5)
    assert np.isnan(found.nearest_scores[1])


def test_the_nearest_of_several_matches_is_the_one_that_ranks_best():
    gallery = np.array([[0.1], [0.9], [0.5], [0.7]], np.float32)
    found = rank_by_sorting(np.ones((1, 1), np.float32), gallery, truth_of([[0, 2, 3]]))
    assert found.ranks.tolist() == [1, 2, 3]
    assert found.nearest.tolist() == [3]


def test_junk_is_taken_out_of_ranks_and_best_entries():
    gallery = np.array([[0.9], [0.8], [0.7]], np.float32)
    junk = np.array([True, False, False])
    found = rank_by_sorting(np.ones((1, 1), np.float32), gallery, truth_of([[2]]), junk)
    assert found.ranks.tolist() == [1]
    assert found.best.tolist() == [[1, 2]]
    assert (found.gallery, found.searched) == (3, 2)


def test_a_tie_counts_for_the_query_of_a_pair():
    same = np.ones((4, 2), np.float32)
    assert rank_by_counting(same[:1], same, truth_of([[3]])).ranks.tolist() == [0]


def _ranked(*ranks, gallery=951):
    """Return a ranking with the given ranks of true matches."""
    starts = np.cumsum([0, *(len(row) for row in ranks)])
    none = np.zeros(len(ranks))
    flat = np.array([rank for row in ranks for rank in row], np.int64)
    return Ranking(flat, starts, none, none, none, none, none, gallery, gallery)


def test_worked_examples_of_average_precision():
    assert metrics.ap_trapezoid(_ranked([0])) == 1.0
    assert metrics.ap_trapezoid(_ranked([1])) == 0.25
    assert metrics.ap_step(_ranked([1])) == 0.5
    assert metrics.ap_trapezoid(_ranked([0, 2])) == pytest.approx(0.7917, abs=5e-5)
    assert metrics.ap_step(_ranked([0, 2])) == pytest.approx((1 + 2 / 3) / 2)


def test_a_query_without_a_match_counts_in_the_denominator_but_not_for_the_step_ap():
    found = _ranked([0], [])
    assert metrics.recall(found, 10) == 0.5
    assert metrics.ap_trapezoid(found) == 0.5
    assert metrics.ap_step(found) == 1.0


@pytest.mark.parametrize(
    ("gallery", "last"),
    [(951, 10), (51_355, 514), (50, 0), (150, 2), (250, 2), (350, 4)],
)
def test_one_per_cent_is_one_entry_more_and_rounds_halves_to_even(gallery, last):
    assert metrics.recall_top_percent(_ranked([last], gallery=gallery)) == 1.0
    assert metrics.recall_top_percent(_ranked([last + 1], gallery=gallery)) == 0.0


@pytest.mark.parametrize(("gallery", "last"), [(8884, 87), (100, 0)])
def test_one_per_cent_of_pairs_is_rounded_down(gallery, last):
    assert metrics.recall_pairs_top_percent(_ranked([last], gallery=gallery)) == 1.0
    assert metrics.recall_pairs_top_percent(_ranked([last + 1], gallery=gallery)) == 0.0


def test_one_per_cent_of_under_a_hundred_pairs_is_never_met():
    assert metrics.recall_pairs_top_percent(_ranked([0], gallery=99)) == 0.0


@pytest.mark.parametrize("rank", [rank_by_sorting, rank_by_counting])
def test_descriptors_that_cannot_be_ranked_are_a_sentence(rank):
    good, other = np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)
    with pytest.raises(ParameterError, match="one model"):
        rank(good, other, truth_of([[0], [1]]))
    with pytest.raises(ParameterError, match="a list for every query"):
        rank(good, good, truth_of([[0]]))
    with pytest.raises(ParameterError, match="gallery are not finite"):
        rank(good, good * np.nan, truth_of([[0], [1]]))
