# SPDX-License-Identifier: Apache-2.0
"""Diagnostic figures of pseudo-labels."""

import numpy as np
import pytest

pytest.importorskip("torch")

from geoloc_training.methods.dmnil.diagnostics import figures
from geoloc_training.methods.dmnil.labels import EpochLabels


def test_figures_count_and_judge_by_ids():
    labels = EpochLabels(
        np.array([0, 0, 0, 1, 1, -1]), np.array([0, 1, 1, -1]), np.array([0, 1, 2, -1]), shared=True
    )
    found = figures(labels, ["a", "a", "b", "b", "b", "a"], ["a", "b", "c", "b"])
    assert found == {
        "labels_shared": 1.0,
        "query_clusters": 2.0,
        "query_coverage": pytest.approx(5 / 6),
        "query_purity": pytest.approx(4 / 5),
        "reference_clusters": 2.0,
        "reference_coverage": pytest.approx(3 / 4),
        "reference_purity": pytest.approx(2 / 3),
        "match_purity": pytest.approx(2 / 3),
    }


def test_without_ids_figures_only_count():
    labels = EpochLabels(np.array([0, 1, -1]), np.array([0, 1]), np.array([0, 1]), shared=True)
    found = figures(labels, [""] * 3, [""] * 2)
    assert set(found) == {
        "labels_shared", "query_clusters", "query_coverage", "reference_clusters", "reference_coverage"
    }  # fmt: skip


def test_a_map_of_other_places_has_no_match():
    labels = EpochLabels(np.array([0, 0, 1]), np.array([1, 0]), np.array([0, 1]), shared=True)
    assert figures(labels, ["a", "a", "b"], ["c", "d"])["match_purity"] == 0.0
