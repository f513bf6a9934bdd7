# SPDX-License-Identifier: Apache-2.0
"""Collective operations over the processes of a run; without torch.distributed there is one rank."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from geoloc.errors import GeolocError, ParameterError

_T = TypeVar("_T")


def ranks() -> int:
    """Return the number of processes in the run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process."""
    return dist.get_rank() if ranks() > 1 else 0


def any_rank(flag: bool, device: torch.device) -> bool:
    """Return True if the flag is set in any process."""
    if ranks() == 1:
        return flag
    value = torch.tensor(float(flag), device=device)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value > 0)


def on_first_rank(make: Callable[[], _T]) -> _T:
    """Call `make` in the first process only, and return its result, or raise its error, on all ranks.

    Use it for costly work on the CPU whose result would be the same on all ranks, apart from rounding.

    Raises:
        GeolocError: `make` raised it in the first process.
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
    """Return the rows (N, …) of all ranks stacked in rank order, (ranks · N, …).

    Gradients flow back to the rank that a row came from. If every rank computes the whole loss on the result
    and DDP averages the gradients, the update equals that of one process with the whole batch.
    """
    if ranks() == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)
    return gathered


class _GatherRows(torch.autograd.Function):  # type: ignore[misc]  # mypy does not look into torch
    """Gather rows over all ranks; the gradient of a row is summed over the losses of all ranks."""

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
    """Return the rows of a step's batch that belong to a rank.

    Raises:
        ParameterError: the batch cannot be divided evenly among the ranks.
    """
    if pairs % ranks:
        raise ParameterError(
            f"optimiser.pairs={pairs} cannot be divided evenly among {ranks} devices; use a multiple of "
            f"{ranks}."
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
    """Copy the buffers of the first rank, such as statistics of batch norm, to all ranks."""
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    if ranks() == 1 or not buffers:
        return
    together = torch.cat([buffer.flatten() for buffer in buffers])
    dist.broadcast(together, src=0)
    parts = together.split([buffer.numel() for buffer in buffers])
    for buffer, part in zip(buffers, parts, strict=True):
        buffer.copy_(part.view_as(buffer))
