# SPDX-License-Identifier: Apache-2.0
"""Adds DPHR's loss to the loss of any method."""

from dataclasses import replace

from torch import nn

from geoloc_training.contract import Batch, Method, Outcome
from geoloc_training.methods.dphr.loss import triplet_losses
from geoloc_training.methods.dphr.progress import Palw
from geoloc_training.methods.dphr.settings import DphrConfig


class Dphr(Method):
    """A method with the loss L = L_host + γ (L_tri + λ L_wtri), arXiv 2510.27181.

    Args:
        host: wrapped method, whose encoder is evaluated and exported.
        config: settings of DPHR.
    """

    def __init__(self, host: Method, config: DphrConfig) -> None:
        super().__init__()
        self.host = host
        self.palw = Palw(config)
        self.config = config

    @property
    def encoder(self) -> nn.Module:
        """Return the host's encoder; as an attribute it would be in checkpoints twice."""
        return self.host.encoder

    def forward(self, batch: Batch) -> Outcome:
        """Return the host's outcome with DPHR's losses and figures (`dphr_…`) added."""
        outcome = self.host(batch)
        losses = triplet_losses(outcome.query, outcome.reference, outcome.ids, self.config)
        coefficient = self.palw(losses.plain)
        added = self.config.weight * (losses.plain + coefficient * losses.weighted)
        figures = {
            "dphr_triplet": losses.plain.detach(),
            "dphr_weighted": losses.weighted.detach(),
            "dphr_active": losses.active,
            "dphr_alpha": self.palw.alpha.clone(),
            "dphr_lambda": coefficient,
        }
        return replace(outcome, loss=outcome.loss + added, figures={**outcome.figures, **figures})
