# SPDX-License-Identifier: Apache-2.0
"""Settings of DMNIL; defaults are those of the authors' release unless marked RECONSTRUCTED."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from geoloc_training.checks import require, require_choice
from geoloc_training.contract import MethodSettings
from geoloc_training.datasets.data_config import REGION

# Values of the authors' code, which `mode: release` sets for settings that are left at their defaults.
_RELEASE: dict[str, Any] = {
    "copies": 50,
    "clusters": {"reference_min_samples": 4},
    "memory": {"repeated": "sequence", "picture_rows": "raw"},
    "levels": {"keep": 0.7, "start": "zeros", "repeated": "last"},
    "evolution": {
        "reference_to_query": 0.55,
        "uniform_terms": "reference_to_query",
        "uniform_rows": "batch",
    },
    "enhancement": {"noise_length": 0.05 * 768**0.5, "renormalise": False, "smooth_within": "all"},
}


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of the pseudo-labels: DBSCAN on k-reciprocal Jaccard distances in each view, every epoch.

    Attributes:
        k1: number of neighbours that must be mutual.
        k2: number of neighbours whose sets are averaged.
        query_eps: DBSCAN's eps for drone images, a Jaccard distance.
        reference_eps: DBSCAN's eps for map images. The values for SUES-200 and DenseUAV are not published.
        query_min_samples: DBSCAN's min_samples for drone images, including the image itself.
        reference_min_samples: DBSCAN's min_samples for map images. The release uses 4, and copies each image
            so often that a single image forms a cluster. RECONSTRUCTED: 1 without copies, so that every map
            image is used and near duplicates form one place.
        reference_labels: "clusters", or "own" for a separate label for each map image.
    """

    k1: int = 30
    k2: int = 6
    query_eps: float = 0.4
    reference_eps: float = 0.3
    query_min_samples: int = 4
    reference_min_samples: int = 1
    reference_labels: str = "clusters"

    def __post_init__(self) -> None:
        for name in ("query_min_samples", "reference_min_samples"):
            require(
                getattr(self, name) >= 1,
                f"method.clusters.{name}={getattr(self, name)} is not positive; use 1 or more.",
            )
        require(
            1 <= self.k2 <= self.k1,
            f"method.clusters.k2={self.k2} is not in 1..k1 with k1={self.k1}; use values such as 6 and 30.",
        )
        for name in ("query_eps", "reference_eps"):
            value = getattr(self, name)
            require(
                0 < value < 1,
                f"method.clusters.{name}={value} is no Jaccard distance; use a number between 0 and 1, such "
                "as 0.4.",
            )
        require_choice(self, "method.clusters", "reference_labels", "clusters", "own")


@dataclass(frozen=True)
class MemorySettings:
    """Settings of cluster memories, a row for each cluster, and image memories, a row for each image.

    Attributes:
        first_momentum: weight of a cluster's old row in the first epoch.
        momentum: weight of a cluster's old row after the first epoch.
        picture_momentum: weight of an image's old row.
        repeated: treatment of several rows of one cluster or image in a batch. "mean" updates the memory
            once by their mean; "sequence" updates it by each row in turn, so that the last row has the most
            weight (release). RECONSTRUCTED: mean, which does not depend on the order.
        picture_rows: descriptors that enter the image memory: "unit", or "raw" with about 28 times the
            length, which leave a quarter of the old row (release, an oversight). RECONSTRUCTED: unit.
    """

    first_momentum: float = 0.2
    momentum: float = 0.1
    picture_momentum: float = 0.9
    repeated: str = "mean"
    picture_rows: str = "unit"

    def __post_init__(self) -> None:
        for name in ("first_momentum", "momentum", "picture_momentum"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"method.memory.{name}={value} is no weight of the old row; use 0 to 1.")
        require_choice(self, "method.memory", "repeated", "mean", "sequence")
        require_choice(self, "method.memory", "picture_rows", "unit", "raw")


@dataclass(frozen=True)
class LevelSettings:
    """Settings of DHML, a short-term and a long-term memory of each cluster.

    Attributes:
        weight: weight of the loss.
        new: weight of the batch's rows in the short-term memory.
        keep: weight of the old row in the short-term memory. RECONSTRUCTED: 0.8, a true moving average; the
            release's 0.7 shrinks rows to 2/3.
        long_share: share of the long-term memory in the combination that rows are compared with.
        start: value of both memories at the start of an epoch, "centroids" or "zeros" (release). With zeros,
            clusters that a batch has not updated have logits of zero, so updated clusters win trivially.
            RECONSTRUCTED: centroids.
        repeated: treatment of several rows of one cluster: the "mean" or the "last" row counts (release,
            where later writes replace earlier ones). RECONSTRUCTED: mean.
        in_shared: whether to keep both memories once labels are shared; the release drops them.
    """

    weight: float = 0.2
    new: float = 0.2
    keep: float = 0.8
    long_share: float = 0.7
    start: str = "centroids"
    repeated: str = "mean"
    in_shared: bool = False

    def __post_init__(self) -> None:
        for name in ("weight", "new", "keep", "long_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"method.levels.{name}={value} is out of range; use 0 to 1.")
        require_choice(self, "method.levels", "start", "centroids", "zeros")
        require_choice(self, "method.levels", "repeated", "mean", "last")


@dataclass(frozen=True)
class EvolutionSettings:
    """Settings of ICEL, which pulls images towards their neighbours in the image memories.

    The release computes each of the four directions (two within a view, two across views) twice on the same
    features, with λ = 1 and with λ = 0.5, and multiplies the first by 0 in three directions. The effective
    weight of each loss is therefore 0.5, and 0.5 · 1 + 0.1 · 0.5 = 0.55 from map to drone. RECONSTRUCTED: the
    weight is 0.5 in all directions, and all directions are regularized, which the release does only from map
    to drone. A further term of the release, minus an entropy clipped below 0, is always 0 and omitted.

    Attributes:
        intra_epoch: first epoch with neighbours in the same view.
        cross_epoch: first epoch with neighbours in the other view.
        alternate: whether directions across views alternate, map to drone in even epochs and drone to map in
            odd epochs; false uses both in every epoch.
        threshold: least similarity of a neighbour, as a share of the nearest image's similarity.
        neighbours: weight of each direction's loss.
        reference_to_query: weight of the loss from map to drone.
        uniform: weight of the regularizer, which equalizes the similarities of the most similar images.
        uniform_count: number of most similar images in the regularizer.
        uniform_terms: regularized directions, "all" or only "reference_to_query".
        uniform_rows: images in the regularizer: "own" takes each image's most similar images; "batch" takes
            those of the whole batch and compares images instead of neighbours (release, by wrong indexing).
        intra: weight of the directions within views.
        cross: weight of the directions across views.
        enhanced: weight of all directions once labels are shared.
    """

    intra_epoch: int = 1
    cross_epoch: int = 10
    alternate: bool = True
    threshold: float = 0.9
    neighbours: float = 0.5
    reference_to_query: float = 0.5
    uniform: float = 0.01
    uniform_count: int = 10
    uniform_terms: str = "all"
    uniform_rows: str = "own"
    intra: float = 1.0
    cross: float = 0.5
    enhanced: float = 0.1

    def __post_init__(self) -> None:
        require(
            0 < self.threshold < 1,
            f"method.evolution.threshold={self.threshold} is no share; use a number between 0 and 1, such as "
            "0.9.",
        )
        require(
            min(self.intra_epoch, self.cross_epoch) >= 0 and self.uniform_count > 0,
            f"method.evolution.intra_epoch={self.intra_epoch}, cross_epoch={self.cross_epoch} or "
            f"uniform_count={self.uniform_count} is out of range; use epochs from 0 and a count from 1.",
        )
        for name in ("neighbours", "reference_to_query", "uniform", "intra", "cross", "enhanced"):
            value = getattr(self, name)
            require(value >= 0, f"method.evolution.{name}={value} is negative; use 0 to disable it, or more.")
        require_choice(self, "method.evolution", "uniform_terms", "all", "reference_to_query")
        require_choice(self, "method.evolution", "uniform_rows", "own", "batch")


@dataclass(frozen=True)
class EnhancementSettings:
    """Settings of shared labels, which give map images the labels of drone clusters.

    Attributes:
        by: rule of the labels: "votes" of the nearest drone images, or for a `region` the "path" of the
            flight (see `label_free.region_batches`).
        epoch: first epoch with shared labels.
        nearest: number of nearest drone images whose labels a map image considers.
        noise_length: expected length of the noise added to unit descriptors for the second set of votes; the
            release's is 1.39 (0.05 in each of 768 dimensions). RECONSTRUCTED: 0.5, less than the signal.
        renormalise: whether to normalize noisy descriptors. RECONSTRUCTED: true.
        smooth_over: number of most similar map images, including the image itself, that vote on a label.
        smooth_within: voters among them, only the same map "cluster" or "all". With copies, as in the
            release, the most similar images are copies anyway; without copies "all" would mix places.
            RECONSTRUCTED: cluster.
    """

    by: str = "votes"
    epoch: int = 20
    nearest: int = 10
    noise_length: float = 0.5
    renormalise: bool = True
    smooth_over: int = 5
    smooth_within: str = "cluster"

    def __post_init__(self) -> None:
        require(
            self.epoch >= 0 and self.nearest > 0 and self.smooth_over > 0 and self.noise_length >= 0,
            f"method.enhancement.epoch={self.epoch}, noise_length={self.noise_length}, "
            f"nearest={self.nearest} or smooth_over={self.smooth_over} is out of range; use 0 or more for "
            "the first two, and 1 or more for the others.",
        )
        require_choice(self, "method.enhancement", "by", "votes", "path")
        require_choice(self, "method.enhancement", "smooth_within", "cluster", "all")


@dataclass(frozen=True)
class DmnilConfig(MethodSettings):
    """Settings of DMNIL.

    Attributes:
        name: name of the method.
        mode: "clean" keeps the defaults. "release" sets every setting left at its default to the release's
            value, where that differs.
        steps_per_epoch: number of batches between two clusterings.
        instances: images of each cluster in a batch, which then has optimiser.pairs / instances clusters.
        reference_views: augmented variants of each map image in a batch.
        copies: copies of each map image. RECONSTRUCTED: 1; the release has 50, or 2 for DenseUAV, as DBSCAN
            requires there (see `clusters.reference_min_samples`).
        mirrored: whether descriptors for clustering average an image and its mirror image; use false if both
            views are north-up.
        label_free: whether each validation logs figures that need no truth (see `label_free.stopping`). They
            choose the weights if no places are held out.
        temperature: temperature of every softmax.
        cluster_weight: weight of the cluster memories' loss; 2, because the release computes it twice with
            equal results.
        clusters: pseudo-labels.
        memory: cluster and image memories.
        levels: DHML.
        evolution: ICEL.
        enhancement: shared labels.
        pictures_every: epochs between plots of clusters and descriptors in the run's folder; 0 for no plots.
    """

    name: str = "dmnil"
    mode: str = "clean"
    steps_per_epoch: int = 400
    instances: int = 4
    reference_views: int = 2
    copies: int = 1
    mirrored: bool = True
    label_free: bool = False
    temperature: float = 0.05
    cluster_weight: float = 2.0
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    levels: LevelSettings = field(default_factory=LevelSettings)
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    enhancement: EnhancementSettings = field(default_factory=EnhancementSettings)
    pictures_every: int = 5

    def __post_init__(self) -> None:
        require_choice(self, "method", "mode", "clean", "release")
        for name in ("steps_per_epoch", "instances", "reference_views", "copies"):
            require(
                getattr(self, name) >= 1,
                f"method.{name}={getattr(self, name)} is not positive; use 1 or more.",
            )
        require(
            self.temperature > 0 and self.cluster_weight >= 0,
            f"method.temperature={self.temperature} or method.cluster_weight={self.cluster_weight} is out of "
            "range; use a positive temperature and a weight of 0 or more.",
        )
        require(
            self.pictures_every >= 0,
            f"method.pictures_every={self.pictures_every} is negative; use 0 for no plots, or more.",
        )
        if self.mode == "release":
            for name, value in _released(self, _RELEASE).items():
                object.__setattr__(self, name, value)

    def check(self, data: str, pairs: int) -> None:
        """Raise `ParameterError` if labels by path lack positions, or if instances do not fill a batch."""
        require(
            self.enhancement.by != "path" or data == REGION,
            f"method.enhancement.by=path needs the order of frames and the positions of tiles, but data "
            f"'{data}' has neither; use votes.",
        )
        require(
            pairs % self.instances == 0,
            f"method.instances={self.instances} does not divide optimiser.pairs={pairs}; set optimiser.pairs "
            "to a multiple.",
        )


def _released(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return the given values for all settings, also nested ones, that are at their defaults."""
    changes = {}
    for entry in fields(config):
        found = getattr(config, entry.name)
        if is_dataclass(found) and entry.name in values:
            changes[entry.name] = replace(found, **_released(found, values[entry.name]))
        elif entry.name in values and found == entry.default:
            changes[entry.name] = values[entry.name]
    return changes
