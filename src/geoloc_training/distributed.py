# SPDX-License-Identifier: Apache-2.0
"""Rows gathered over all processes of a run; without torch.distributed everything is its own only rank."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from geoloc.errors import GeolocError, ParameterError

_T = TypeVar("_T")


def ranks() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among them."""
    return dist.get_rank() if ranks() > 1 else 0


def any_rank(flag: bool, device: torch.device) -> bool:
    """Return True where the flag is set in any process."""
    if ranks() == 1:
        return flag
    value = torch.tensor(float(flag), device=device)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value > 0)


def on_first_rank(make: Callable[[], _T]) -> _T:
    """Return what the first process makes, handed to all; so is its error.

    For costly work on the CPU that all ranks would do alike, or alike but for rounding.

    Raises:
        GeolocError: what `make` raised in the first process.
    """
    if ranks() == 1:
        return make()
    made: list[Any] = [None]
    if rank() == 0:
        try:
            made = [make()]
        except GeolocError as error:
            made = [error]
    dist.broadcast_object_list(made, src=0)
    if isinstance(made[0], GeolocError):
        raise made[0]
    found: _T = made[0]
    return found


def gather_rows(rows: Tensor) -> Tensor:
    """Return rows (N, …) of every rank stacked in rank order (ranks · N, …).

    Gradients flow back to the rank a row came from. When every rank computes the whole loss on the result and
    DDP averages the gradients, the update is that of one process with the whole batch.
    """
    if ranks() == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)
    return gathered


class _GatherRows(torch.autograd.Function):  # type: ignore[misc]  # mypy does not look into torch
    """All ranks' rows; a row's gradient is the sum of what all ranks' losses say of it."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:  # noqa: ANN401 - torch's own
        parts = [torch.empty_like(rows) for _ in range(ranks())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed.chunk(ranks())[rank()]


def share_of(pairs: int, rank: int, ranks: int) -> slice:
    """Return which rows of a step's batch are a rank's own.

    Raises:
        ParameterError: the ranks cannot share the batch evenly.
    """
    if pairs % ranks:
        raise ParameterError(
            f"optimiser.pairs={pairs} cannot be shared evenly by {ranks} devices; use a multiple of {ranks}."
        )
    return slice(rank * pairs // ranks, (rank + 1) * pairs // ranks)


def mean_over_ranks(value: Tensor) -> Tensor:
    """Return a detached scalar's mean over all ranks."""
    value = value.detach().clone()
    if ranks() > 1:
        dist.all_reduce(value)
        value /= ranks()
    return value


def share_buffers(module: nn.Module) -> None:
    """Give every rank the first one's buffers, such as statistics of batches, which each gathers alone."""
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    if ranks() == 1 or not buffers:
        return
    together = torch.cat([buffer.flatten() for buffer in buffers])
    dist.broadcast(together, src=0)
    parts = together.split([buffer.numel() for buffer in buffers])
    for buffer, part in zip(buffers, parts, strict=True):
        buffer.copy_(part.view_as(buffer))
