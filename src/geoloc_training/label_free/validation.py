# SPDX-License-Identifier: Apache-2.0
"""Validation without labels: the figures of `stopping` choose the weights."""

import numpy as np

from geoloc.arrays import Float32Array
from geoloc_training.label_free.sequence_context import SequenceContext
from geoloc_training.label_free.stopping import LabelFree, label_free, match
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.training.describe import Describer
from geoloc_training.training.validation import HeldOutValidation

SELECTION = "free_selection"


class LabelFreeValidation:
    """Figures without labels of all training pictures; clusters are compared with those the epoch learns by.

    With ids on both sides `known_r1` is logged too, the share of training queries whose best reference is of
    their place: to see whether the other figures follow it. It chooses nothing.

    Args:
        source: of the batches; its pictures are described anew, its labels are those of the epoch before.
        context: order and positions, or None without any.
        beside: a validation on places that are held out, which then chooses the weights.
    """

    def __init__(
        self,
        source: ClusterBatches,
        context: SequenceContext | None = None,
        beside: HeldOutValidation | None = None,
    ) -> None:
        self._source, self._context, self._beside = source, context, beside
        self.selected_by = SELECTION if beside is None else beside.selected_by

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Measure an encoder: free_…, those of `LabelFree` that can be had."""
        source = self._source
        queries, references = describer.items(source.queries), describer.items(source.references)
        found = self.measured(queries, references).figures()
        if self._beside is not None:
            found |= self._beside(describer)
        places = [np.array([item.id for item in items]) for items in (source.queries, source.references)]
        if all(len(np.unique(side)) > 1 for side in places):
            best = match(queries, references).best
            found["known_r1"] = float((places[0] == places[1][best]).mean())
        return found

    def measured(self, queries: Float32Array, references: Float32Array) -> LabelFree:
        """Return the figures of unit descriptors of all queries (N, D) and references (M, D)."""
        source = self._source
        labels = source.clusters(queries, references)
        previous = None if source.labels is None else source.labels.query
        return label_free(queries, references, labels, previous, self._context)
