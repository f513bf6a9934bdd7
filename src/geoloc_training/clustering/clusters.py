# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels: which images DBSCAN takes for pictures of one place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_training.clustering.cluster_config import ClusterConfig
from geoloc_training.clustering.dbscan import Dbscan
from geoloc_training.clustering.jaccard import find_neighbourhoods, near_pairs

_GIANT = 0.5


@dataclass(frozen=True)
class Clusters:
    """What N images fell into.

    Attributes:
        labels: cluster of each image, 0..count - 1, or -1 for an outlier, int64 (N,).
        sizes: images of each cluster, int64 (count,).
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Return how many clusters there are."""
        return len(self.sizes)

    @property
    def outliers(self) -> int:
        """Return how many images are in no cluster."""
        return len(self.labels) - int(self.sizes.sum())

    @property
    def largest(self) -> int:
        """Return how many images the largest cluster has; 0 where there is none."""
        return int(self.sizes.max(initial=0))

    @property
    def warning(self) -> str:
        """Return why these labels teach little, in a sentence; empty where nothing is wrong.

        All images are outliers, or one cluster has more than half of them.
        """
        images = len(self.labels)
        if self.count == 0:
            return f"all {images} images are outliers; raise eps, or lower min_samples."
        if self.largest > _GIANT * images:
            return (
                f"one cluster has {self.largest} of {images} images; lower eps or k1, or start from weights "
                "that tell places apart."
            )
        return ""


def cluster(features: NDArray[np.float32], config: ClusterConfig) -> Clusters:
    """Cluster descriptors by DBSCAN on Jaccard distances; copies of an image get one label.

    Args:
        features: L2-normalised descriptors, float32 (N, D).
        config: what makes neighbours and clusters.

    Raises:
        ParameterError: descriptors that are not finite, not of length 1, or fewer than k1.
    """
    found = find_neighbourhoods(features, config.k1, config.k2)
    clusters = Dbscan(np.bincount(found.group), config.min_samples)
    for rows, columns, _ in near_pairs(found.vectors, config.eps):
        clusters.add(rows, columns)
    labels = clusters.labels()[found.group]
    return Clusters(labels, np.bincount(labels[labels >= 0]))
