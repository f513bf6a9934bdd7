# SPDX-License-Identifier: Apache-2.0
"""Pictures that nobody has paired, each varied by itself, in batches on the device."""

from dataclasses import replace

import torch
from torch import Tensor

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import ImageAugmentConfig
from geoloc_training.augment.draws import Draws
from geoloc_training.augment.image import ImageAugment
from geoloc_training.contract import Batch

_STREAM = 4  # keeps these random numbers apart from those of other uses of the same seed
_TURNS = ("none", "reference")


class SingleAugment:
    """Varies a batch where it lies; depends on seed, step and rank alone.

    Flips and quarter turns, which keep a pair together in `ImageAugment`, are drawn for each picture here.

    Args:
        config: how far.
        seed: of the run.

    Raises:
        ParameterError: turns that only pairs can make.
    """

    def __init__(self, config: ImageAugmentConfig, seed: int) -> None:
        if config.turns not in _TURNS:
            raise ParameterError(
                f"image_augment.turns={config.turns} turns the pictures of a pair together and the method "
                f"knows no pairs; use {' or '.join(_TURNS)}."
            )
        self.config, self.seed = config, seed
        self._pictures = ImageAugment(config, seed)

    def __call__(self, batch: Batch, step: int, rank: int) -> Batch:
        """Return a new batch of the same pictures; views stay uint8 (N, S, S, 3)."""
        draws = Draws([self.seed, step, _STREAM, rank], batch.query.device)
        query = self._pictures.disturbed(self._flipped(batch.query, draws), draws)
        reference = self._turned(self._flipped(batch.reference, draws), draws)
        varied = self._pictures.varied
        return replace(batch, query=varied(query, draws), reference=varied(reference, draws))

    def _flipped(self, views: Tensor, draws: Draws) -> Tensor:
        rows = draws.some(len(views), self.config.flip_share)
        return views.index_copy(0, rows, views[rows].flip(2))

    def _turned(self, views: Tensor, draws: Draws) -> Tensor:
        if self.config.turns == "none":
            return views
        for number, rows in enumerate(draws.parted(len(views), 0.25, 0.25, 0.25), start=1):
            views = views.index_copy(0, rows, torch.rot90(views[rows], number, (1, 2)))
        return views
