# SPDX-License-Identifier: Apache-2.0
"""The method LPN, which classifies drone and map views by place, ring by ring."""

import torch
from torch import Tensor, nn

from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.encoder.torch_heads import RingHead, join_parts
from geoloc.errors import ParameterError
from geoloc_training.contract import Batch, Method, Outcome
from geoloc_training.distributed import gather_rows
from geoloc_training.methods.lpn.loss import part_loss, part_votes
from geoloc_training.methods.lpn.settings import LpnConfig

_INITIAL_DEVIATION = 0.001  # of the classifiers' weights, as published, so that logits start nearly equal


class Lpn(Method):
    """An encoder with rings, and a classifier for each ring that both views share.

    As published, the loss is the cross entropy, summed over views and rings. A descriptor consists of the
    rings' features before dropout and classifier, each normalized. Unlike in the published loop, both views
    pass the network at once, so that batch statistics are those of their mixture, as at runtime.

    Args:
        encoder: encoder with head "rings".
        config: settings of the classifiers.
        places: number of places; `Batch.ids` lie in 0..places-1.

    Raises:
        ParameterError: the encoder has no rings.
    """

    def __init__(self, encoder: ViewEncoder, config: LpnConfig, places: int) -> None:
        super().__init__()
        if not isinstance(encoder.head, RingHead):
            raise ParameterError(
                f"method lpn learns from rings, but model.head is '{encoder.architecture.head}'; "
                "set model.head=rings."
            )
        self.encoder = encoder
        self.dropout = nn.Dropout(config.dropout)
        size = encoder.architecture.descriptor_size // encoder.architecture.rings
        self.classifiers = nn.ModuleList(_classifier(size, places) for _ in encoder.head.bottlenecks)

    def forward(self, batch: Batch) -> Outcome:
        """Return the cross entropy of this rank's rows, and the figure place_accuracy."""
        views = torch.cat([batch.reference, batch.query])
        ids = torch.cat([batch.ids, batch.ids])
        parts = self.encoder.head.parts(self.encoder.features(views))
        logits = self._classify(self.dropout(parts))
        # Twice the mean over both views' rows is the sum of the views' means.
        loss = 2 * part_loss(logits, ids)
        sides = join_parts(parts).split(len(batch.ids))
        reference, query = (gather_rows(side) for side in sides)
        accuracy = (part_votes(logits.detach()) == ids).float().mean()
        return Outcome(loss, query, reference, gather_rows(batch.ids), {"place_accuracy": accuracy})

    def _classify(self, parts: Tensor) -> Tensor:
        """Return logits (N, P, places) of parts (N, P, K)."""
        return torch.stack([c(parts[:, i]) for i, c in enumerate(self.classifiers)], dim=1)


def _classifier(size: int, places: int) -> nn.Linear:
    linear = nn.Linear(size, places)
    nn.init.normal_(linear.weight, std=_INITIAL_DEVIATION)
    nn.init.zeros_(linear.bias)
    return linear
