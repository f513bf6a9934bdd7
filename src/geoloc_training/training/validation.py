# SPDX-License-Identifier: Apache-2.0
"""How weights are chosen: recall on places that are held out of training, never on a published test."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geoloc_training.datasets.imagery.ground import Ground
from geoloc_training.evaluation.benchmark import evaluate_features
from geoloc_training.evaluation.cross_date import evaluate, parse_pair
from geoloc_training.items import Task
from geoloc_training.training.describe import Describer


class CrossDateValidation:
    """Mean recall over dated pairs of a city, searched among all other pictures: alone, few places saturate.

    Args:
        grounds: dated places; all of them are distractors.
        pairs: `city:map_date:query_date` each.
    """

    selected_by = "valid_r1"

    def __init__(self, grounds: Sequence[Ground], pairs: Sequence[str]) -> None:
        self._grounds = grounds
        self._protocols = [replace(parse_pair(pair), draws=2, distractors=True) for pair in pairs]

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Measure an encoder: valid_r1 and valid_r5."""
        found = [evaluate(describer.views, self._grounds, p, describer.size_px) for p in self._protocols]
        return {
            "valid_r1": float(np.mean([recall.r1 for recall in found])),
            "valid_r5": float(np.mean([recall.r5 for recall in found])),
        }


class HeldOutValidation:
    """Recall of pictures of held-out places among each other.

    Args:
        task: queries and gallery.
    """

    selected_by = "valid_r1"

    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def size(self) -> tuple[int, int]:
        """Return how many queries are looked up among how many pictures."""
        return len(self._task.queries), len(self._task.gallery)

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Measure an encoder: valid_r1 and valid_r5."""
        queries, gallery = describer.items(self._task.queries), describer.items(self._task.gallery)
        result = evaluate_features(self._task, queries, gallery, ("full",))[0]
        return {"valid_r1": result.value("R@1"), "valid_r5": result.value("R@5")}
