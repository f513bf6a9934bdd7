# SPDX-License-Identifier: Apache-2.0
"""PALW, the batch level of DPHR: how far training has come, and so how much the hard negatives count."""

import torch
from torch import Tensor, nn

from geoloc_training.distributed import mean_over_ranks
from geoloc_training.methods.dphr.settings import DphrConfig


class Palw(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """The coefficient λ of the weighted loss, from the unweighted triplet losses of the last W steps.

    With L̄ the mean of the window: α̂ = clip(1 - L̄ / L_ref, 0, 1), and λ ← β λ + (1 - β) α̂ from λ = 0.

    L_ref is reconstructed, "L̄ at the end of the first W steps, or m if later values exceed it". We read that
    so: until the window is full there is no reference, α̂ is 0 and λ stays 0. The mean of the first full
    window is the reference from then on. Should a later mean exceed it, the start was too kind to measure
    progress by, and the margin m takes its place for good: the loss of an encoder that tells nothing apart.
    Losses whose reference is already 0 have vanished: α̂ is 1.

    All state lies in buffers, so checkpoints carry it and a resumed run goes on with the same numbers.

    Args:
        config: window, rate and margin.
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
        """Return λ after this step's unweighted triplet loss, a scalar; only training takes the step.

        Everything stays on the device: a value fetched each step would make a GPU wait.

        Args:
            loss: L_tri, a scalar; its mean over all ranks is what counts.
        """
        if self.training:
            self._step(mean_over_ranks(loss).float())
        # A copy, for the next step writes into the buffer while a gradient may still need the old value.
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
