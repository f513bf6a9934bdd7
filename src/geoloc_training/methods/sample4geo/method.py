# SPDX-License-Identifier: Apache-2.0
"""The method Sample4Geo: one encoder for both views, trained by InfoNCE over the batch of all ranks."""

import math

import torch
from torch import Tensor, nn

from geoloc_training.contract import Batch, Method, Outcome
from geoloc_training.distributed import gather_rows
from geoloc_training.methods.sample4geo.loss import info_nce, smoothing_of
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig

_MAX_LOG_SCALE = math.log(100.0)


class Sample4Geo(Method):
    """An encoder with a learnable temperature.

    Args:
        encoder: encoder, views uint8 (N, S, S, 3) -> L2-normalized descriptors (N, D).
        config: settings of the loss.
    """

    def __init__(self, encoder: nn.Module, config: Sample4GeoConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config
        self.log_scale = nn.Parameter(
            torch.tensor(-math.log(config.temperature)), requires_grad=config.learn_temperature
        )

    @property
    def scale(self) -> Tensor:
        """Return the inverse temperature."""
        return self.log_scale.exp()

    def forward(self, batch: Batch) -> Outcome:
        """Return InfoNCE of the pairs of all ranks; figures: batch_r1 and temperature."""
        with torch.no_grad():
            # Without bounds the scale could overflow. Clamp the parameter itself: a clamp of its value in the
            # loss would have no gradient outside the bounds, so that it could never return.
            self.log_scale.clamp_(0.0, _MAX_LOG_SCALE)
        # One pass over both views, so that batch statistics are those of their mixture, as at runtime.
        descriptors = self.encoder(torch.cat([batch.reference, batch.query]))
        reference, query = (gather_rows(side) for side in descriptors.split(len(batch.ids)))
        ids, weights = gather_rows(batch.ids), gather_rows(batch.weights)
        smoothing = smoothing_of(weights) if self.config.weighted else self.config.label_smoothing
        loss = info_nce(query, reference, self.scale, ids, smoothing)
        figures = {"batch_r1": _recall(query, reference, ids), "temperature": 1 / self.scale.detach()}
        return Outcome(loss, query, reference, ids, figures)


def _recall(query: Tensor, reference: Tensor, ids: Tensor) -> Tensor:
    """Return the share of queries whose nearest reference in the batch shows their place, a scalar."""
    nearest = (query.detach() @ reference.detach().T).argmax(dim=1)
    return (ids[nearest] == ids).float().mean()
