# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import numpy as np
import published
import pytest
from tiny_task import colours, task

from geoloc.errors import ParameterError
from geoloc_training.evaluation.benchmark import EvaluationOptions, evaluate_benchmark, evaluate_features
from geoloc_training.evaluation.protocols import junk, multi_query, protocols_named, truth
from geoloc_training.items import Benchmark, Item, PlaneLocation, Task, TrainingSplit

QUIET = EvaluationOptions(progress=False)


def _listed(ids, view="drone", where=lambda _: None):
    return tuple(Item(str(i), view, Path(f"{view}/{i}.png"), where(i)) for i in ids)


def _by_id(queries, gallery, metrics=("recall", "ap_trapezoid")):
    return Task("drone→satellite", _listed(queries), _listed(gallery, "satellite"), metrics)


def _rows(seed, count):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def test_both_protocols_equal_the_published_loops():
    asked, known = [1, 2, 2, 3, 9], [1, 2, 3, 1, 3, 4, 5, 6, 7]
    queries, gallery = _rows(0, len(asked)), _rows(1, len(known))
    full, small = evaluate_features(_by_id(asked, known), queries, gallery)
    rights = [[n for n, place in enumerate(known) if place == query] for query in asked]
    for result, gone in ((full, ()), (small, range(5, 9))):
        values = [figure.value for figure in result.figures]
        assert values == pytest.approx(published.university(queries, gallery, rights, gone))
    assert (full.protocol, small.protocol) == ("full", "sample4geo")
    assert [r.ranking.searched for r in (full, small)] == [9, 5]
    assert [r.ranking.gallery for r in (full, small)] == [9, 9]


def test_distractors_are_excluded_by_id_unless_matches_are_listed():
    by_id = _by_id([1, 2], [1, 2, 3])
    assert junk(by_id, "full") is None
    assert junk(by_id, "sample4geo").tolist() == [False, False, True]
    assert junk(replace(by_id, positives=((0,), (1,))), "sample4geo") is None


def test_one_per_cent_counts_the_whole_gallery_under_both_protocols():
    """Test 300 entries: one entry competes alone in sample4geo, and ranks fourth of round(3) + 1 in full."""
    gallery = np.linspace(1, 0, 300, dtype=np.float32)[:, None]
    ids = [100 + n for n in range(300)]
    ids[3] = 1
    full, small = evaluate_features(_by_id([1], ids), np.ones((1, 1), np.float32), gallery)
    assert (full.value("R@1"), full.value("R@1%"), small.value("R@1")) == (0.0, 1.0, 1.0)
    ids[3], ids[4] = ids[4], 1
    assert evaluate_features(_by_id([1], ids), np.ones((1, 1), np.float32), gallery)[0].value("R@1%") == 0.0


def test_pairs_use_the_listed_matches_and_semi_positives():
    queries, gallery = _rows(2, 6), _rows(3, 20)
    rights, semis = [(n,) for n in range(6)], [(n + 6, n + 12) for n in range(6)]
    test = Task(
        "ground→satellite",
        _listed(range(6), "ground"),
        _listed(range(20), "satellite"),
        ("recall_pairs", "hit_rate"),
        tuple(rights),
        tuple(semis),
    )
    full, small = evaluate_features(test, queries, gallery)
    values = [figure.value for figure in full.figures]
    assert values == pytest.approx(published.pairs(queries, gallery, rights, semis))
    assert values == [figure.value for figure in small.figures]
    with pytest.raises(ParameterError, match="split it into two tests"):
        evaluate_features(replace(test, metrics=("recall", "recall_pairs")), queries, gallery)


def test_a_game_reports_its_own_figures_and_the_curve():
    where = lambda i: PlaneLocation(10.0 * i, 0.0)  # noqa: E731
    test = Task(
        "drone→satellite",
        _listed([1, 2], where=where),
        _listed([1, 2, 3, 4, 5], "satellite", where),
        ("recall", "ap_step", "sdm_metres", "dis"),
        ((0, 1), ()),
    )
    full = evaluate_features(test, _rows(4, 2), _rows(5, 5), ["full"])[0]
    names = [figure.name for figure in full.figures]
    assert " ".join(names) == "R@1 R@5 R@10 R@1% AP-step SDM@1 SDM@3 SDM@5 Dis@1 Dis@3 Dis@5"
    assert full.value("AP-step") == pytest.approx(published.step_ap(_rows(4, 2), _rows(5, 5), [(0, 1), ()]))
    top1 = [abs(10.0 * (best[0] + 1) - 10.0 * q) for q, best in zip((1, 2), full.ranking.best, strict=True)]
    assert dict(full.curve) == {m: np.mean(np.array(top1) < m) for m, _ in full.curve}
    assert {4.0, 200.0, 500.0} <= set(dict(full.curve))


def test_places_on_the_earth_add_metres(tmp_path):
    test = task(tmp_path, metrics=("recall", "ap_trapezoid", "sdm_degrees", "ma"))
    full = evaluate_benchmark([test], colours, 16, ["full"], options=QUIET)[0]
    assert full.value("R@1") == 1.0
    assert full.value("median") == pytest.approx(0.5 * 1.1085, rel=0.01)  # alternately 0 m and 1e-5°
    assert full.value("L@5m") == full.value("MA@3m") == 1.0
    assert full.value("SDM@1") == pytest.approx((1 + np.exp(-0.05)) / 2)


def test_a_figure_that_needs_locations_says_which_picture_has_none():
    with pytest.raises(ParameterError, match=r"drone.1\.png has no location"):
        evaluate_features(_by_id([1], [1], ("sdm_degrees",)), _rows(0, 1), _rows(1, 1))


def test_several_pictures_of_a_place_become_one_query():
    test, rows = _by_id([2, 1, 2], [1, 2, 3]), np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    single, means = multi_query(test, rows)
    assert [item.id for item in single.queries] == ["2", "1"]
    np.testing.assert_allclose(means, [[np.sqrt(0.5), np.sqrt(0.5)], [0, 1]])
    result = evaluate_features(test, rows, _rows(1, 3)[:, :2], ["full"], EvaluationOptions(multi_query=True))[
        0
    ]
    assert (result.ranking.queries, result.variant) == (2, "multi-query")
    with pytest.raises(ParameterError, match="without multi-query"):
        multi_query(replace(test, positives=((0,), (0,), (0,))), rows)


def test_a_mirrored_picture_is_added_and_off_by_default(tmp_path):
    test, seen = task(tmp_path, places=2, distractors=0), []

    def describe(views):
        seen.append(views)
        return colours(views)

    evaluate_benchmark([test], describe, 8, ["full"], options=QUIET)
    assert len(seen) == 2
    both = evaluate_benchmark([test], describe, 8, ["full"], options=replace(QUIET, flip=True))[0]
    assert len(seen) == 6
    for plain, mirrored in (seen[2:4], seen[4:6]):
        np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    assert both.variant == "flip"


def test_a_benchmark_runs_every_test_and_never_its_training_split(tmp_path):
    test = task(tmp_path)
    gone = (Item("1", "drone", tmp_path / "gone.png"),)
    benchmark = Benchmark("tiny", TrainingSplit(gone, gone, ((0,),), ((1.0,),)), (test, test))
    found = evaluate_benchmark(benchmark, colours, 16, options=QUIET)
    assert [r.protocol for r in found] == ["full", "sample4geo"] * 2


def test_queries_of_another_data_set_are_a_sentence():
    with pytest.raises(ParameterError, match="has its place in the gallery"):
        truth(_by_id([1], [2]))


def test_words_for_protocols_and_options():
    assert protocols_named("both") == ("full", "sample4geo")
    assert protocols_named("full") == ("full",)
    with pytest.raises(ParameterError, match="'all' is unknown"):
        protocols_named("all")
    with pytest.raises(ParameterError, match="batch is 0"):
        EvaluationOptions(batch=0)
