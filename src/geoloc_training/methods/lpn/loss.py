# SPDX-License-Identifier: Apache-2.0
"""Instance loss of LPN, in which each ring is classified by place."""

from torch import Tensor
from torch.nn import functional


def part_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Return the cross entropy, summed over parts and averaged over rows (Wang et al. 2021, eq. 3), a scalar.

    Args:
        logits: logits of each part for each place (N, P, places).
        ids: places of the rows (N,).
    """
    rows, parts, places = logits.shape
    labels = ids[:, None].expand(rows, parts).flatten()
    return parts * functional.cross_entropy(logits.float().reshape(-1, places), labels)


def part_votes(logits: Tensor) -> Tensor:
    """Return the place (N,) with the highest probability, summed over parts, from logits (N, P, places)."""
    return logits.float().softmax(dim=2).sum(dim=1).argmax(dim=1)
