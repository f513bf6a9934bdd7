# SPDX-License-Identifier: Apache-2.0
"""Memories of DMNIL: a row for each cluster and a row for each training picture, moved by the batches.

Formulas FROM CODE (`cluster_model.py`, `ClusterMemory` and `ClusterMemoryV2.updateEM`): with unit rows x of
label y, memory Φ and a momentum μ, which is the weight of the old row,

    L_CM = CE(x Φᵀ / τ, y),    Φ_y ← normalise(μ Φ_y + (1 - μ) x).

RECONSTRUCTED: the rows x of one label in a batch move Φ_y once, to their mean, instead of one after the
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
    """Rows of a batch that share a row of a memory; all of it without a loop over rows or a copy to the CPU.

    Attributes:
        labels: row of the memory each row of the batch belongs to, int64 (N,).
        same: whether two rows share theirs, bool (N, N).
    """

    labels: Tensor
    same: Tensor

    @classmethod
    def of(cls, labels: Tensor) -> "Groups":
        """Return the groups that labels (N,) make."""
        return cls(labels, labels[:, None] == labels[None, :])

    def mean(self, rows: Tensor) -> Tensor:
        """Return for each row (N, D) the mean of its group."""
        # In double precision, for single precision is rounded to TF32 on a GPU.
        shares = self.same.double()
        return (shares @ rows.double() / shares.sum(dim=1, keepdim=True)).to(rows.dtype)

    def last(self, rows: Tensor) -> Tensor:
        """Return for each row (N, D) the last one of its group."""
        numbers = torch.arange(len(rows), device=rows.device)
        return rows[(self.same * numbers).argmax(dim=1)]

    def in_turn(self, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the groups' first rows, then their second ones, and so on.

        Returns:
            Pairs of: for each row (N, D) its group's member of that turn, and whether there is one, bool (N,
            1).
        """
        turn = self.same.tril(-1).sum(dim=1)
        found = []
        for number in range(int(turn.max()) + 1):
            chosen = self.same & (turn == number)[None, :]
            found.append((rows[chosen.to(torch.uint8).argmax(dim=1)], chosen.any(dim=1, keepdim=True)))
        return found

    def write(self, memory: Tensor, values: Tensor) -> None:
        """Set rows of a memory (M, D) to values (N, D) that are alike within each group."""
        # Alike but for rounding, and which of several writes wins is not determined: all take the first's.
        memory.index_copy_(0, self.labels, values[self.same.to(torch.uint8).argmax(dim=1)])


def moved(memory: Tensor, groups: Groups, rows: Tensor, momentum: float, repeated: str) -> Tensor:
    """Return the memory's rows (N, D) that a batch's rows (N, D) belong to, after these have moved them.

    Args:
        memory: unit rows (M, D); not changed.
        groups: of the batch.
        rows: of the batch.
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
    """Return rows at length 1; the old one where a row and its opposite have cancelled out."""
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(length > _SHORTEST, rows / length.clamp(min=_SHORTEST), old)


class SizedBuffers(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """A module whose buffers change size from epoch to epoch; a checkpoint says how large they are."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.register_buffer(name, torch.zeros(0, 0))

    def __len__(self) -> int:
        """Return rows of the first buffer; 0 while there is nothing to remember."""
        return len(next(self.buffers()))

    def clear(self) -> None:
        """Forget everything."""
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
    """Φ: a unit row for each cluster.

    Args:
        temperature: τ.
        repeated: what several rows of one cluster do, see `MemorySettings`.
    """

    centroids: Tensor

    def __init__(self, temperature: float, repeated: str) -> None:
        super().__init__("centroids")
        self.temperature, self.repeated = temperature, repeated

    def start(self, centroids: Tensor) -> None:
        """Begin with centroids (K, D), taken over as they are."""
        self.centroids = centroids

    def loss(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return L_CM of unit rows (N, D) with labels (N,), and the share nearest to their own centroid."""
        logits = rows @ self.centroids.T / self.temperature
        accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
        return functional.cross_entropy(logits, labels), accuracy

    @torch.no_grad()
    def update(self, rows: Tensor, labels: Tensor, momentum: float) -> None:
        """Move the centroids of labels (N,) by unit rows (N, D)."""
        groups = Groups.of(labels)
        groups.write(self.centroids, moved(self.centroids, groups, rows, momentum, self.repeated))


class PictureMemory(SizedBuffers):
    """M: a unit row for each training picture of a view.

    Args:
        momentum: weight of the old row.
        repeated: what several rows of one picture do, see `MemorySettings`.
    """

    rows: Tensor

    def __init__(self, momentum: float, repeated: str) -> None:
        super().__init__("rows")
        self.momentum, self.repeated = momentum, repeated

    def start(self, rows: Tensor) -> None:
        """Begin with descriptors (N, D), taken over as they are."""
        self.rows = rows

    @torch.no_grad()
    def update(self, rows: Tensor, numbers: Tensor) -> None:
        """Move the rows of pictures (N,) by descriptors (N, D)."""
        groups = Groups.of(numbers)
        groups.write(self.rows, moved(self.rows, groups, rows, self.momentum, self.repeated))
