# SPDX-License-Identifier: Apache-2.0
"""RDA, DPHR's sample level: triplets that weigh by how hard their negative is relative to their positive."""

from dataclasses import dataclass

import torch
from torch import Tensor

from geoloc_training.methods.dphr.settings import DphrConfig

_EPSILON = 1e-8


@dataclass(frozen=True)
class TripletLosses:
    """The plain and the weighted triplet loss of one batch, scalars with gradient."""

    plain: Tensor
    weighted: Tensor


def distances(left: Tensor, right: Tensor, *, squared: bool = False) -> Tensor:
    """Euclidean distances (N, M) between L2-normalised rows (N, D) and (M, D)."""
    square = (2 - 2 * left @ right.T).clamp(min=0.0)
    # The root of an exact zero has no gradient; a distance of 1e-6 stands for it.
    return square if squared else square.clamp(min=1e-12).sqrt()


def relative_difficulty(to_positive: Tensor, to_negative: Tensor) -> Tensor:
    """Difficulty h = d_p / (d_p + d_n) of every triplet, without gradient.

    Args:
        to_positive: each anchor's distance to its positive (N,).
        to_negative: its distances to negatives (N, K).

    Returns:
        (N, K) in 0..1: 0.5 where a negative is as near as the positive, towards 1 where it is much nearer.
    """
    positive = to_positive.detach()[:, None]
    return positive / (positive + to_negative.detach() + _EPSILON)


def hardness_weights(difficulty: Tensor, weight_range: tuple[float, float]) -> Tensor:
    """ω, linear in the difficulty over `weight_range`; same shape."""
    low, high = weight_range
    return low + (high - low) * difficulty


def triplet_losses(query: Tensor, reference: Tensor, ids: Tensor, config: DphrConfig) -> TripletLosses:
    """L_tri and L_wtri of a batch, means over the directions asked for.

    Args:
        query: L2-normalised descriptors (N, D).
        reference: their positives in the same order (N, D).
        ids: numbers of the pairs' places (N,); rows of one place are never each other's negatives.
        config: margin, weights and options.
    """
    # In bfloat16, 2 - 2 cos would be off by as much as the distances of near descriptors.
    with torch.autocast(query.device.type, enabled=False):
        table = distances(query.float(), reference.float(), squared=config.squared)
        negative = ids[:, None] != ids[None, :]
        tables = (table, table.T) if config.directions == "both" else (table,)
        losses = [_one_direction(entry, negative, config) for entry in tables]
    count = len(losses)
    return TripletLosses(sum(one for one, _ in losses) / count, sum(two for _, two in losses) / count)


def _one_direction(table: Tensor, negative: Tensor, config: DphrConfig) -> tuple[Tensor, Tensor]:
    """Plain and weighted loss with the rows of a distance table (N, N) as anchors."""
    positive = table.diagonal()
    if config.negatives == "hardest":
        table = table.masked_fill(~negative, torch.inf)
        nearest = table.argmin(dim=1, keepdim=True)
        table, negative = table.gather(1, nearest), negative.gather(1, nearest)
        table = table.masked_fill(~negative, 0.0)
    triplets = (config.margin + positive[:, None] - table).clamp(min=0.0)
    weights = hardness_weights(relative_difficulty(positive, table), config.weight_range)
    counted = negative & (triplets > 0) if config.reduction == "active" else negative
    number = counted.sum().clamp(min=1)
    triplets = triplets * counted
    return triplets.sum() / number, (weights * triplets).sum() / number
