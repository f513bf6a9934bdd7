# SPDX-License-Identifier: Apache-2.0
"""Pseudo-label enhancement: map images get labels of drone clusters, so that both views share one memory.

Formulas FROM CODE (`train.py`). F̃ denotes the descriptors F with noise. A map image collects the labels of
its 10 nearest drone images twice: a_1..a_10 by F, nearest first, and b_1..b_10 by F̃, outliers' -1 included.
Its label is the a_l that occurs most often among the b; the nearest wins a tie. Then the 5 map images that
are most similar by the sum of both cosines, including the image itself, vote; the lowest label wins a tie.

RECONSTRUCTED: the noise is shorter than the signal, noisy descriptors are normalized, and only images of the
same map cluster vote.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from geoloc.arrays import Float32Array, Int64Array
from geoloc_training.methods.dmnil.settings import EnhancementSettings

_CHUNK_ROWS = 2048


@dataclass(frozen=True)
class Enhancement:
    """Labels map images by drone clusters.

    Args:
        config: settings of the enhancement.
        device: device that computes cosines.
    """

    config: EnhancementSettings
    device: torch.device

    def __call__(
        self,
        queries: Float32Array,
        references: Float32Array,
        query_labels: Int64Array,
        reference_labels: Int64Array,
        seed: int,
    ) -> Int64Array:
        """Return a query label for each reference, int64 (M,), -1 for none.

        Args:
            queries: unit descriptors (N, D).
            references: unit descriptors (M, D).
            query_labels: labels of the queries (N,), -1 for outliers.
            reference_labels: labels of the references by their own clustering (M,); outliers stay outliers.
            seed: seed of the noise.
        """
        generator = torch.Generator().manual_seed(seed)
        clean = [torch.from_numpy(rows).to(self.device) for rows in (queries, references)]
        noisy = [self._noisy(rows, generator) for rows in clean]
        heard = torch.from_numpy(query_labels).to(self.device)
        own = torch.from_numpy(reference_labels).to(self.device)
        agreed = self._agreed(clean, noisy, heard)
        voted = self._voted(clean[1], noisy[1], agreed, own)
        return torch.where(own < 0, -1, voted).cpu().numpy()

    def _noisy(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        # Sample on the CPU, so that every device gets the same noise.
        noise = torch.randn(rows.shape, generator=generator).to(rows.device)
        moved = rows + noise * (self.config.noise_length / rows.shape[1] ** 0.5)
        return functional.normalize(moved, dim=1) if self.config.renormalise else moved

    def _agreed(self, clean: list[Tensor], noisy: list[Tensor], heard: Tensor) -> Tensor:
        """Return the label on which clean and noisy descriptors agree most, (M,)."""
        count = min(self.config.nearest, len(heard))
        found = []
        for rows in torch.arange(len(clean[1]), device=self.device).split(_CHUNK_ROWS):
            first, second = (
                heard[(references[rows] @ queries.T).topk(count, dim=1)[1]]
                for queries, references in (clean, noisy)
            )
            votes = (first[:, :, None] == second[:, None, :]).sum(dim=2)
            # argmax alone does not guarantee that the nearest wins a tie.
            nearest = votes * count - torch.arange(count, device=self.device)
            found.append(first.gather(1, nearest.argmax(dim=1, keepdim=True))[:, 0])
        return torch.cat(found)

    def _voted(self, clean: Tensor, noisy: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        """Return labels (M,) after a vote of the most similar map images."""
        count = min(self.config.smooth_over, len(labels))
        found = []
        for rows in torch.arange(len(clean), device=self.device).split(_CHUNK_ROWS):
            similar = (clean[rows] @ clean.T + noisy[rows] @ noisy.T).topk(count, dim=1)[1]
            counts = self._may_vote(similar, rows, own)
            ballots = labels[similar]
            votes = ((ballots[:, :, None] == ballots[:, None, :]) & counts[:, None, :]).sum(dim=2)
            best = (votes == votes.amax(dim=1, keepdim=True)) & counts
            lowest = ballots.masked_fill(~best, torch.iinfo(torch.int64).max).amin(dim=1)
            found.append(torch.where(counts.any(dim=1), lowest, labels[rows]))
        return torch.cat(found)

    def _may_vote(self, similar: Tensor, rows: Tensor, own: Tensor) -> Tensor:
        """Return a mask (N, k) of the most similar images that may vote."""
        if self.config.smooth_within == "all":
            return torch.ones_like(similar, dtype=torch.bool)
        return own[similar] == own[rows][:, None]
