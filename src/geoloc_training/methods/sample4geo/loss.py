# SPDX-License-Identifier: Apache-2.0
"""Symmetric InfoNCE with label smoothing, in which images of one place are never each other's negatives."""

import torch
from torch import Tensor

_WEIGHT_SLOPE = 5.0  # k of Game4Loc


def info_nce(
    query: Tensor,
    reference: Tensor,
    scale: Tensor,
    ids: Tensor | None = None,
    smoothing: float | Tensor = 0.0,
) -> Tensor:
    """Return the mean cross entropy of retrieval in both directions, a scalar.

    If a place occurs twice in the batch, correct answers would be negatives. Such entries are left out of the
    softmax and of the smoothing. This is our addition; it has no effect if ids are unique.

    Args:
        query: L2-normalized descriptors (N, D).
        reference: L2-normalized descriptors of the matches in the same order (N, D); other rows are
            negatives.
        scale: inverse temperature, a scalar.
        ids: place of each pair (N,); None if all places differ.
        smoothing: label smoothing, the share of the target spread evenly over a row; one value or (N,).
    """
    # The rounding error of cosines / 0.07 in bfloat16 would be as large as the margins to learn.
    with torch.autocast(query.device.type, enabled=False):
        logits = scale.float() * query.float() @ reference.float().T
        allowed = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        allowed |= True if ids is None else ids[:, None] != ids[None, :]
        rows = _cross_entropy(logits, allowed, smoothing)
        return (rows + _cross_entropy(logits.T, allowed, smoothing)) / 2


def smoothing_of(weights: Tensor) -> Tensor:
    """Return the label smoothing (N,) of pairs with match quality w (N,): 1 - 1 / (1 + exp(-5 w)).

    The smoothing is 0.007 for a pair that overlaps fully (w = 1), and 0.5 for a pair with w = 0.
    """
    return 1 - torch.sigmoid(_WEIGHT_SLOPE * weights.float())


def _cross_entropy(logits: Tensor, allowed: Tensor, smoothing: float | Tensor) -> Tensor:
    """Return the mean of -(1 - s) log p(own) - s mean(log p), with the softmax over allowed entries only."""
    log_share = logits.masked_fill(~allowed, -torch.inf).log_softmax(dim=1)
    own = log_share.diagonal()
    spread = log_share.masked_fill(~allowed, 0.0).sum(dim=1) / allowed.sum(dim=1)
    return -((1 - smoothing) * own + smoothing * spread).mean()
