# SPDX-License-Identifier: Apache-2.0
"""Validation without labels, which chooses weights by the figures of `stopping`."""

import numpy as np

from geoloc.arrays import Float32Array
from geoloc_training.label_free.sequence_context import SequenceContext
from geoloc_training.label_free.stopping import LabelFree, label_free, match
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.training.describe import Describer
from geoloc_training.training.validation import HeldOutValidation

SELECTION = "free_selection"


class LabelFreeValidation:
    """Label-free figures over all training images; clusters are compared with the current epoch's labels.

    If both views have ids, `known_r1` is logged, too: the share of training queries whose best reference
    shows their place. It shows whether the other figures follow recall, and does not choose weights.

    Args:
        source: source of the batches, with the training images and the labels of the epoch before.
        context: order of the queries and positions of the references, or None.
        beside: validation on held-out places, which then chooses the weights, or None.
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
        """Return the known figures of `LabelFree`, prefixed by `free_`, and those of `beside`."""
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
        """Return the figures for unit descriptors of all queries (N, D) and references (M, D)."""
        source = self._source
        labels = source.clusters(queries, references)
        previous = None if source.labels is None else source.labels.query
        return label_free(queries, references, labels, previous, self._context)
