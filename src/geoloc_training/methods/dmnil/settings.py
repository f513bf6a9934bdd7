# SPDX-License-Identifier: Apache-2.0
"""What can be set about DMNIL; the numbers are those of the authors' release unless marked RECONSTRUCTED."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from geoloc_training.checks import require, require_choice
from geoloc_training.contract import MethodSettings
from geoloc_training.datasets.data_config import REGION

# What `mode: release` makes of settings that are left at their defaults: what the authors' code does.
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
    """Pseudo-labels: DBSCAN on k-reciprocal Jaccard distances, each view alone, every epoch.

    Attributes:
        k1: neighbours that must be mutual.
        k2: neighbours whose sets are averaged.
        query_eps: farthest distance of neighbours in the view that is located.
        reference_eps: in the map's. Those of SUES-200 and DenseUAV are not published.
        query_min_samples: pictures within that distance that make one the core of a cluster, itself included.
        reference_min_samples: in the map's view. The release has 4 and copies each picture so often that
            even a single one is a cluster. RECONSTRUCTED: 1 and no copies, so that every picture of the map
            is learnt from and near duplicates are one place.
        reference_labels: "clusters", or "own": a label for each picture of the map.
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
                getattr(self, name) >= 1, f"method.clusters.{name}={getattr(self, name)} must be above 0."
            )
        require(
            1 <= self.k2 <= self.k1,
            f"method.clusters.k2={self.k2} must lie in 1..k1, and k1={self.k1} be above 0; use 6 and 30.",
        )
        for name in ("query_eps", "reference_eps"):
            value = getattr(self, name)
            require(
                0 < value < 1,
                f"method.clusters.{name}={value} is a Jaccard distance: use 0..1, 0.4 is usual.",
            )
        require_choice(self, "method.clusters", "reference_labels", "clusters", "own")


@dataclass(frozen=True)
class MemorySettings:
    """Cluster memories, one row a cluster, and picture memories, one row a training picture.

    Attributes:
        first_momentum: weight of a cluster's old row beside the batch's, in the first epoch.
        momentum: afterwards.
        picture_momentum: weight of a picture's old row.
        repeated: what several rows of one cluster or picture in a batch do: "mean" moves the memory once, to
            their mean; "sequence" moves it by each in turn, so that the last one weighs most (release).
            RECONSTRUCTED: mean, which depends on no order.
        picture_rows: "unit" descriptors enter the picture memory, or "raw" ones of about 28 times the length,
            which leave a quarter of the old row (release, by oversight). RECONSTRUCTED: unit.
    """

    first_momentum: float = 0.2
    momentum: float = 0.1
    picture_momentum: float = 0.9
    repeated: str = "mean"
    picture_rows: str = "unit"

    def __post_init__(self) -> None:
        for name in ("first_momentum", "momentum", "picture_momentum"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"method.memory.{name}={value} is the weight of the old row: use 0..1.")
        require_choice(self, "method.memory", "repeated", "mean", "sequence")
        require_choice(self, "method.memory", "picture_rows", "unit", "raw")


@dataclass(frozen=True)
class LevelSettings:
    """DHML: a short-term and a long-term memory of each cluster.

    Attributes:
        weight: of its loss.
        new: weight of the batch's rows in the short-term memory.
        keep: of the old row. RECONSTRUCTED: 0.8, a true moving average; the release's 0.7 shrinks rows to
            2/3.
        long_share: of the long-term memory in what is compared with.
        start: both begin an epoch as "centroids" or "zeros" (release), beside whose zero logits a cluster
            that has been seen wins without effort. RECONSTRUCTED: centroids.
        repeated: of several rows of one cluster the "mean" or the "last" counts (release, where later
            writes replace earlier ones). RECONSTRUCTED: mean.
        in_shared: keep both memories once labels are shared; the release gives them up.
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
            require(0 <= value <= 1, f"method.levels.{name}={value} must lie in 0..1.")
        require_choice(self, "method.levels", "start", "centroids", "zeros")
        require_choice(self, "method.levels", "repeated", "mean", "last")


@dataclass(frozen=True)
class EvolutionSettings:
    """ICEL: pictures drawn to the neighbours that the picture memories give them.

    In the release each of the four directions (within a view, and across both ways) comes twice, on the same
    features: with λ = 1, multiplied by 0 in three of four, and with λ = 0.5. So what it learns from is 0.5 of
    each loss, and 0.5 · 1 + 0.1 · 0.5 = 0.55 of that from map to drone. RECONSTRUCTED: 0.5 everywhere, and
    the regulariser, multiplied by 0 but for that direction, everywhere too. A further term of the release,
    minus an entropy cut off below 0, is always 0 and left out.

    Attributes:
        intra_epoch: first epoch with neighbours of the same view.
        cross_epoch: first epoch with neighbours of the other view.
        alternate: across views, from map to drone in even epochs and back in odd ones; false for both in all.
        threshold: how similar to a picture's nearest its neighbours are at least, as a share.
        neighbours: weight of each direction's loss.
        reference_to_query: of that from map to drone.
        uniform: weight of the regulariser, which keeps the most similar ones similar alike.
        uniform_count: how many it looks at.
        uniform_terms: "all" directions are regularised or "reference_to_query" alone.
        uniform_rows: it looks at each picture's "own" most similar ones, or at those of the whole "batch",
            and compares pictures instead of neighbours (release, by wrong indexing).
        intra: weight of the directions within views.
        cross: of those across.
        enhanced: of either once labels are shared.
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
            f"method.evolution.threshold={self.threshold} is a share: use 0..1, 0.9 is usual.",
        )
        require(
            min(self.intra_epoch, self.cross_epoch) >= 0 and self.uniform_count > 0,
            f"method.evolution.intra_epoch={self.intra_epoch} and cross_epoch={self.cross_epoch} must not be "
            f"negative, uniform_count={self.uniform_count} must be above 0.",
        )
        for name in ("neighbours", "reference_to_query", "uniform", "intra", "cross", "enhanced"):
            value = getattr(self, name)
            require(value >= 0, f"method.evolution.{name}={value} must not be negative; 0 leaves it out.")
        require_choice(self, "method.evolution", "uniform_terms", "all", "reference_to_query")
        require_choice(self, "method.evolution", "uniform_rows", "own", "batch")


@dataclass(frozen=True)
class EnhancementSettings:
    """Labels of drone clusters for the map's pictures, so that one memory is shared by both views.

    Attributes:
        by: "votes" of the nearest drone pictures, or of a `region` the "path" that its frames were taken
            along (see `label_free.region_batches`).
        epoch: first epoch with shared labels.
        nearest: drone pictures whose labels a picture of the map hears.
        noise_length: expected length of the noise added for a second opinion, beside a descriptor's 1; the
            release's is 1.39 (0.05 in each of 768 dimensions). RECONSTRUCTED: 0.5, less than the signal.
        renormalise: bring noisy descriptors back to length 1. RECONSTRUCTED: true.
        smooth_over: most similar pictures of the map, itself included, that vote on a picture's label.
        smooth_within: of those only the ones of the same "cluster" of the map, or "all". With copies, as in
            the release, the most similar are copies anyway; without them "all" would mix places.
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
            f"method.enhancement.epoch={self.epoch} and noise_length={self.noise_length} must not be "
            f"negative, nearest={self.nearest} and smooth_over={self.smooth_over} must be above 0.",
        )
        require_choice(self, "method.enhancement", "by", "votes", "path")
        require_choice(self, "method.enhancement", "smooth_within", "cluster", "all")


@dataclass(frozen=True)
class DmnilConfig(MethodSettings):
    """The whole method.

    Attributes:
        name: chooses this method.
        mode: "clean", the defaults as they stand; in "release" every setting that is left at its default, and
            that the release has otherwise, becomes the release's.
        steps_per_epoch: batches between two clusterings.
        instances: pictures of each cluster in a batch, so that it has optimiser.pairs / instances clusters.
        reference_views: variations of each picture of the map in a batch.
        copies: of each picture of the map. RECONSTRUCTED: 1; the release has 50, and 2 in DenseUAV, for the
            sake of DBSCAN (see `clusters.reference_min_samples`).
        mirrored: describe pictures together with their mirror images; false where north is up in both views.
        label_free: log, with every validation, figures that need no truth (see `label_free.stopping`), and
            choose weights by them where no places are held out.
        temperature: of every softmax.
        cluster_weight: of the cluster memories' loss: the release keeps each of them twice, to the same
            numbers.
        clusters: pseudo-labels.
        memory: cluster and picture memories.
        levels: DHML.
        evolution: ICEL.
        enhancement: shared labels.
        pictures_every: epochs between two pictures of clusters and descriptors in the run's folder; 0 draws
            none.
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
            require(getattr(self, name) >= 1, f"method.{name}={getattr(self, name)} must be above 0.")
        require(
            self.temperature > 0 and self.cluster_weight >= 0,
            f"method.temperature={self.temperature} must be above 0 and "
            f"method.cluster_weight={self.cluster_weight} not below.",
        )
        require(
            self.pictures_every >= 0,
            f"method.pictures_every={self.pictures_every} must not be negative; 0 draws no pictures.",
        )
        if self.mode == "release":
            for name, value in _released(self, _RELEASE).items():
                object.__setattr__(self, name, value)

    def check(self, data: str, pairs: int) -> None:
        """Refuse a path without places, and batches that clusters do not fill."""
        require(
            self.enhancement.by != "path" or data == REGION,
            f"method.enhancement.by=path follows a flight's frames over a map's tiles, and data '{data}' has "
            "neither order nor places; use votes.",
        )
        require(
            pairs % self.instances == 0,
            f"method.instances={self.instances} does not divide optimiser.pairs={pairs}, which is clusters "
            "times instances; choose a multiple.",
        )


def _released(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return those values of settings, nested ones too, that are at their defaults."""
    changes = {}
    for entry in fields(config):
        found = getattr(config, entry.name)
        if is_dataclass(found) and entry.name in values:
            changes[entry.name] = replace(found, **_released(found, values[entry.name]))
        elif entry.name in values and found == entry.default:
            changes[entry.name] = values[entry.name]
    return changes
