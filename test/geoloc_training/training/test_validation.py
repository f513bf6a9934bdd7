# SPDX-License-Identifier: Apache-2.0
"""Cross-date validation searches all places of the run, not only those of the city."""

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from geoloc_training.evaluation.hog import describe_hog
from geoloc_training.training.validation import CrossDateValidation
from tiny_ground import places


def test_a_dated_validation_searches_among_all_other_pictures():
    shown = []

    def describe(views):
        shown.append(len(views))
        return describe_hog(views)

    describer = SimpleNamespace(views=describe, size_px=64)
    found = CrossDateValidation(places(4) + places(3, "other"), ["town:2016:2020"])(describer)
    assert set(found) == {"valid_r1", "valid_r5"}
    assert shown == [4, 4 + 3 * 2, 4 * 2]  # gallery, distractors, two queries for each place
