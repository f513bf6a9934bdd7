# SPDX-License-Identifier: Apache-2.0
"""Batches of unpaired images, by clusters that are computed anew every epoch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geoloc.arrays import Float32Array, Int64Array
from geoloc.errors import ModelError, ParameterError
from geoloc_training.clustering import cluster
from geoloc_training.contract import Batch, DescribeItems, UnpairedBatch
from geoloc_training.datasets.image_files import read_square
from geoloc_training.distributed import on_first_rank, share_of
from geoloc_training.items import Item, TrainingSplit
from geoloc_training.methods.dmnil.diagnostics import figures
from geoloc_training.methods.dmnil.labels import EpochLabels, label, query_clustering
from geoloc_training.methods.dmnil.plan import plan_view
from geoloc_training.methods.dmnil.settings import DmnilConfig

Augment = Callable[[Batch, int, int], Batch]

_VIEWS = ("query", "reference")
_PLAN_STREAM = 4  # separates these random numbers from other uses of the same seed


class ClusterBatches:
    """A `BatchSource` of unpaired image files.

    Every step has `pairs` queries and `pairs` references, the latter in several augmented variants. They are
    from pairs / instances clusters of each view, chosen independently.

    Args:
        split: training images. Its matches are never read, and its ids are used only for figures.
        size_px: side of the views in pixels.
        pairs: queries of a batch, over all ranks.
        seed: seed of the run.
        config: settings of the method.
        augment: augmentation on the training device, (batch, step, rank) -> batch; None for no augmentation.
        device: device that computes the cosines of all images.

    Attributes:
        labels: labels of the epoch planned last; None before the first.
        features: unit descriptors of queries (N, D) and references (M, D), a row for each copy, from which
            these labels were computed; None if the epoch was planned without or restored from a checkpoint.

    Raises:
        ParameterError: a view has fewer than two images.
    """

    places = 0

    def __init__(
        self,
        split: TrainingSplit,
        size_px: int,
        pairs: int,
        seed: int,
        config: DmnilConfig,
        augment: Augment | None = None,
        device: torch.device | None = None,
    ) -> None:
        for view, items in (("query", split.queries), ("reference", split.references)):
            if len(items) < 2:
                raise ParameterError(
                    f"the training split has {len(items)} images of the {view} view, fewer than 2; add data, "
                    "or hold out less with data.validation_share."
                )
        self.queries, self.references = split.queries, split.references
        self.pairs, self.seed, self.config, self.augment = pairs, seed, config, augment
        self.device = device or torch.device("cpu")
        self.size_px = size_px
        self.steps_per_epoch = config.steps_per_epoch
        self.labels: EpochLabels | None = None
        self.features: tuple[Float32Array, Float32Array] | None = None
        self._epoch = -1
        self._plan: dict[str, Int64Array] = {}

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Describe and cluster all images, then plan; without `describe` each image is its own cluster."""
        if describe is None:
            self.features, self.labels = None, self._every_picture_alone()
        else:
            self.features = self._described(describe)
            self.labels = on_first_rank(partial(self._label, *self.features, epoch))
        views = (self.labels.query, self.labels.reference)
        self._plan = {
            name: self._planned(view, epoch, name) for name, view in zip(_VIEWS, views, strict=True)
        }
        self._epoch = epoch

    def figures(self) -> dict[str, float]:
        """Return figures of the epoch's labels, with their purity if ids are known."""
        if self.labels is None:
            return {}
        copies = [item.id for item in self.references for _ in range(self.config.copies)]
        return figures(self.labels, [item.id for item in self.queries], copies)

    def batch(self, step: int, rank: int, ranks: int) -> UnpairedBatch:
        """Return this rank's part of a step's batch, views uint8; variants of a reference are adjacent.

        Raises:
            RasterError: an image cannot be read.
            ParameterError: the batch cannot be divided evenly among the ranks.
        """
        part = share_of(self.pairs, rank, ranks)
        epoch, row = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch or self.labels is None:
            raise RuntimeError(f"step {step} is of epoch {epoch}, which start_epoch has not planned")
        queries, references = (self._plan[view][row, part] for view in _VIEWS)
        return self._load(self.labels, queries, np.repeat(references, self.config.reference_views))

    def clusters(self, queries: Float32Array, references: Float32Array) -> Int64Array:
        """Cluster queries by unit descriptors (N, D) as for training, and return their labels (N,)."""
        return cluster(queries, query_clustering(self.config, len(queries))).labels

    def finish(self, batch: Batch, step: int, rank: int) -> Batch:
        """Augment the batch on its device."""
        return batch if self.augment is None else self.augment(batch, step, rank)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch's labels and plan, as tensors and plain values."""
        labels = vars(self.labels) if self.labels is not None else {}
        return {"epoch": self._epoch, "labels": _tensors(labels), "plan": _tensors(self._plan)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a saved plan.

        Raises:
            ModelError: the plan belongs to other data, another batch size or another length of epochs.
        """
        labels, plan = EpochLabels(**_arrays(state["labels"])), _arrays(state["plan"])
        queries, references = len(self.queries), len(self.references) * self.config.copies
        fits = (len(labels.query), len(labels.reference)) == (queries, references)
        fits &= all(rows.shape == (self.steps_per_epoch, self.pairs) for rows in plan.values())
        if not fits:
            raise ModelError(
                f"the checkpoint's plan is not for {queries} query and {references} reference images in "
                f"{self.steps_per_epoch} batches of {self.pairs}; use the run's initial data, "
                "optimiser.pairs and method settings, or another --out."
            )
        self._epoch, self._plan, self.labels, self.features = int(state["epoch"]), plan, labels, None

    def _described(self, describe: DescribeItems) -> tuple[Float32Array, Float32Array]:
        queries, references = (
            describe(items, flip=self.config.mirrored, as_trained=True)
            for items in (self.queries, self.references)
        )
        return queries, np.repeat(references, self.config.copies, axis=0)

    def _label(self, queries: Float32Array, references: Float32Array, epoch: int) -> EpochLabels:
        return label(queries, references, epoch, self.labels, self.config, self.seed, self.device)

    def _every_picture_alone(self) -> EpochLabels:
        own = np.arange(len(self.references) * self.config.copies)
        return EpochLabels(np.arange(len(self.queries)), own, own)

    def _planned(self, labels: Int64Array, epoch: int, view: str) -> Int64Array:
        rng = np.random.default_rng([self.seed, _PLAN_STREAM, epoch, _VIEWS.index(view)])
        instances = self.config.instances
        return plan_view(labels, self.steps_per_epoch, self.pairs // instances, instances, rng)

    def _load(self, labels: EpochLabels, queries: Int64Array, references: Int64Array) -> UnpairedBatch:
        return UnpairedBatch(
            query=self._views([self.queries[i] for i in queries]),
            reference=self._views([self.references[j // self.config.copies] for j in references]),
            ids=torch.from_numpy(labels.query[queries]),
            weights=torch.ones(len(queries)),
            reference_ids=torch.from_numpy(labels.reference[references]),
            query_rows=torch.from_numpy(queries),
            reference_rows=torch.from_numpy(references),
        )

    def _views(self, items: Sequence[Item]) -> Tensor:
        """Return the images, uint8 (N, S, S, 3), reading each file once."""
        read = {path: read_square(path, self.size_px) for path in {item.path for item in items}}
        return torch.from_numpy(np.stack([read[item.path] for item in items]))


def _tensors(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays as copied tensors; other values are unchanged."""
    return {
        name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return tensors as arrays; other values are unchanged."""
    return {name: value.numpy() if isinstance(value, Tensor) else value for name, value in values.items()}
