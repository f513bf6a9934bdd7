# SPDX-License-Identifier: Apache-2.0
"""Rows gathered over all processes of a run; without torch.distributed everything is its own only rank."""

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.nn import functional as differentiable


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them."""
    return dist.get_rank() if ranks() > 1 else 0


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process."""
    if ranks() == 1:
        return flag
    value = torch.tensor(float(flag), device=device)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value > 0)


def gather_rows(rows: Tensor) -> Tensor:
    """Rows (N, …) of every rank stacked in rank order (ranks · N, …).

    Gradients flow back to the rank a row came from. When every rank computes the whole loss on the result and
    DDP averages the gradients, the update is that of one process with the whole batch.
    """
    if ranks() == 1:
        return rows
    if rows.requires_grad:
        return torch.cat(differentiable.all_gather(rows.contiguous()))
    parts = [torch.empty_like(rows) for _ in range(ranks())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def mean_over_ranks(value: Tensor) -> Tensor:
    """A detached scalar's mean over all ranks."""
    value = value.detach().clone()
    if ranks() > 1:
        dist.all_reduce(value)
        value /= ranks()
    return value
