# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels of an epoch: each view clustered alone, later the map's labelled by the drone's clusters."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import coo_array

from geoloc.arrays import Float32Array, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.arrays import (
    normalised,
)
from geoloc_training.clustering import ClusterConfig, cluster
from geoloc_training.methods.dmnil.enhancement import Enhancement
from geoloc_training.methods.dmnil.settings import DmnilConfig

_NOISE_STREAM = 5  # keeps these random numbers apart from those of other uses of the same seed
_LEAST_CLUSTERS = 2  # one alone is nothing to tell apart
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochLabels:
    """Labels of all training pictures, -1 for those that are not learnt from.

    Attributes:
        query: of the view that is located, int64 (N,), 0..K-1.
        reference: of the map's, int64 (M,).
        own_reference: by the map's view alone, which a later epoch may fall back on, int64 (M,).
        shared: whether equal labels of the two views mean the same place.
    """

    query: Int64Array
    reference: Int64Array
    own_reference: Int64Array
    shared: bool = False


def label(
    queries: Float32Array,
    references: Float32Array,
    epoch: int,
    previous: EpochLabels | None,
    config: DmnilConfig,
    seed: int,
    device: torch.device,
) -> EpochLabels:
    """Label all training pictures by their descriptors.

    A view in which fewer than two clusters are found keeps the labels of the epoch before. Labels are shared
    from `enhancement.epoch` on, but in an epoch in which fewer than two drone clusters find pictures of the
    map. Labels that teach little, because one cluster has most pictures, are a warning.

    Args:
        queries: unit descriptors (N, D) of the view that is located.
        references: of the map's (M, D), each as often as it has copies.
        epoch: number of the epoch.
        previous: labels of the epoch before, None for the first.
        config: of the method.
        seed: of the run.
        device: where cosines are computed.

    Raises:
        ParameterError: fewer than two clusters and no epoch before, or descriptors that are not finite.
    """
    for view, features in (("query", queries), ("reference", references)):
        _require_finite(features, view)
    query = _query_labels(queries, previous, config)
    own = _reference_labels(references, previous, config)
    apart = EpochLabels(query, own, own)
    if epoch < config.enhancement.epoch:
        return apart
    noise_seed = int(np.random.SeedSequence([seed, _NOISE_STREAM, epoch]).generate_state(1)[0])
    given = Enhancement(config.enhancement, device)(queries, references, query, own, noise_seed)
    if len(np.unique(given[given >= 0])) < _LEAST_CLUSTERS:
        _LOG.warning(
            "epoch %d: hardly a picture of the map is like a drone cluster; labels stay apart", epoch
        )
        return apart
    return replace(apart, reference=given, shared=True)


def centroids(features: Float32Array, labels: Int64Array) -> Float32Array:
    """Return unit means (K, D) of the descriptors (N, D) with each label (N,) of 0..K-1; -1 is left out.

    On the CPU, where sums come out the same each time. A label whose pictures cancel out has a row of zeros.
    """
    kept = np.flatnonzero(labels >= 0)
    shape = (int(labels.max()) + 1, len(kept))
    members = coo_array((np.ones(len(kept), np.float32), (labels[kept], np.arange(len(kept)))), shape).tocsr()
    return normalised(members @ features[kept])


def _require_finite(features: Float32Array, view: str) -> None:
    broken = int((~np.isfinite(features)).any(axis=1).sum())
    if broken:
        raise ParameterError(
            f"the descriptors of {broken} of {len(features)} training pictures of the {view} view are not "
            "finite: the weights are broken; lower optimiser.learning_rate and begin again."
        )


def query_clustering(config: DmnilConfig, count: int) -> ClusterConfig:
    """Return how so many pictures of the view that is located are clustered."""
    wanted = config.clusters
    asked = ClusterConfig(
        k1=wanted.k1, k2=wanted.k2, eps=wanted.query_eps, min_samples=wanted.query_min_samples
    )
    return _fitting(asked, count)


def _query_labels(features: Float32Array, previous: EpochLabels | None, config: DmnilConfig) -> Int64Array:
    asked = query_clustering(config, len(features))
    return _clustered(features, previous.query if previous else None, asked, "query")


def _reference_labels(
    features: Float32Array, previous: EpochLabels | None, config: DmnilConfig
) -> Int64Array:
    wanted = config.clusters
    if wanted.reference_labels == "own":
        return np.arange(len(features)) // config.copies
    asked = ClusterConfig(
        k1=wanted.k1, k2=wanted.k2, eps=wanted.reference_eps, min_samples=wanted.reference_min_samples
    )
    return _clustered(features, previous.own_reference if previous else None, asked, "reference")


def _fitting(config: ClusterConfig, count: int) -> ClusterConfig:
    """Return a view of fewer pictures than k1 has that many neighbours at most."""
    return replace(config, k1=min(config.k1, count), k2=min(config.k2, count))


def _clustered(
    features: Float32Array, previous: Int64Array | None, config: ClusterConfig, view: str
) -> Int64Array:
    most = len(features)
    found = cluster(features, _fitting(config, most))
    if found.count >= _LEAST_CLUSTERS:
        if found.warning:
            _LOG.warning("%s view: %s", view, found.warning)
        return found.labels
    what = "one cluster" if found.count else "no cluster, all outliers"
    if previous is not None:
        _LOG.warning("the %d %s pictures are %s; the epoch before decides", most, view, what)
        return previous
    change = "lower" if found.count else "raise"
    raise ParameterError(
        f"the {most} training pictures of the {view} view are {what}, so there is nothing to tell apart; "
        f"{change} method.clusters.{view}_eps={config.eps}, or lower "
        + (f"k1={config.k1}." if found.count else f"{view}_min_samples={config.min_samples}.")
    )
