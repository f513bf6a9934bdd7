# SPDX-License-Identifier: Apache-2.0
"""ICEL: a picture is drawn to all pictures that the memories call its neighbours, in its view or the other.

Formulas FROM CODE (`trainers.py`). For a row x of the picture i, the memory M_a of its view and the memory
M_t of the view that its neighbours are sought in:

    S = M_a[i] M_tᵀ,    m_j = [S_j > 0.9 max S],    p = softmax(x M_tᵀ / τ),
    L = -Σ_j m_j log p_j / (Σ_j m_j + 1).

Beside it KL(uniform || softmax of x's cosines with the k pictures most similar by S). The release takes these
cosines for all rows of the batch and the softmax over the batch (`uniform_rows="batch"`); RECONSTRUCTED: each
row's own, the softmax over the k.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from geoloc_training.methods.dmnil.memory import PictureMemory
from geoloc_training.methods.dmnil.settings import EvolutionSettings
from geoloc_training.methods.dmnil.side import Side

_LEAST_SHARE = 1e-8


@dataclass(frozen=True)
class Neighbourhood:
    """What the memories say of a batch's pictures, without gradient.

    Attributes:
        near: which pictures are neighbours, bool (N, M); the nearest always is, unless nothing is similar at
            all (its cosine is 0 or less), where a row has none and no loss.
        nearest: numbers of the most similar pictures, int64 (N, k).
    """

    near: Tensor
    nearest: Tensor

    @property
    def size(self) -> Tensor:
        """Return how many neighbours a picture has in the mean, a scalar."""
        return self.near.sum(dim=1).float().mean()


@torch.no_grad()
def neighbourhood(anchors: Tensor, bank: Tensor, threshold: float, count: int) -> Neighbourhood:
    """Return neighbours of pictures.

    Args:
        anchors: the memory's rows of the batch's pictures (N, D).
        bank: the memory they are sought in (M, D).
        threshold: how similar they are at least, as a share of the nearest's similarity.
        count: k; fewer where the bank has not so many.
    """
    similarity = anchors @ bank.T
    best, nearest = similarity.topk(min(count, len(bank)), dim=1)
    return Neighbourhood(similarity > threshold * best[:, :1], nearest)


def neighbour_loss(cosines: Tensor, near: Tensor, temperature: float) -> Tensor:
    """Return L, the mean over rows, a scalar; neighbours less likely than 1e-8 pull no more.

    Args:
        cosines: of the batch's rows with the bank (N, M).
        near: which are neighbours, bool (N, M).
        temperature: τ.
    """
    log_share = (cosines / temperature).log_softmax(dim=1).clamp(min=math.log(_LEAST_SHARE))
    return -((log_share * near).sum(dim=1) / (near.sum(dim=1) + 1)).mean()


def uniform_divergence(cosines: Tensor, nearest: Tensor, rows: str) -> Tensor:
    """Return KL of the uniform distribution from the softmax of the nearest's cosines, a scalar.

    Args:
        cosines: of the batch's rows with the bank (N, M).
        nearest: int64 (N, k).
        rows: "own" or "batch", see `EvolutionSettings`.
    """
    # With "batch" (N, N, k): the cosines of each row with the nearest of every row, shared out among the
    # latter.
    found = cosines.gather(1, nearest) if rows == "own" else cosines[:, nearest]
    share = found.softmax(dim=1)
    choices = share.shape[1]
    share = (share + _LEAST_SHARE) / (1 + _LEAST_SHARE * choices)
    return functional.kl_div(share.log(), torch.full_like(share, 1 / choices), reduction="batchmean")


@dataclass(frozen=True)
class Evolution:
    """Which pictures are drawn to which, and how hard.

    Args:
        config: schedule and weights.
        temperature: τ.
    """

    config: EvolutionSettings
    temperature: float

    def directions(self, kind: str, epoch: int) -> Iterator[tuple[str, str]]:
        """Return the views drawn in an epoch, and those they are drawn to; kind is intra or cross."""
        config = self.config
        if kind == "intra" and epoch >= config.intra_epoch:
            yield from (("query", "query"), ("reference", "reference"))
        if kind == "cross" and epoch >= config.cross_epoch:
            if epoch % 2 == 0 or not config.alternate:
                yield "reference", "query"
            if epoch % 2 == 1 or not config.alternate:
                yield "query", "reference"

    def loss(
        self, kind: str, epoch: int, sides: Mapping[str, Side], pictures: Mapping[str, PictureMemory]
    ) -> tuple[Tensor, Tensor] | None:
        """Return the sum over an epoch's directions and neighbours a picture; None where there are none.

        Args:
            kind: intra or cross.
            epoch: its number.
            sides: a batch's rows by view.
            pictures: memories by view.
        """
        found = [
            self._one_way(sides[view], view, pictures[view].rows, target, pictures[target].rows)
            for view, target in self.directions(kind, epoch)
        ]
        if not found:
            return None
        losses, sizes = (torch.stack(values) for values in zip(*found, strict=True))
        return losses.sum(), sizes.mean()

    def _one_way(
        self, side: Side, view: str, own: Tensor, target: str, bank: Tensor
    ) -> tuple[Tensor, Tensor]:
        config = self.config
        to_query = (view, target) == ("reference", "query")
        around = neighbourhood(own[side.rows], bank, config.threshold, config.uniform_count)
        cosines = side.unit @ bank.T
        weight = config.reference_to_query if to_query else config.neighbours
        loss = weight * neighbour_loss(cosines, around.near, self.temperature)
        if to_query or config.uniform_terms == "all":
            loss = loss + config.uniform * uniform_divergence(cosines, around.nearest, config.uniform_rows)
        return loss, around.size
