# SPDX-License-Identifier: Apache-2.0
"""The first host method: one encoder for both sides, symmetric InfoNCE with a learnt temperature."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_MAX_SCALE = math.log(100.0)


def info_nce(left: Tensor, right: Tensor, scale: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Symmetric InfoNCE.

    Args:
        left: L2-normalised descriptors (N, D).
        right: their partners in the same order (N, D); every other row is a negative.
        scale: inverse temperature, a scalar.
        label_smoothing: share of the target spread over all rows.

    Returns:
        The mean of both directions' cross entropies, a scalar.
    """
    logits = scale * left @ right.T
    target = torch.arange(len(logits), device=logits.device)
    rows = functional.cross_entropy(logits, target, label_smoothing=label_smoothing)
    columns = functional.cross_entropy(logits.T, target, label_smoothing=label_smoothing)
    return (rows + columns) / 2


class Contrastive(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """An encoder and the temperature it is trained with.

    Args:
        encoder: views uint8 (N, S, S, 3) -> descriptors (N, D).
        temperature: where the learnt temperature begins.
        label_smoothing: see `info_nce`.
    """

    def __init__(self, encoder: nn.Module, temperature: float, label_smoothing: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))
        self.label_smoothing = label_smoothing

    def forward(self, maps: Tensor, drones: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of a batch of pairs, uint8 (N, S, S, 3) each, and the share of queries that find theirs."""
        # One pass over both sides, so that batch statistics are those of the mixture flown with.
        descriptors = self.encoder(torch.cat([maps, drones]))
        left, right = descriptors[: len(maps)], descriptors[len(maps) :]
        scale = self.log_scale.clamp(0.0, _MAX_SCALE).exp()
        loss = info_nce(left, right, scale, self.label_smoothing)
        found = (right @ left.T).argmax(dim=1) == torch.arange(len(maps))
        return loss, found.float().mean()
