# SPDX-License-Identifier: Apache-2.0
"""RDA, the sample level of DPHR: triplets whose negatives weigh by how hard they are for their query.

With unit descriptors of queries q and references p, distances d and a margin m (arXiv 2510.27181):
h_ik = d(q_i, p_i) / (d(q_i, p_i) + d(q_i, n_ik)),  t_ik = [m + d(q_i, p_i) - d(q_i, n_ik)]_+,
L_tri = mean t_ik,  L_wtri = mean ω(h_ik) t_ik with ω linear.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from geoloc_training.methods.dphr.settings import DphrConfig

_EPSILON = 1e-8


@dataclass(frozen=True)
class TripletLosses:
    """Scalars of a batch.

    Attributes:
        plain: L_tri, every negative alike.
        weighted: L_wtri, by difficulty.
        active: share of the triplets whose loss is not 0, without gradient.
    """

    plain: Tensor
    weighted: Tensor
    active: Tensor


def relative_difficulty(d_p: Tensor, d_n: Tensor) -> Tensor:
    """Return how hard negatives are for their query: h in 0..1, 0.5 where one is as near as the positive.

    A ratio, so no scaling of all distances changes it. A constant to the gradient: a network could otherwise
    lower its loss by calling a negative easy.

    Args:
        d_p: distances to the positives; broadcast against d_n.
        d_n: distances to the negatives.
    """
    return (d_p / (d_p + d_n + _EPSILON)).detach()


def hardness_weights(difficulty: Tensor, weight_range: tuple[float, float]) -> Tensor:
    """Return ω of difficulties in 0..1: the range's ends at 0 and 1, linear between."""
    low, high = weight_range
    return low + (high - low) * difficulty


def triplet_losses(query: Tensor, reference: Tensor, ids: Tensor, config: DphrConfig) -> TripletLosses:
    """Return plain and weighted triplet loss of a batch, the mean of the directions asked for.

    Args:
        query: L2-normalised descriptors (N, D).
        reference: their positives in the same order (N, D); every other row of another place is a negative.
        ids: numbers of the pairs' places (N,); rows of one place are never each other's negatives.
        config: margin, weights and choices.
    """
    # Distances of near descriptors are differences of cosines, which bfloat16 has too few digits for.
    with torch.autocast(query.device.type, enabled=False):
        distances = _distances(query.float(), reference.float(), squared=config.squared)
        negative = ids[:, None] != ids[None, :]
        found = [_one_direction(distances, negative, config)]
        if config.directions == "both":
            found.append(_one_direction(distances.T, negative.T, config))
        plain, weighted, active = (torch.stack(values).mean() for values in zip(*found, strict=True))
        return TripletLosses(plain, weighted, active)


def _distances(left: Tensor, right: Tensor, *, squared: bool) -> Tensor:
    """Return distances (N, M) of unit vectors (N, D) and (M, D)."""
    # The floor keeps the slope of the root finite where two descriptors coincide.
    square = (2 - 2 * left @ right.T).clamp(min=_EPSILON)
    return square if squared else square.sqrt()


def _one_direction(distances: Tensor, negative: Tensor, config: DphrConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return plain loss, weighted loss and active share of rows; their positives on the diagonal.

    Args:
        distances: between the two views (N, N).
        negative: where a column is a negative of its row, bool (N, N).
        config: margin, weights and choices.
    """
    d_p, d_n, valid = distances.diagonal()[:, None], distances, negative
    if config.negatives == "hardest":
        d_n = distances.masked_fill(~negative, torch.inf).amin(dim=1, keepdim=True)
        valid = negative.any(dim=1, keepdim=True)
    hinge = (config.margin + d_p - d_n).clamp(min=0).masked_fill(~valid, 0.0)
    weights = hardness_weights(relative_difficulty(d_p, d_n), config.weight_range)
    active = (hinge > 0).sum()
    # A batch without a single negative has no triplets and no loss.
    count = (active if config.reduction == "active" else valid.sum()).clamp(min=1)
    share = active / valid.sum().clamp(min=1)
    return hinge.sum() / count, (weights * hinge).sum() / count, share
