# SPDX-License-Identifier: Apache-2.0
"""The torch encoder of a run as plain functions of views and of pictures on disk."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from geoloc_training.datasets.contract import Item
from geoloc_training.distributed import gather_rows, rank, ranks
from geoloc_training.evaluation.features import Reading, describe_items

Floats = NDArray[np.float32]
_CHUNK = 64


class Describer:
    """An encoder in evaluation mode and full precision.

    Args:
        encoder: views uint8 (N, S, S, 3) -> L2-normalised descriptors (N, D).
        size_px: side S of its views.
        threads: threads that read pictures.
    """

    def __init__(self, encoder: nn.Module, size_px: int, threads: int = 2) -> None:
        self.encoder, self.size_px, self.threads = encoder, size_px, threads

    def views(self, views: NDArray[np.uint8]) -> Floats:
        """Describe any number of views in bounded memory."""
        device = next(self.encoder.parameters()).device
        training = self.encoder.training
        self.encoder.eval()
        with torch.inference_mode():
            parts = [
                self.encoder(torch.from_numpy(views[begin : begin + _CHUNK]).to(device)).cpu().numpy()
                for begin in range(0, len(views), _CHUNK)
            ]
        self.encoder.train(training)
        found: Floats = np.concatenate(parts)
        return found

    def items(self, items: Sequence[Item]) -> Floats:
        """Describe pictures; each process its share, and all get the same numbers."""
        share = math.ceil(len(items) / ranks())
        padded = [*items, *items[-1:] * (share * ranks() - len(items))]
        mine = padded[rank() * share : (rank() + 1) * share]
        reading = Reading(self.size_px, batch=_CHUNK, threads=self.threads, progress=False)
        rows = torch.from_numpy(describe_items(mine, self.views, reading))
        device = next(self.encoder.parameters()).device
        gathered: Floats = gather_rows(rows.to(device)).cpu().numpy()[: len(items)]
        return gathered
