# SPDX-License-Identifier: Apache-2.0
"""Validation that chooses weights by recall on places held out of training, never on a published test."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geoloc_training.datasets.imagery.ground import Ground
from geoloc_training.evaluation.benchmark import evaluate_features
from geoloc_training.evaluation.cross_date import evaluate, parse_pair
from geoloc_training.items import Task
from geoloc_training.training.describe import Describer


class CrossDateValidation:
    """Mean recall over pairs of dates, with all other images as distractors so that it does not saturate.

    Args:
        grounds: dated places, which all serve as distractors.
        pairs: pairs of dates, each `city:map_date:query_date`.
    """

    selected_by = "valid_r1"

    def __init__(self, grounds: Sequence[Ground], pairs: Sequence[str]) -> None:
        self._grounds = grounds
        self._protocols = [replace(parse_pair(pair), draws=2, distractors=True) for pair in pairs]

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Return valid_r1 and valid_r5 of an encoder."""
        found = [evaluate(describer.views, self._grounds, p, describer.size_px) for p in self._protocols]
        return {
            "valid_r1": float(np.mean([recall.r1 for recall in found])),
            "valid_r5": float(np.mean([recall.r5 for recall in found])),
        }


class HeldOutValidation:
    """Recall on held-out places.

    Args:
        task: queries and gallery of the held-out places.
    """

    selected_by = "valid_r1"

    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def size(self) -> tuple[int, int]:
        """Return the numbers of queries and of gallery images."""
        return len(self._task.queries), len(self._task.gallery)

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Return valid_r1 and valid_r5 of an encoder."""
        queries, gallery = describer.items(self._task.queries), describer.items(self._task.gallery)
        result = evaluate_features(self._task, queries, gallery, ("full",))[0]
        return {"valid_r1": result.value("R@1"), "valid_r5": result.value("R@5")}
