# SPDX-License-Identifier: Apache-2.0
"""Pseudo-label enhancement: pictures of the map get labels of drone clusters, so that one memory serves both.

Formulas FROM CODE (`train.py`). With F̃ the descriptors F and noise, a picture of the map hears its 10
nearest drone pictures twice: labels a_1..a_10 by F, nearest first, and b_1..b_10 by F̃. Its label is the a_l
that occurs most often among the b (the nearest of equals), outliers' -1 among them. Then the 5 pictures of
the map that are most similar by the sum of both cosines, itself included, vote; of equals the lowest label
wins.

RECONSTRUCTED: noise shorter than the signal and descriptors normalised again, and only pictures of the same
cluster of the map vote.
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
    """Shares labels between the views.

    Args:
        config: how.
        device: where cosines are computed.
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
        """Return labels of the references among those of the queries, -1 for none, int64 (M,).

        Args:
            queries: unit descriptors (N, D).
            references: unit descriptors (M, D).
            query_labels: (N,), -1 for outliers.
            reference_labels: the references' own (M,); an outlier of its own view gets no label here either.
            seed: of the noise.
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
        # Drawn on the CPU, the same for every device.
        noise = torch.randn(rows.shape, generator=generator).to(rows.device)
        moved = rows + noise * (self.config.noise_length / rows.shape[1] ** 0.5)
        return functional.normalize(moved, dim=1) if self.config.renormalise else moved

    def _agreed(self, clean: list[Tensor], noisy: list[Tensor], heard: Tensor) -> Tensor:
        """Return the label that both opinions agree on most, (M,)."""
        count = min(self.config.nearest, len(heard))
        found = []
        for rows in torch.arange(len(clean[1]), device=self.device).split(_CHUNK_ROWS):
            first, second = (
                heard[(references[rows] @ queries.T).topk(count, dim=1)[1]]
                for queries, references in (clean, noisy)
            )
            votes = (first[:, :, None] == second[:, None, :]).sum(dim=2)
            # argmax alone would not promise the nearest of equals.
            nearest = votes * count - torch.arange(count, device=self.device)
            found.append(first.gather(1, nearest.argmax(dim=1, keepdim=True))[:, 0])
        return torch.cat(found)

    def _voted(self, clean: Tensor, noisy: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        """Return labels (M,) after the most similar pictures of the map have voted."""
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
        """Return which of the most similar pictures (N, k) of pictures (N,) have a vote."""
        if self.config.smooth_within == "all":
            return torch.ones_like(similar, dtype=torch.bool)
        return own[similar] == own[rows][:, None]
