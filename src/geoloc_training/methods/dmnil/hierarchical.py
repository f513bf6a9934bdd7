# SPDX-License-Identifier: Apache-2.0
"""DHML: short-term and long-term memories of the clusters, and a loss against their combination.

Formulas FROM CODE (`cluster_model.py`, `DHML`). For unit rows x of cluster y, a short-term memory s and a
long-term memory l (K, D), the updates are, in this order and without gradient:

    s_y ← 0.2 x + 0.8 s_y,    α = sigmoid(mean ||x - s_y||),
    l_y ← α s_y + (1 - α) l_y,    c = 0.7 l + 0.3 s,

The loss is CE(x cᵀ / τ, y) with c not normalized. The farther the batch is from the short-term memory, the
more of that memory enters the long-term memory. The release also adds L_CM on a copy of Φ that always equals
Φ; here `DmnilConfig.cluster_weight` accounts for it.

RECONSTRUCTED: several rows of one cluster count by their mean. The short-term memory keeps 0.8 of its row
instead of 0.7 (first published as 0.8). Both memories start an epoch at the centroids instead of zero.
"""

import torch
from torch import Tensor
from torch.nn import functional

from geoloc_training.methods.dmnil.memory import Groups, SizedBuffers
from geoloc_training.methods.dmnil.settings import LevelSettings


class LevelMemory(SizedBuffers):
    """Short-term and long-term memory of the clusters of a view.

    Args:
        config: rates and choices.
        temperature: τ.

    Attributes:
        short: s (K, D).
        long: l (K, D).
    """

    short: Tensor
    long: Tensor

    def __init__(self, config: LevelSettings, temperature: float) -> None:
        super().__init__("short", "long")
        self.config, self.temperature = config, temperature

    def start(self, centroids: Tensor) -> None:
        """Start an epoch with the centroids (K, D) of its clusters."""
        begin = torch.zeros_like(centroids) if self.config.start == "zeros" else centroids
        self.short, self.long = begin.clone(), begin.clone()

    def forward(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of unit rows (N, D) with labels (N,), and α; in training, update memories first."""
        groups = Groups.of(labels)
        with torch.no_grad():
            if self.training:
                self._remember(groups, rows.detach())
            absorbed = self._absorption(rows.detach(), labels)
            if self.training:
                self._absorb(groups, absorbed)
            share = self.config.long_share
            combined = share * self.long + (1 - share) * self.short
        return functional.cross_entropy(rows @ combined.T / self.temperature, labels), absorbed

    def _remember(self, groups: Groups, rows: Tensor) -> None:
        seen = groups.mean(rows) if self.config.repeated == "mean" else groups.last(rows)
        kept = self.config.keep * self.short[groups.labels]
        groups.write(self.short, self.config.new * seen + kept)

    def _absorption(self, rows: Tensor, labels: Tensor) -> Tensor:
        """Return α, a scalar: 0.5 if rows equal the short-term memory, up to 0.88 if they are opposite."""
        return (rows - self.short[labels]).norm(dim=1).mean().sigmoid()

    def _absorb(self, groups: Groups, absorbed: Tensor) -> None:
        lately, before = self.short[groups.labels], self.long[groups.labels]
        groups.write(self.long, absorbed * lately + (1 - absorbed) * before)
