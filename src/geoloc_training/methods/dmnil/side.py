# SPDX-License-Identifier: Apache-2.0
"""Rows of one view in a batch, for losses and memories."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from geoloc_training.distributed import gather_rows


@dataclass(frozen=True)
class Side:
    """Rows of one view, over all ranks.

    Attributes:
        raw: descriptors before normalization, float32 (N, D), with gradient.
        unit: L2-normalized descriptors (N, D), with gradient.
        labels: cluster labels, int64 (N,).
        rows: indices of the images, int64 (N,).
    """

    raw: Tensor
    unit: Tensor
    labels: Tensor
    rows: Tensor

    @classmethod
    def gathered(cls, raw: Tensor, labels: Tensor, rows: Tensor) -> "Side":
        """Gather descriptors (N, D), labels (N,) and image indices (N,) over all ranks."""
        every = gather_rows(raw)
        return cls(every, functional.normalize(every, dim=1), gather_rows(labels), gather_rows(rows))

    def detached(self) -> "Side":
        """Return a copy without gradient."""
        return Side(self.raw.detach(), self.unit.detach(), self.labels, self.rows)
