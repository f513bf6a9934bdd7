# SPDX-License-Identifier: Apache-2.0
"""One view's rows of a batch, as losses and memories see them."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from geoloc_training.distributed import gather_rows


@dataclass(frozen=True)
class Side:
    """Rows of all ranks.

    Attributes:
        raw: descriptors as the network makes them, float32 (N, D), with gradient.
        unit: the same, L2-normalised.
        labels: of their clusters, int64 (N,).
        rows: numbers of their pictures, int64 (N,).
    """

    raw: Tensor
    unit: Tensor
    labels: Tensor
    rows: Tensor

    @classmethod
    def gathered(cls, raw: Tensor, labels: Tensor, rows: Tensor) -> "Side":
        """Return this rank's descriptors (N, D) with labels and pictures (N,), and those of the others."""
        every = gather_rows(raw)
        return cls(every, functional.normalize(every, dim=1), gather_rows(labels), gather_rows(rows))

    def detached(self) -> "Side":
        """Return the same without gradient."""
        return Side(self.raw.detach(), self.unit.detach(), self.labels, self.rows)
