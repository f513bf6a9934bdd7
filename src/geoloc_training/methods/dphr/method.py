# SPDX-License-Identifier: Apache-2.0
"""PALW, DPHR's batch level, and DPHR as a whole around a host method."""

import torch
from torch import Tensor, nn

from geoloc_training.distributed import mean_over_ranks
from geoloc_training.methods.contract import Batch, Method, Outcome
from geoloc_training.methods.dphr.loss import triplet_losses
from geoloc_training.methods.dphr.settings import DphrConfig


class Palw(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """λ, the weight of hard negatives, which follows how far the plain triplet loss has come down.

    α̂ = clip(1 - mean(window) / reference, 0, 1), λ ← β λ + (1 - β) α̂, from λ = 0 on. The reference is the
    mean loss of the first W updates; until these are over α̂ is 0. Should the mean ever exceed the reference,
    the margin takes its place if that is larger: the loss of a network that tells nothing apart.
    RECONSTRUCTED: the paper says that α̂ comes from the moving average of recent unweighted losses, not how.

    State lies in buffers, so a resumed run goes on with the same numbers. With accumulated gradients every
    part of a batch is an update.

    Args:
        config: window, smoothing and margin.
    """

    window: Tensor
    updates: Tensor
    reference: Tensor
    alpha: Tensor
    coefficient: Tensor

    def __init__(self, config: DphrConfig) -> None:
        super().__init__()
        self._config = config
        self.register_buffer("window", torch.zeros(config.window))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        for name in ("reference", "alpha", "coefficient"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def update(self, loss: Tensor) -> None:
        """Take in an unweighted triplet loss, a scalar that is the same on every rank."""
        size = len(self.window)
        self.window[self.updates % size] = loss.detach().float()
        self.updates += 1
        if self.updates < size:
            return
        mean = self.window.mean()
        if self.updates == size:
            self.reference.copy_(mean)
        elif mean > self.reference:
            self.reference.clamp_(min=self._config.margin)
        # A loss of nothing from the first window on leaves nothing to wait for.
        progress = 1 - mean / self.reference if self.reference > 0 else torch.ones_like(mean)
        self.alpha.copy_(progress.clamp(0.0, 1.0))
        self.coefficient.lerp_(self.alpha, 1 - self._config.smoothing)


class Dphr(Method):
    """A host method with L_host + γ (L_tri + λ L_wtri) for its loss.

    Source: DPHR, arXiv 2510.27181, as its abstract and digests describe it; constants RECONSTRUCTED
    (see `DphrConfig`).

    Args:
        host: any method whose outcome carries descriptors of both sides.
        config: of the reweighting.
    """

    def __init__(self, host: Method, config: DphrConfig) -> None:
        super().__init__()
        self.host = host
        self.palw = Palw(config)
        self.config = config

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """The host's encoder."""
        return self.host.encoder

    def forward(self, batch: Batch) -> Outcome:
        """The host's outcome with DPHR's loss added; figures: dphr_triplet, dphr_alpha and dphr_lambda."""
        outcome: Outcome = self.host(batch)
        losses = triplet_losses(outcome.query, outcome.reference, outcome.ids, self.config)
        if self.training:
            self.palw.update(mean_over_ranks(losses.plain))
        # A copy, because the buffer changes with the next update, maybe before gradients are taken.
        coefficient = self.palw.coefficient.clone()
        figures = {
            **outcome.figures,
            "dphr_triplet": losses.plain.detach(),
            "dphr_alpha": self.palw.alpha.clone(),
            "dphr_lambda": coefficient,
        }
        loss = outcome.loss + self.config.weight * (losses.plain + coefficient * losses.weighted)
        return Outcome(loss, outcome.query, outcome.reference, outcome.ids, figures)
