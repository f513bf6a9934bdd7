# SPDX-License-Identifier: Apache-2.0
"""How good pseudo-labels are, by the places' true ids: figures for people, never seen by what is learnt."""

from collections.abc import Sequence

import numpy as np

from geoloc.arrays import Int64Array
from geoloc_training.methods.dmnil.labels import EpochLabels


def figures(labels: EpochLabels, query_ids: Sequence[str], reference_ids: Sequence[str]) -> dict[str, float]:
    """Return figures of an epoch's labels.

    Args:
        labels: of the epoch.
        query_ids: true places of the queries; all alike where nobody knows them.
        reference_ids: of the references, each as often as it has copies.

    Returns:
        query_clusters and reference_clusters; query_coverage and reference_coverage, the shares of pictures
        with a label; labels_shared, 0 or 1. Where ids are known query_purity and reference_purity, the
        shares of labelled pictures that are of their cluster's most frequent place; and with shared labels
        match_purity, the share of labelled references that are of the place most frequent among the queries
        of their label.
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
    """Return the share of judged pictures that are of the most frequent of `places` of their label."""
    pairs, sizes = np.unique(np.stack([labels, places])[:, labels >= 0], axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -sizes, pairs[0]))
    known, first = np.unique(pairs[0][order], return_index=True)
    best = pairs[1][order][first]
    kept = judged >= 0
    return float((best[np.searchsorted(known, judged[kept])] == judged_places[kept]).mean())


def _numbered(*sides: Sequence[str]) -> list[Int64Array]:
    """Return numbers for names, the same for the same name on all sides."""
    numbers = np.unique(np.concatenate([np.asarray(side, str) for side in sides]), return_inverse=True)[1]
    return np.split(numbers.reshape(-1), np.cumsum([len(side) for side in sides])[:-1])
