# SPDX-License-Identifier: Apache-2.0
"""Instance loss of LPN: every ring by itself must tell which place it shows."""

from torch import Tensor
from torch.nn import functional


def part_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Return cross entropy summed over parts, mean over rows (Wang et al. 2021, eq. 3), a scalar.

    Args:
        logits: of each part for each place (N, P, places).
        ids: the rows' places (N,).
    """
    rows, parts, places = logits.shape
    labels = ids[:, None].expand(rows, parts).flatten()
    return parts * functional.cross_entropy(logits.float().reshape(-1, places), labels)


def part_votes(logits: Tensor) -> Tensor:
    """Return the place that the parts' summed probabilities favour, (N,), of logits (N, P, places)."""
    return logits.float().softmax(dim=2).sum(dim=1).argmax(dim=1)
