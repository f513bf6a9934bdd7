# SPDX-License-Identifier: Apache-2.0
"""RDA, the sample level of DPHR: triplet losses weighted by the difficulty of their negatives.

With unit descriptors of queries q and references p, distances d and margin m (arXiv 2510.27181):
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
    """Triplet losses of a batch, scalars.

    Attributes:
        plain: L_tri, with equal weights.
        weighted: L_wtri, weighted by difficulty.
        active: share of the triplets with a loss above 0, without gradient.
    """

    plain: Tensor
    weighted: Tensor
    active: Tensor


def relative_difficulty(d_p: Tensor, d_n: Tensor) -> Tensor:
    """Return the difficulty h of negatives in 0..1; it is 0.5 for a negative as near as the positive.

    The ratio does not depend on the scale of the distances. It has no gradient, because otherwise a network
    could lower its loss by making a negative appear easy.

    Args:
        d_p: distances to the positives; broadcast against d_n.
        d_n: distances to the negatives.
    """
    return (d_p / (d_p + d_n + _EPSILON)).detach()


def hardness_weights(difficulty: Tensor, weight_range: tuple[float, float]) -> Tensor:
    """Return the weights ω of difficulties in 0..1, linear from the range's first value to its last."""
    low, high = weight_range
    return low + (high - low) * difficulty


def triplet_losses(query: Tensor, reference: Tensor, ids: Tensor, config: DphrConfig) -> TripletLosses:
    """Return the plain and the weighted triplet loss of a batch, averaged over the configured directions.

    Args:
        query: L2-normalized descriptors (N, D).
        reference: L2-normalized descriptors of the positives in the same order (N, D); rows of other places
            are negatives.
        ids: place of each pair (N,); rows of one place are never each other's negatives.
        config: settings of DPHR.
    """
    # bfloat16 is too imprecise for the distance of near descriptors, a difference of cosines.
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
    # The lower bound keeps the gradient of the root finite for equal descriptors.
    square = (2 - 2 * left @ right.T).clamp(min=_EPSILON)
    return square if squared else square.sqrt()


def _one_direction(distances: Tensor, negative: Tensor, config: DphrConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return plain loss, weighted loss and active share, with rows as anchors.

    Args:
        distances: distances between the two views (N, N), with the positives on the diagonal.
        negative: mask of each row's negatives, bool (N, N).
        config: settings of DPHR.
    """
    d_p, d_n, valid = distances.diagonal()[:, None], distances, negative
    if config.negatives == "hardest":
        d_n = distances.masked_fill(~negative, torch.inf).amin(dim=1, keepdim=True)
        valid = negative.any(dim=1, keepdim=True)
    hinge = (config.margin + d_p - d_n).clamp(min=0).masked_fill(~valid, 0.0)
    weights = hardness_weights(relative_difficulty(d_p, d_n), config.weight_range)
    active = (hinge > 0).sum()
    # A batch without negatives has no triplets and a loss of 0.
    count = (active if config.reduction == "active" else valid.sum()).clamp(min=1)
    share = active / valid.sum().clamp(min=1)
    return hinge.sum() / count, (weights * hinge).sum() / count, share
