# SPDX-License-Identifier: Apache-2.0
"""Symmetric InfoNCE with smoothed targets, where pictures of one place are never each other's negatives."""

import torch
from torch import Tensor

_WEIGHT_SLOPE = 5.0  # Game4Loc's k


def info_nce(
    query: Tensor,
    reference: Tensor,
    scale: Tensor,
    ids: Tensor | None = None,
    smoothing: float | Tensor = 0.0,
) -> Tensor:
    """Return the mean cross entropy of finding each query's reference and each reference's query.

    A place that occurs twice in the batch would make right answers negatives; such entries are left out of
    the softmax and of the smoothing. That is our addition; it changes nothing where ids are unique.

    Args:
        query: L2-normalised descriptors (N, D).
        reference: their partners in the same order (N, D); every other row is a negative.
        scale: inverse temperature, a scalar.
        ids: numbers of the pairs' places (N,); None where all differ.
        smoothing: share of the target spread evenly over the row, for all pairs or for each (N,).

    Returns:
        A scalar.
    """
    # Cosines times 1 / 0.07 in bfloat16 would be off by as much as the margins that are learnt.
    with torch.autocast(query.device.type, enabled=False):
        logits = scale.float() * query.float() @ reference.float().T
        allowed = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        allowed |= True if ids is None else ids[:, None] != ids[None, :]
        rows = _cross_entropy(logits, allowed, smoothing)
        return (rows + _cross_entropy(logits.T, allowed, smoothing)) / 2


def smoothing_of(weights: Tensor) -> Tensor:
    """Return the share of each target that is spread, (N,), for fits w (N,): 1 - 1 / (1 + exp(-5 w)).

    A pair that overlaps fully (1) keeps all but 0.007 of its target, one that hardly does (0) half of it.
    """
    return 1 - torch.sigmoid(_WEIGHT_SLOPE * weights.float())


def _cross_entropy(logits: Tensor, allowed: Tensor, smoothing: float | Tensor) -> Tensor:
    """Return the mean of -(1 - s) log p(own) - s mean(log p), the softmax over allowed entries alone."""
    log_share = logits.masked_fill(~allowed, -torch.inf).log_softmax(dim=1)
    own = log_share.diagonal()
    spread = log_share.masked_fill(~allowed, 0.0).sum(dim=1) / allowed.sum(dim=1)
    return -((1 - smoothing) * own + smoothing * spread).mean()
