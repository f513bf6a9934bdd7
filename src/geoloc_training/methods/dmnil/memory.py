# SPDX-License-Identifier: Apache-2.0
"""Memories of DMNIL, with a row for each cluster or each training image, updated by the batches.

Formulas FROM CODE (`cluster_model.py`, `ClusterMemory` and `ClusterMemoryV2.updateEM`). With unit rows x of
label y, memory Φ and momentum μ, the weight of the old row:

    L_CM = CE(x Φᵀ / τ, y),    Φ_y ← normalize(μ Φ_y + (1 - μ) x).

RECONSTRUCTED: the rows x of one label in a batch update Φ_y once, by their mean, instead of one after the
other.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_SHORTEST = 1e-6


@dataclass(frozen=True)
class Groups:
    """Groups of a batch's rows that share a row of a memory, without loops over rows or copies to the CPU.

    Attributes:
        labels: memory row of each row of the batch, int64 (N,).
        same: whether two rows of the batch share a memory row, bool (N, N).
    """

    labels: Tensor
    same: Tensor

    @classmethod
    def of(cls, labels: Tensor) -> "Groups":
        """Return the groups of equal labels (N,)."""
        return cls(labels, labels[:, None] == labels[None, :])

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean of each row's group (N, D)."""
        # Use double precision, because a GPU may round single precision to TF32.
        shares = self.same.double()
        return (shares @ rows.double() / shares.sum(dim=1, keepdim=True)).to(rows.dtype)

    def last(self, rows: Tensor) -> Tensor:
        """Return the last row of each row's group (N, D)."""
        numbers = torch.arange(len(rows), device=rows.device)
        return rows[(self.same * numbers).argmax(dim=1)]

    def in_turn(self, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the first row of every group, then the second row of every group, and so on.

        Returns:
            A pair for each turn: the group's member of that turn for each row (N, D), and whether the group
            has one, bool (N, 1).
        """
        turn = self.same.tril(-1).sum(dim=1)
        found = []
        for number in range(int(turn.max()) + 1):
            chosen = self.same & (turn == number)[None, :]
            found.append((rows[chosen.to(torch.uint8).argmax(dim=1)], chosen.any(dim=1, keepdim=True)))
        return found

    def write(self, memory: Tensor, values: Tensor) -> None:
        """Set rows of a memory (M, D) to values (N, D) that are equal within each group."""
        # Values of a group may differ by rounding, and the order of writes is undefined: write the first's.
        memory.index_copy_(0, self.labels, values[self.same.to(torch.uint8).argmax(dim=1)])


def moved(memory: Tensor, groups: Groups, rows: Tensor, momentum: float, repeated: str) -> Tensor:
    """Return the updated memory rows (N, D) of a batch's rows (N, D).

    Args:
        memory: unit rows (M, D), not modified.
        groups: groups of the batch's rows.
        rows: rows of the batch (N, D).
        momentum: μ.
        repeated: "mean" or "sequence", see `MemorySettings`.
    """
    state = memory[groups.labels]
    if repeated == "mean":
        return _unit(momentum * state + (1 - momentum) * groups.mean(rows), state)
    for member, there in groups.in_turn(rows):
        state = torch.where(there, _unit(momentum * state + (1 - momentum) * member, state), state)
    return state


def _unit(rows: Tensor, old: Tensor) -> Tensor:
    """Return the normalized rows, or the old row where a row has vanished."""
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(length > _SHORTEST, rows / length.clamp(min=_SHORTEST), old)


class SizedBuffers(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """A module whose buffers change size from epoch to epoch; loading a checkpoint resizes them."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.register_buffer(name, torch.zeros(0, 0))

    def __len__(self) -> int:
        """Return the number of rows of the first buffer; 0 if the memory is empty."""
        return len(next(self.buffers()))

    def clear(self) -> None:
        """Empty all buffers."""
        for name, buffer in list(self.named_buffers()):
            setattr(self, name, buffer.new_zeros(0, 0))

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        *rest: Any,  # noqa: ANN401 - torch's own
    ) -> None:
        for name, buffer in list(self.named_buffers()):
            saved = state_dict.get(prefix + name)
            if saved is not None and saved.shape != buffer.shape:
                setattr(self, name, buffer.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class ClusterMemory(SizedBuffers):
    """Memory Φ with a unit row for each cluster.

    Args:
        temperature: τ.
        repeated: treatment of several rows of one cluster, see `MemorySettings`.
    """

    centroids: Tensor

    def __init__(self, temperature: float, repeated: str) -> None:
        super().__init__("centroids")
        self.temperature, self.repeated = temperature, repeated

    def start(self, centroids: Tensor) -> None:
        """Set the centroids (K, D), without a copy."""
        self.centroids = centroids

    def loss(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return L_CM of unit rows (N, D) with labels (N,), and the share nearest to their own centroid."""
        logits = rows @ self.centroids.T / self.temperature
        accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
        return functional.cross_entropy(logits, labels), accuracy

    @torch.no_grad()
    def update(self, rows: Tensor, labels: Tensor, momentum: float) -> None:
        """Update the centroids of labels (N,) by unit rows (N, D)."""
        groups = Groups.of(labels)
        groups.write(self.centroids, moved(self.centroids, groups, rows, momentum, self.repeated))


class PictureMemory(SizedBuffers):
    """Memory M with a unit row for each training image of a view.

    Args:
        momentum: weight of the old row.
        repeated: treatment of several rows of one image, see `MemorySettings`.
    """

    rows: Tensor

    def __init__(self, momentum: float, repeated: str) -> None:
        super().__init__("rows")
        self.momentum, self.repeated = momentum, repeated

    def start(self, rows: Tensor) -> None:
        """Set the rows to descriptors (N, D), without a copy."""
        self.rows = rows

    @torch.no_grad()
    def update(self, rows: Tensor, numbers: Tensor) -> None:
        """Update the rows of images (N,) by descriptors (N, D)."""
        groups = Groups.of(numbers)
        groups.write(self.rows, moved(self.rows, groups, rows, self.momentum, self.repeated))
