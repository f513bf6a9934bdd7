# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels from descriptors, by k-reciprocal Jaccard distances and DBSCAN, sparse and exact.

This package needs NumPy and SciPy only, so any method may use it.
"""

from geoloc_training.clustering.cluster_config import ClusterConfig
from geoloc_training.clustering.clusters import Clusters, cluster
from geoloc_training.clustering.jaccard import jaccard_distances

__all__ = ["ClusterConfig", "Clusters", "cluster", "jaccard_distances"]
