# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import ModelError, ParameterError
from geoloc_training.evaluation import cross_date_suite
from geoloc_training.evaluation.cross_date import Protocol, Recall, evaluate, parse_pair, rotate, summarise
from geoloc_training.evaluation.hog import describe_hog
from tiny_ground import describe_pixels, places


def _reference(scores, targets, k):
    """Compute ranks by sorting each row, with the right column last among ties."""
    hits = 0
    for row, target in zip(scores, targets, strict=True):
        order = sorted(range(len(row)), key=lambda c: (-row[c], c == target))
        hits += target in order[:k]
    return hits / len(scores)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 15), st.booleans())
def test_recall_equals_brute_force(seed, columns, ties):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(9, columns)).astype(np.float32)
    scores = np.round(scores) if ties else scores
    targets = rng.integers(0, columns, 9)
    recall = summarise("x", scores, targets)
    assert recall.r1 == pytest.approx(_reference(scores, targets, 1))
    assert recall.r5 == pytest.approx(_reference(scores, targets, 5))


def test_hog_finds_synthetic_places_and_a_constant_descriptor_does_not():
    grounds, protocol = places(8), Protocol("town", "2016", "2020", yaw_deg=0.0, offset_m=2.0, scale=0.02)
    assert evaluate(describe_hog, grounds, protocol, 96).r1 > 0.8

    def constant(views):
        return np.full((len(views), 4), 0.5, np.float32)

    assert evaluate(constant, grounds, protocol, 96).r1 == 0.0


def test_distractors_are_every_other_picture_but_the_other_dates_of_ones_own_place():
    grounds = places(4) + places(3, "other")
    seen = []

    def describe(views):
        seen.append(len(views))
        return describe_hog(views)

    recall = evaluate(describe, grounds, Protocol("town", "2016", "2020", draws=1, distractors=True), 64)
    assert recall.gallery == 4 + 4 + 3 * 2
    assert seen == [4, 10, 4]


def test_the_query_picture_itself_is_not_searched():
    """Test a query without errors, which as a distractor would be its own best match."""
    exact = Protocol("town", "2016", "2020", draws=1, yaw_deg=0.0, offset_m=0.0, scale=0.0, distractors=True)
    recall = evaluate(describe_pixels, places(4), exact, 64)
    assert recall.r1 == 1.0
    assert recall.scores.max() < 0.9999


def test_search_over_rotations_finds_a_turned_query():
    grounds = places(6)
    base = {"yaw_deg": 180.0, "offset_m": 1.0, "scale": 0.01, "draws": 2}
    one = evaluate(describe_hog, grounds, Protocol("town", "2016", "2020", **base), 64)
    many = evaluate(describe_hog, grounds, Protocol("town", "2016", "2020", rotations=24, **base), 64)
    assert many.r1 > one.r1
    assert many.r1 > 0.6


def test_rotating_by_quarters_is_exact():
    view = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rotate(view, 90.0), np.rot90(view))


def test_same_seed_same_figures():
    protocol = Protocol("town", "2016", "2020", yaw_deg=180.0)
    first, again = (evaluate(describe_hog, places(5), protocol, 64) for _ in range(2))
    np.testing.assert_array_equal(first.scores, again.scores)


def test_an_unknown_city_or_pair_is_a_sentence():
    with pytest.raises(ParameterError, match="no place of 'atlantis'"):
        evaluate(describe_hog, places(2), Protocol("atlantis", "2016", "2020"), 64)
    with pytest.raises(ParameterError, match="city:map_date:query_date"):
        parse_pair("chico-2018")


def _recall(scores, margins, correct):
    arrays = np.array(scores, np.float32), np.array(margins, np.float32), np.array(correct)
    return Recall("x", len(scores), 9, 0.0, 0.0, *arrays)


def test_thresholds_keep_right_answers():
    rng = np.random.default_rng(0)
    correct = rng.random(2000) < 0.9
    scores = np.where(correct, rng.normal(0.7, 0.1, 2000), rng.normal(0.4, 0.1, 2000))
    margins = np.where(correct, rng.uniform(0.1, 0.5, 2000), rng.uniform(0.0, 0.1, 2000))
    found = cross_date_suite.calibrate(_recall(scores, margins, correct))
    kept = (scores >= found.min_score) & (margins >= found.min_margin)
    assert kept[correct].mean() > 0.93
    assert kept[~correct].mean() < 0.5


def test_calibration_needs_a_right_answer():
    with pytest.raises(ModelError, match="train longer"):
        cross_date_suite.calibrate(_recall([0.1], [0.1], [False]))


def test_recalls_are_read_back_from_their_file(tmp_path):
    measured = cross_date_suite.metrics([summarise("p", np.eye(3, dtype=np.float32), np.arange(3))])
    cross_date_suite.write_json(tmp_path / "m.json", measured)
    assert cross_date_suite.read_json(tmp_path / "m.json") == measured
    assert "p" in cross_date_suite.table(measured)
    (tmp_path / "m.json").write_text("{}broken")
    with pytest.raises(ParameterError, match="holds no recalls"):
        cross_date_suite.read_json(tmp_path / "m.json")
