# SPDX-License-Identifier: Apache-2.0
"""Describes views and image files with the torch encoder of a run."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from geoloc.arrays import Float32Array
from geoloc_training.distributed import gather_rows, rank, ranks
from geoloc_training.evaluation.features import Reading, describe_items
from geoloc_training.items import Item

_CHUNK = 64


class Describer:
    """An encoder in evaluation mode, by default in full precision.

    Args:
        encoder: encoder, views uint8 (N, S, S, 3) -> L2-normalized descriptors (N, D).
        size_px: side S of a view in pixels.
        threads: number of threads that read images.
        autocast: factory of the context that gives networks the precision of training steps.
    """

    def __init__(
        self,
        encoder: nn.Module,
        size_px: int,
        threads: int = 2,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.encoder, self.size_px, self.threads, self.autocast = encoder, size_px, threads, autocast

    def views(self, views: NDArray[np.uint8], *, as_trained: bool = False) -> Float32Array:
        """Describe views in bounded memory; `as_trained` selects the precision of training steps."""
        device = next(self.encoder.parameters()).device
        training = self.encoder.training
        self.encoder.eval()
        with torch.inference_mode(), self.autocast() if as_trained else nullcontext():
            parts = [
                self.encoder(torch.from_numpy(views[begin : begin + _CHUNK]).to(device)).float().cpu().numpy()
                for begin in range(0, len(views), _CHUNK)
            ]
        self.encoder.train(training)
        found: Float32Array = np.concatenate(parts)
        return found

    def items(self, items: Sequence[Item], *, flip: bool = False, as_trained: bool = False) -> Float32Array:
        """Describe images, divided among the processes; all processes return the same descriptors.

        Args:
            items: images.
            flip: whether to add the mirrored image's descriptor before normalizing.
            as_trained: whether to use the precision of training steps.
        """
        share = math.ceil(len(items) / ranks())
        padded = [*items, *items[-1:] * (share * ranks() - len(items))]
        mine = padded[rank() * share : (rank() + 1) * share]
        reading = Reading(self.size_px, flip, batch=_CHUNK, threads=self.threads, progress=False)
        describe = partial(self.views, as_trained=as_trained)
        rows = torch.from_numpy(describe_items(mine, describe, reading))
        device = next(self.encoder.parameters()).device
        gathered: Float32Array = gather_rows(rows.to(device)).cpu().numpy()[: len(items)]
        return gathered
