# SPDX-License-Identifier: Apache-2.0
"""Quality of pseudo-labels measured by true ids; for diagnosis only, training never uses it."""

from collections.abc import Sequence

import numpy as np

from geoloc.arrays import Int64Array
from geoloc_training.methods.dmnil.labels import EpochLabels


def figures(labels: EpochLabels, query_ids: Sequence[str], reference_ids: Sequence[str]) -> dict[str, float]:
    """Return figures of an epoch's labels.

    Args:
        labels: labels of the epoch.
        query_ids: true places of the queries; all equal if unknown.
        reference_ids: true places of the references, repeated for each copy; all equal if unknown.

    Returns:
        query_clusters and reference_clusters, the numbers of clusters; query_coverage and reference_coverage,
        the shares of images with a label; labels_shared, 0 or 1. If ids are known, also query_purity and
        reference_purity, the shares of labelled images that show their cluster's most frequent place. With
        shared labels also match_purity, the share of labelled references that show the most frequent place
        of the queries with their label.
    """
    query, reference = _numbered(query_ids, reference_ids)
    found = {"labels_shared": float(labels.shared)}
    for name, given, places in (("query", labels.query, query), ("reference", labels.reference, reference)):
        kept = given >= 0
        found[f"{name}_clusters"] = float(len(np.unique(given[kept])))
        found[f"{name}_coverage"] = float(kept.mean())
        if _known(places):
            found[f"{name}_purity"] = _purity(given, places, given, places)
    if labels.shared and _known(query):
        found["match_purity"] = _purity(labels.query, query, labels.reference, reference)
    return found


def _known(places: Int64Array) -> bool:
    return len(np.unique(places)) > 1


def _purity(labels: Int64Array, places: Int64Array, judged: Int64Array, judged_places: Int64Array) -> float:
    """Return the share of judged images whose place is the most frequent of `places` for their label."""
    pairs, sizes = np.unique(np.stack([labels, places])[:, labels >= 0], axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -sizes, pairs[0]))
    known, first = np.unique(pairs[0][order], return_index=True)
    best = pairs[1][order][first]
    kept = judged >= 0
    return float((best[np.searchsorted(known, judged[kept])] == judged_places[kept]).mean())


def _numbered(*sides: Sequence[str]) -> list[Int64Array]:
    """Return integer codes of the names, consistent over all sequences."""
    numbers = np.unique(np.concatenate([np.asarray(side, str) for side in sides]), return_inverse=True)[1]
    return np.split(numbers.reshape(-1), np.cumsum([len(side) for side in sides])[:-1])
