# SPDX-License-Identifier: Apache-2.0
"""Interfaces between the training loop, the methods and the sources of batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geoloc_training.items import Item


class DescribeItems(Protocol):
    """Describes images with the current weights."""

    def __call__(
        self, items: Sequence[Item], *, flip: bool = False, as_trained: bool = False
    ) -> NDArray[np.float32]:
        """Return L2-normalized descriptors (N, D), the same on all ranks.

        Args:
            items: images.
            flip: whether to add the mirrored image's descriptor before normalizing.
            as_trained: whether to use the precision of training steps instead of full precision.
        """


@dataclass(frozen=True)
class Batch:
    """Pairs of views in matching order.

    Attributes:
        query: drone or ground views, uint8 (N, S, S, 3).
        reference: map views, uint8 (N, S, S, 3).
        ids: place of each pair, int64 (N,); pairs of one place have the same number.
        weights: quality of each pair's match, 0..1, float32 (N,); 1 if unknown.
    """

    query: Tensor
    reference: Tensor
    ids: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on another device."""
        return replace(self, **{n: t.to(device, non_blocking=True) for n, t in vars(self).items()})


@dataclass(frozen=True)
class UnpairedBatch(Batch):
    """Unpaired views; their ids are pseudo-labels that the source assigns.

    Attributes:
        query: drone or ground views, uint8 (N, S, S, 3).
        reference: map views, uint8 (M, S, S, 3).
        ids: labels of the queries, int64 (N,).
        weights: ones, float32 (N,).
        reference_ids: labels of the references, int64 (M,); the method defines which of them match a query's.
        query_rows: indices of the queries among all training queries, int64 (N,).
        reference_rows: indices of the references among all training references, int64 (M,).
    """

    reference_ids: Tensor
    query_rows: Tensor
    reference_rows: Tensor


@dataclass(frozen=True)
class Outcome:
    """Loss and descriptors of a batch.

    Attributes:
        loss: scalar to minimize.
        query: L2-normalized descriptors of the queries of all ranks, (N, D), with gradient.
        reference: L2-normalized descriptors of the references, in the order of the queries; in any order if
            the batch is unpaired.
        ids: ids of the pairs in the same order; ids of the queries if the batch is unpaired.
        figures: scalars for the log, without gradient.
    """

    loss: Tensor
    query: Tensor
    reference: Tensor
    ids: Tensor
    figures: Mapping[str, Tensor] = field(default_factory=dict)


class MethodSettings:
    """Base class of a method's settings, a frozen dataclass whose field `name` chooses the method."""

    name: str

    def check(self, data: str, pairs: int) -> None:
        """Raise `ParameterError` if the method cannot use a data set or batch size; accept all by default."""


class Method(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """Encoder, loss and auxiliary parameters; all state is in parameters and buffers, for checkpoints.

    Attributes:
        encoder: a `geoloc.encoder.torch_backend.ViewEncoder`, which is averaged, evaluated and exported.
    """

    encoder: nn.Module

    def forward(self, batch: Batch) -> Outcome:
        """Return loss and descriptors of this rank's part of a batch; descriptors are gathered over ranks."""
        raise NotImplementedError

    def start_epoch(self, epoch: int, source: "BatchSource") -> Mapping[str, float]:
        """Prepare for an epoch that the source has just planned; by default, do nothing.

        Returns:
            Figures of the plan for the log, the same on all ranks.
        """
        return {}

    def after_step(self) -> None:
        """React to changed weights; methods with memories update them here and not earlier.

        The gradients of a step may need the memories as they were when its loss was computed.
        """

    def draw(self, run: Path, source: "BatchSource") -> None:
        """Write plots and contact sheets into the run's folder; by default, write nothing.

        Only the first process calls it, after an epoch has been planned and at the end of training.

        Raises:
            OSError: a file cannot be written.
            RasterError: an image to be shown cannot be read.
        """


class BatchSource(Protocol):
    """Source of batches. A batch depends only on the seed, the step and the epoch's plan.

    Attributes:
        places: number of places, `Batch.ids` lie in 0..places-1; 0 if places are sampled without end, so that
            a classifier is impossible.
        steps_per_epoch: number of steps after which a new epoch is planned.
    """

    places: int
    steps_per_epoch: int

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Plan an epoch; hard-negative sampling describes the training items with the current weights."""

    def batch(self, step: int, rank: int, ranks: int) -> Batch:
        """Prepare this rank's part of a step's batch on the CPU; several threads call it ahead of time."""

    def finish(self, batch: Batch, step: int, rank: int) -> Batch:
        """Warp and recolour a batch on its device, the training device."""

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch's plan, for checkpoints: tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a saved plan."""
