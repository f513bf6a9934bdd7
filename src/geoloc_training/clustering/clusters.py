# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels: clusters of images that presumably show one place, by DBSCAN."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_training.clustering.cluster_config import ClusterConfig
from geoloc_training.clustering.dbscan import Dbscan
from geoloc_training.clustering.jaccard import find_neighbourhoods, near_pairs

_GIANT = 0.5


@dataclass(frozen=True)
class Clusters:
    """Clusters of N images.

    Attributes:
        labels: cluster of each image, 0..count - 1, or -1 for an outlier, int64 (N,).
        sizes: number of images in each cluster, int64 (count,).
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Return the number of clusters."""
        return len(self.sizes)

    @property
    def outliers(self) -> int:
        """Return the number of images in no cluster."""
        return len(self.labels) - int(self.sizes.sum())

    @property
    def largest(self) -> int:
        """Return the number of images in the largest cluster; 0 if there is no cluster."""
        return int(self.sizes.max(initial=0))

    @property
    def warning(self) -> str:
        """Return a warning if all images are outliers or one cluster has more than half of them, else ""."""
        images = len(self.labels)
        if self.count == 0:
            return f"all {images} images are outliers; raise eps, or lower min_samples."
        if self.largest > _GIANT * images:
            return (
                f"one cluster has {self.largest} of {images} images; lower eps or k1, or start from weights "
                "that distinguish places."
            )
        return ""


def cluster(features: NDArray[np.float32], config: ClusterConfig) -> Clusters:
    """Cluster descriptors by DBSCAN on Jaccard distances; copies of an image get the same label.

    Args:
        features: L2-normalized descriptors, float32 (N, D).
        config: parameters of neighbourhoods and clusters.

    Raises:
        ParameterError: descriptors are not finite, not of length 1, or fewer than k1.
    """
    found = find_neighbourhoods(features, config.k1, config.k2)
    clusters = Dbscan(np.bincount(found.group), config.min_samples)
    for rows, columns, _ in near_pairs(found.vectors, config.eps):
        clusters.add(rows, columns)
    labels = clusters.labels()[found.group]
    return Clusters(labels, np.bincount(labels[labels >= 0]))
