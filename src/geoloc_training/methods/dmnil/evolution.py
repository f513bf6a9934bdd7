# SPDX-License-Identifier: Apache-2.0
"""ICEL: pulls an image towards its neighbours in the memory of its own or the other view.

Formulas FROM CODE (`trainers.py`). For a row x of image i, the memory M_a of its view and the memory M_t of
the view in which its neighbours are searched:

    S = M_a[i] M_tᵀ,    m_j = [S_j > 0.9 max S],    p = softmax(x M_tᵀ / τ),
    L = -Σ_j m_j log p_j / (Σ_j m_j + 1).

The regularizer is KL(uniform || softmax of x's cosines with the k images most similar by S). The release
takes the cosines of all rows of the batch and the softmax over the batch (`uniform_rows="batch"`).
RECONSTRUCTED: each row uses its own k images, and the softmax is over these.
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
    """Neighbours of a batch's images in a memory, without gradient.

    Attributes:
        near: mask of the neighbours, bool (N, M). The nearest image is always a neighbour, unless its cosine
            is 0 or less; then the row has no neighbours and no loss.
        nearest: indices of the most similar images, int64 (N, k).
    """

    near: Tensor
    nearest: Tensor

    @property
    def size(self) -> Tensor:
        """Return the mean number of neighbours of an image, a scalar."""
        return self.near.sum(dim=1).float().mean()


@torch.no_grad()
def neighbourhood(anchors: Tensor, bank: Tensor, threshold: float, count: int) -> Neighbourhood:
    """Return the neighbours of images.

    Args:
        anchors: memory rows of the batch's images (N, D).
        bank: memory in which neighbours are searched (M, D).
        threshold: least similarity of a neighbour, as a share of the nearest image's similarity.
        count: number k of most similar images; limited by the size of the bank.
    """
    similarity = anchors @ bank.T
    best, nearest = similarity.topk(min(count, len(bank)), dim=1)
    return Neighbourhood(similarity > threshold * best[:, :1], nearest)


def neighbour_loss(cosines: Tensor, near: Tensor, temperature: float) -> Tensor:
    """Return L, the mean over rows, a scalar; neighbours with p below 1e-8 have no gradient.

    Args:
        cosines: cosines of the batch's rows with the bank (N, M).
        near: mask of the neighbours, bool (N, M).
        temperature: τ.
    """
    log_share = (cosines / temperature).log_softmax(dim=1).clamp(min=math.log(_LEAST_SHARE))
    return -((log_share * near).sum(dim=1) / (near.sum(dim=1) + 1)).mean()


def uniform_divergence(cosines: Tensor, nearest: Tensor, rows: str) -> Tensor:
    """Return KL(uniform || softmax of the cosines with the nearest images), a scalar.

    Args:
        cosines: cosines of the batch's rows with the bank (N, M).
        nearest: indices of the most similar images, int64 (N, k).
        rows: "own" or "batch", see `EvolutionSettings`.
    """
    # For "batch" the shape is (N, N, k): cosines of each row with the nearest images of every row.
    found = cosines.gather(1, nearest) if rows == "own" else cosines[:, nearest]
    share = found.softmax(dim=1)
    choices = share.shape[1]
    share = (share + _LEAST_SHARE) / (1 + _LEAST_SHARE * choices)
    return functional.kl_div(share.log(), torch.full_like(share, 1 / choices), reduction="batchmean")


@dataclass(frozen=True)
class Evolution:
    """Loss of ICEL and its schedule.

    Args:
        config: schedule and weights.
        temperature: τ.
    """

    config: EvolutionSettings
    temperature: float

    def directions(self, kind: str, epoch: int) -> Iterator[tuple[str, str]]:
        """Yield pairs of views in an epoch, the view pulled and the view of its neighbours; see `loss`."""
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
        """Return the loss summed over an epoch's directions, and the mean number of neighbours.

        Args:
            kind: "intra" for neighbours in the same view, "cross" for neighbours in the other view.
            epoch: number of the epoch.
            sides: rows of the batch by view.
            pictures: image memories by view.

        Returns:
            None if the epoch has no direction of this kind.
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
