# SPDX-License-Identifier: Apache-2.0
"""PALW, the batch level of DPHR: increases the weight of hard negatives with the progress of training."""

import torch
from torch import Tensor, nn

from geoloc_training.distributed import mean_over_ranks
from geoloc_training.methods.dphr.settings import DphrConfig


class Palw(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """Coefficient λ of the weighted loss, computed from the unweighted triplet losses of the last W steps.

    With L̄ the mean over the window, α̂ = clip(1 - L̄ / L_ref, 0, 1) and λ ← β λ + (1 - β) α̂, starting at 0.

    L_ref is reconstructed as "L̄ at the end of the first W steps, or m if later values exceed it". Until the
    window is full there is no reference, and α̂ and λ are 0. Then the mean of the first full window is the
    reference. If a later mean exceeds it, the margin m becomes the reference for the rest of the run; m is
    the loss of an encoder that cannot distinguish places. If the reference is 0, α̂ is 1.

    All state is in buffers, so that a run resumed from a checkpoint continues with the same numbers.

    Args:
        config: settings of DPHR.
    """

    window: Tensor
    steps: Tensor
    reference: Tensor
    alpha: Tensor
    coefficient: Tensor

    def __init__(self, config: DphrConfig) -> None:
        super().__init__()
        self.margin, self.ema = config.margin, config.ema
        self.register_buffer("window", torch.zeros(config.window))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("reference", torch.zeros(()))
        self.register_buffer("alpha", torch.zeros(()))
        self.register_buffer("coefficient", torch.zeros(()))

    @torch.no_grad()
    def forward(self, loss: Tensor) -> Tensor:
        """Return λ after this step's unweighted triplet loss, a scalar; it changes only in training.

        All values stay on the device, because copying one to the CPU would stall a GPU in every step.

        Args:
            loss: L_tri of this rank, a scalar; the mean over all ranks is used.
        """
        if self.training:
            self._step(mean_over_ranks(loss).float())
        # Return a copy, because the next step changes the buffer while a gradient may need the old value.
        return self.coefficient.clone()

    def _step(self, loss: Tensor) -> None:
        size = len(self.window)
        self.window.index_copy_(0, (self.steps % size)[None], loss[None])
        self.steps += 1
        mean = self.window.mean()
        first = self.steps == size
        exceeded = (self.steps > size) & (mean > self.reference)
        self.reference.copy_(torch.where(first, mean, self.reference))
        self.reference.copy_(torch.where(exceeded, self.margin, self.reference))
        learnt = torch.where(self.reference > 0, 1 - mean / self.reference.clamp(min=1e-12), 1.0)
        self.alpha.copy_(torch.where(self.steps >= size, learnt.clamp(0, 1), 0.0))
        self.coefficient.copy_(self.ema * self.coefficient + (1 - self.ema) * self.alpha)
