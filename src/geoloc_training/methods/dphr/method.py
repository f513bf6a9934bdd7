# SPDX-License-Identifier: Apache-2.0
"""Any method with DPHR's loss beside its own."""

from dataclasses import replace

from torch import nn

from geoloc_training.contract import Batch, Method, Outcome
from geoloc_training.methods.dphr.loss import triplet_losses
from geoloc_training.methods.dphr.progress import Palw
from geoloc_training.methods.dphr.settings import DphrConfig


class Dphr(Method):
    """L = L_host + γ (L_tri + λ L_wtri), arXiv 2510.27181.

    Args:
        host: what is wrapped; its encoder is what is evaluated and exported.
        config: of the two levels.
    """

    def __init__(self, host: Method, config: DphrConfig) -> None:
        super().__init__()
        self.host = host
        self.palw = Palw(config)
        self.config = config

    @property
    def encoder(self) -> nn.Module:
        """Return the host's; a module of its own would be in checkpoints twice."""
        return self.host.encoder

    def forward(self, batch: Batch) -> Outcome:
        """Return the host's outcome with both losses; figures: dphr_triplet, _weighted, _active and more."""
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
