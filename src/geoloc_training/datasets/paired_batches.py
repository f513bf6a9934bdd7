# SPDX-License-Identifier: Apache-2.0
"""Batches of a published data set: pairs of image files, in the order planned for the epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloc.arrays import Int32Array, Int64Array
from geoloc.errors import ModelError, ParameterError
from geoloc_training.contract import Batch, DescribeItems
from geoloc_training.datasets.data_config import DataConfig
from geoloc_training.datasets.image_files import read_square
from geoloc_training.datasets.sampling import (
    neighbours_by_descriptor,
    neighbours_on_the_ground,
    plan_epoch,
    sample_table,
    steps_per_epoch,
)
from geoloc_training.distributed import share_of
from geoloc_training.items import Item, TrainingSplit

Augment = Callable[[Batch, int, int], Batch]

_DRAW_STREAM = 2  # separates these random numbers from other uses of the same seed


class ImageBatches:
    """A `BatchSource` of image files; places are numbered in the order of their sorted ids.

    Args:
        split: training split; queries without a match are left out.
        size_px: side of the views.
        pairs: number of pairs in a batch, over all ranks.
        seed: seed of the run.
        data: configuration that decides which pairs share a batch.
        augment: augmentation of a batch on the training device, (batch, step, rank) -> batch, or None.

    Raises:
        ParameterError: there are fewer places than a batch needs, or GPS sampling lacks positions.
    """

    def __init__(
        self,
        split: TrainingSplit,
        size_px: int,
        pairs: int,
        seed: int,
        data: DataConfig,
        augment: Augment | None = None,
    ) -> None:
        self.split, self.size_px, self.pairs, self.seed = split, size_px, pairs, seed
        self.data = data
        self.augment = augment
        self.table = sample_table(split)
        self.places = self.table.place_count
        self.steps_per_epoch = steps_per_epoch(self.table, pairs)
        self._on_the_ground = self._positions_neighbours()
        self._similar: Int32Array | None = None
        self._epoch = -1
        self._plan: Int64Array | None = None

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Plan an epoch; a resumed epoch keeps its plan.

        `describe` must return the same descriptors on all ranks.
        """
        if epoch == self._epoch:
            return
        due = epoch > 0 and epoch % self.data.resample_every == 0
        if self.data.sampling == "similarity" and due and describe is not None:
            self._similar = self._described_neighbours(describe)
        near = self._on_the_ground if self._similar is None else self._similar
        self._plan = plan_epoch(self.table, self.pairs, self.seed, epoch, near, select=self.data.neighbours)
        self._epoch = epoch

    def batch(self, step: int, rank: int, ranks: int) -> Batch:
        """Return this rank's part of the batch of a step, views uint8 (N, S, S, 3).

        Raises:
            RasterError: an image cannot be read.
            ParameterError: the ranks cannot share the batch evenly.
        """
        part = share_of(self.pairs, rank, ranks)
        epoch, row = divmod(step, self.steps_per_epoch)
        if self._plan is None or epoch != self._epoch:
            raise RuntimeError(
                f"step {step} belongs to epoch {epoch}, which is not planned; call start_epoch first."
            )
        samples = self._plan[row]
        drawn = self._draw(samples, step)
        return self._load(samples[part], drawn[part])

    def finish(self, batch: Batch, step: int, rank: int) -> Batch:
        """Augment the batch on its device."""
        return batch if self.augment is None else self.augment(batch, step, rank)

    def state_dict(self) -> dict[str, Any]:
        """Return the plan of the epoch and the neighbours behind it, as tensors and plain values."""
        return {
            "epoch": self._epoch,
            "plan": None if self._plan is None else torch.from_numpy(self._plan.copy()),
            "alike": None if self._similar is None else torch.from_numpy(self._similar.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved plan.

        Raises:
            ModelError: the plan was made for other data or another batch size.
        """
        plan, similar = _array(state["plan"]), _array(state["alike"])
        samples, groups = len(self.table.queries), len(self.table.references)
        fits = plan is None or (plan.shape == (self.steps_per_epoch, self.pairs) and plan.max() < samples)
        fits &= similar is None or (len(similar) == samples and similar.max(initial=-1) < groups)
        if not fits:
            raise ModelError(
                f"the checkpoint's plan does not fit {samples} training images in batches of {self.pairs}; "
                "give the data and optimiser.pairs that the run began with, or another --out."
            )
        self._epoch, self._plan, self._similar = int(state["epoch"]), plan, similar

    def _positions_neighbours(self) -> Int32Array | None:
        if self.data.sampling == "random":
            return None
        near = neighbours_on_the_ground(self.split, self.table, self.data.pool)
        if near is None and self.data.sampling == "gps":
            raise ParameterError(
                "data.sampling=gps needs a position for every training image and some images have none; "
                "use similarity or random."
            )
        return near

    def _described_neighbours(self, describe: DescribeItems) -> Int32Array:
        queries = describe([self.split.queries[i] for i in self.table.queries])
        references = describe([self.split.references[j] for j in self.table.references])
        return neighbours_by_descriptor(queries, references, self.table.groups, self.data.pool)

    def _draw(self, samples: Int64Array, step: int) -> Int64Array:
        """Return which match each sample of the batch is paired with, drawn by weight, int64 (N,)."""
        rng = np.random.default_rng([self.seed, _DRAW_STREAM, step])
        weights = [self.split.weights[self.table.queries[sample]] for sample in samples]
        return np.array([_choose(some, rng.random()) for some in weights], np.int64)

    def _load(self, samples: Int64Array, drawn: Int64Array) -> Batch:
        queries = self.table.queries[samples]
        matches = [self.split.matches[i][d] for i, d in zip(queries, drawn, strict=True)]
        weights = [self.split.weights[i][d] for i, d in zip(queries, drawn, strict=True)]
        return Batch(
            query=self._views([self.split.queries[i] for i in queries]),
            reference=self._views([self.split.references[j] for j in matches]),
            ids=torch.from_numpy(self.table.places[samples]),
            weights=torch.tensor(weights, dtype=torch.float32),
        )

    def _views(self, items: Sequence[Item]) -> Tensor:
        return torch.from_numpy(np.stack([read_square(item.path, self.size_px) for item in items]))


def _choose(weights: Sequence[float], at: float) -> int:
    """Return an index drawn by weight, for a random number `at` in 0..1; uniform if all weights are 0."""
    shares = np.asarray(weights, np.float64)
    edges = np.cumsum(shares if shares.sum() > 0 else np.ones_like(shares))
    return int(np.searchsorted(edges, at * edges[-1], side="right"))


def _array(tensor: Tensor | None) -> NDArray[Any] | None:
    return None if tensor is None else tensor.cpu().numpy()
