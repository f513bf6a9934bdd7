# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels of an epoch: each view is clustered, and later map images get labels of drone clusters."""

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

_NOISE_STREAM = 5  # separates these random numbers from other uses of the same seed
_LEAST_CLUSTERS = 2  # a single cluster has no negatives
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochLabels:
    """Labels of all training images, -1 for images that the epoch does not use.

    Attributes:
        query: labels of the queries, int64 (N,), 0..K-1.
        reference: labels of the references, int64 (M,).
        own_reference: labels of the references by their own clustering, int64 (M,); a later epoch may fall
            back on them.
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
    """Label all training images by their descriptors.

    A view with fewer than two clusters keeps the labels of the epoch before. Labels are shared from
    `enhancement.epoch` on, except in an epoch in which fewer than two drone clusters get map images. A
    warning is logged if one cluster contains most images.

    Args:
        queries: unit descriptors of the queries (N, D).
        references: unit descriptors of the references (M, D), repeated for each copy.
        epoch: number of the epoch.
        previous: labels of the epoch before, None for the first.
        config: settings of the method.
        seed: seed of the run.
        device: device that computes cosines.

    Raises:
        ParameterError: the first epoch has fewer than two clusters, or descriptors are not finite.
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
            "epoch %d: hardly any map image resembles a drone cluster; labels of the two views stay separate",
            epoch,
        )
        return apart
    return replace(apart, reference=given, shared=True)


def centroids(features: Float32Array, labels: Int64Array) -> Float32Array:
    """Return the unit mean (K, D) of the descriptors (N, D) of each label (N,) in 0..K-1; ignore -1.

    It runs on the CPU, where sums are reproducible. A label whose descriptors cancel out has a row of zeros.
    """
    kept = np.flatnonzero(labels >= 0)
    shape = (int(labels.max()) + 1, len(kept))
    members = coo_array((np.ones(len(kept), np.float32), (labels[kept], np.arange(len(kept)))), shape).tocsr()
    return normalised(members @ features[kept])


def _require_finite(features: Float32Array, view: str) -> None:
    broken = int((~np.isfinite(features)).any(axis=1).sum())
    if broken:
        raise ParameterError(
            f"the descriptors of {broken} of {len(features)} training images of the {view} view are not "
            "finite, because the weights have diverged; lower optimiser.learning_rate and start a new run."
        )


def query_clustering(config: DmnilConfig, count: int) -> ClusterConfig:
    """Return the clustering settings for a number of queries."""
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
    """Return clustering settings with k1 and k2 limited to the number of images."""
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
    what = "one cluster" if found.count else "no cluster"
    if previous is not None:
        _LOG.warning("the %d %s images form %s; using the labels of the epoch before", most, view, what)
        return previous
    change = "lower" if found.count else "raise"
    raise ParameterError(
        f"the {most} training images of the {view} view form {what}, but training needs at least two; "
        f"{change} method.clusters.{view}_eps={config.eps}, or lower "
        + (f"k1={config.k1}." if found.count else f"{view}_min_samples={config.min_samples}.")
    )
