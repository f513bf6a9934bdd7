# SPDX-License-Identifier: Apache-2.0
"""Augmentation of unpaired images in batches on the device, each image independently."""

from dataclasses import replace

import torch
from torch import Tensor

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import ImageAugmentConfig
from geoloc_training.augment.draws import Draws
from geoloc_training.augment.image import ImageAugment
from geoloc_training.contract import Batch

_STREAM = 4  # separates these random numbers from other uses of the same seed
_TURNS = ("none", "reference")


class SingleAugment:
    """Augmentation of a batch of unpaired images on its device; depends on seed, step and rank only.

    Flips and quarter turns are drawn for each image, not for each pair as in `ImageAugment`.

    Args:
        config: configuration of the augmentation.
        seed: seed of the run.

    Raises:
        ParameterError: the configured turns need pairs.
    """

    def __init__(self, config: ImageAugmentConfig, seed: int) -> None:
        if config.turns not in _TURNS:
            raise ParameterError(
                f"image_augment.turns={config.turns} turns the images of a pair together, but the method "
                f"has no pairs; use {' or '.join(_TURNS)}."
            )
        self.config, self.seed = config, seed
        self._pictures = ImageAugment(config, seed)

    def __call__(self, batch: Batch, step: int, rank: int) -> Batch:
        """Return a new batch of the augmented images, views uint8 (N, S, S, 3)."""
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
