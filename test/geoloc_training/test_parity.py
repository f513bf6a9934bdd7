# SPDX-License-Identifier: Apache-2.0
"""Backends that disagree with torch are detected, by cosines and by best views."""

import numpy as np
import pytest

from geoloc.errors import ModelError
from geoloc_training.parity import RealViews, check_parity, compare


def _unit(*rows):
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Fake:
    """An encoder whose descriptor depends on a view's first pixel."""

    def __init__(self, descriptors):
        self.descriptors = descriptors

    def describe(self, views):
        return self.descriptors[views[:, 0, 0, 0].astype(int)]


def _views(*numbers):
    return np.array(numbers, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)


# Views 0 and 1 are map views; 2 is slightly more similar to 0, and 3 to 1.
TORCH = _unit([1, 0], [0, 1], [1, 0.2], [0.999, 1.0])
VIEWS = RealViews(queries=_views(2, 3), gallery=_views(0, 1))


def test_the_agreement_is_measured():
    found = check_parity({"onnxruntime": Fake(TORCH), "torch": Fake(TORCH)}, VIEWS)
    assert list(found) == ["onnxruntime"]
    assert found["onnxruntime"].lowest_cosine == pytest.approx(1)
    assert (found["onnxruntime"].top1_agreement, found["onnxruntime"].queries) == (1.0, 2)


def test_a_low_cosine_is_refused_with_backend_figure_and_threshold():
    other = TORCH.copy()
    other[0] = _unit([1, 0.06])[0]
    sentence = r"openvino differs .* lowest cosine over 2 pairs .* is 0\.9982\d*, below 0\.999, so nothing"
    with pytest.raises(ModelError, match=sentence):
        check_parity({"openvino": Fake(other), "torch": Fake(TORCH)}, VIEWS)


def test_another_best_view_is_refused_though_cosines_are_high():
    other = TORCH.copy()
    other[3] = _unit([1.0, 0.999])[0]
    assert (other * TORCH).sum(axis=1).min() > 0.9999
    sentence = r"onnxruntime differs .* for 50\.00% of 2 real queries, below 99\.5%, so nothing"
    with pytest.raises(ModelError, match=sentence):
        check_parity({"onnxruntime": Fake(other), "torch": Fake(TORCH)}, VIEWS)


def test_one_query_in_two_hundred_may_disagree_and_no_more():
    gallery, turned = _unit([1, 0], [0, 1]), _unit([0.999, 1.0])
    same = np.repeat(_unit([1.0, 0.999]), 200, axis=0)
    for wrong, share in ((1, 0.995), (2, 0.99)):
        other = same.copy()
        other[:wrong] = turned
        assert compare((same, gallery), (other, gallery)).top1_agreement == pytest.approx(share)


def test_equally_similar_map_views_both_count_as_best():
    gallery = _unit([1, 0], [1, 1e-7], [0, 1])
    query = _unit([1, 0.3])
    assert compare((query, gallery), (query, gallery[[1, 0, 2]])).top1_agreement == 1.0


def test_too_few_views_are_refused():
    with pytest.raises(ModelError, match="0 drone views and 2 map views are too few"):
        RealViews(queries=_views(), gallery=_views(0, 1))
    with pytest.raises(ModelError, match="1 drone views and 1 map views are too few"):
        RealViews(queries=_views(2), gallery=_views(0))
