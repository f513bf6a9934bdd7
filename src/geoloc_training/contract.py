# SPDX-License-Identifier: Apache-2.0
"""What the training loop asks of a method and of a source of batches."""

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
    """Describes pictures with the present weights."""

    def __call__(
        self, items: Sequence[Item], *, flip: bool = False, as_trained: bool = False
    ) -> NDArray[np.float32]:
        """Return L2-normalised descriptors (N, D), the same on all ranks.

        Args:
            items: pictures.
            flip: add the mirrored picture's descriptor before normalising.
            as_trained: in the precision of training steps instead of full precision.
        """


@dataclass(frozen=True)
class Batch:
    """Pairs of views in matching order.

    Attributes:
        query: drone or ground views, uint8 (N, S, S, 3).
        reference: map views, uint8 (N, S, S, 3).
        ids: number of each pair's place, int64 (N,); equal numbers are the same place.
        weights: how well each pair fits, float32 (N,), 1 where unknown.
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
    """Views of either side that nobody has paired; their ids are labels that a source has made up itself.

    Attributes:
        query: drone or ground views, uint8 (N, S, S, 3).
        reference: map views, uint8 (M, S, S, 3).
        ids: labels of the queries, int64 (N,).
        weights: 1 each, float32 (N,).
        reference_ids: labels of the references, int64 (M,); what is equal to a query's label is its method's
            to say.
        query_rows: numbers of the queries among all training pictures of their side, int64 (N,).
        reference_rows: of the references among those of theirs, int64 (M,).
    """

    reference_ids: Tensor
    query_rows: Tensor
    reference_rows: Tensor


@dataclass(frozen=True)
class Outcome:
    """What a method makes of a batch.

    Attributes:
        loss: scalar to descend on.
        query: L2-normalised descriptors of the queries of all ranks, (N, D), with gradient.
        reference: of their references in the same order; of an unpaired batch, in an order of their own.
        ids: of the pairs in the same order; of an unpaired batch, of the queries.
        figures: scalars for the log, without gradient.
    """

    loss: Tensor
    query: Tensor
    reference: Tensor
    ids: Tensor
    figures: Mapping[str, Tensor] = field(default_factory=dict)


class MethodSettings:
    """Base of the settings of a method, a frozen dataclass whose field `name` chooses the method."""

    name: str

    def check(self, data: str, pairs: int) -> None:
        """Refuse data, by name, or pairs of a batch that the method cannot learn from; most take any."""


class Method(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """An encoder with what is learnt beside it; all state lies in parameters and buffers, for checkpoints.

    Attributes:
        encoder: a `geoloc.encoder.torch_backend.ViewEncoder`; what is averaged, evaluated and exported.
    """

    encoder: nn.Module

    def forward(self, batch: Batch) -> Outcome:
        """Return loss and descriptors of a batch (this rank's part; descriptors are gathered over ranks)."""
        raise NotImplementedError

    def start_epoch(self, epoch: int, source: "BatchSource") -> Mapping[str, float]:
        """Make ready for an epoch that the source has just planned; most methods need not.

        Returns:
            Figures of the plan for the log, the same on all ranks.
        """
        return {}

    def after_step(self) -> None:
        """Take note that the weights have changed; methods with memories update these here, not earlier.

        Until a step's gradients are computed they may need what the memories held when its loss was taken.
        """

    def draw(self, run: Path, source: "BatchSource") -> None:
        """Leave pictures for people in the run's folder; most methods have none.

        The first process alone calls it, when an epoch has been planned and when all has been learnt.

        Raises:
            OSError: the disk does not take a picture.
            RasterError: a picture that is to be shown cannot be read.
        """


class BatchSource(Protocol):
    """Where batches come from. A batch depends on the seed, the step and the epoch's plan alone.

    Attributes:
        places: `Batch.ids` lie in 0..places-1; 0 where places are drawn without end (no classifier possible).
        steps_per_epoch: after so many steps a new epoch is planned.
    """

    places: int
    steps_per_epoch: int

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Plan an epoch; hard-negative sampling describes the training items with the present weights."""

    def batch(self, step: int, rank: int, ranks: int) -> Batch:
        """Draw this rank's part of a step's batch on the CPU; called ahead from several threads."""

    def finish(self, batch: Batch, step: int, rank: int) -> Batch:
        """Warp and colour a batch where it lies, on the training device."""

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch's plan, for checkpoints: tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved plan."""
