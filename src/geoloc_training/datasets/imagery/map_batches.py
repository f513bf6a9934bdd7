# SPDX-License-Identifier: Apache-2.0
"""Batches of the data set `map`: random views for every step, rendered in the loader or on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloc.errors import ParameterError
from geoloc_training.augment.augment_config import AugmentConfig
from geoloc_training.augment.device import drone_appearance, frame_border, map_colours
from geoloc_training.augment.draws import Draws
from geoloc_training.augment.tensors import fill_invalid, warp_batch
from geoloc_training.contract import Batch, DescribeItems
from geoloc_training.datasets.imagery.view_pairs import (
    Source,
    Spot,
    disturbed,
    draw_batch,
    draw_pair,
    draw_spots,
)
from geoloc_training.datasets.imagery.windows import Aim, cut_windows

_PAIR_STREAM, _DEVICE_STREAM = 1, 2  # separate these random numbers from those of the spots


@dataclass(frozen=True)
class RawBatch(Batch):
    """Pairs to be rendered on the device.

    Attributes:
        query: windows of the ground in the drone views, uint8 (N, P, P, 4), RGB and mask of pixels with data.
        reference: windows of the ground in the map views, uint8 (N, Q, Q, 4).
        query_homographies: float32 (N, 3, 3), from view pixels to pixels of `query`.
        reference_homographies: float32 (N, 3, 3), from view pixels to pixels of `reference`.
    """

    query_homographies: Tensor
    reference_homographies: Tensor


class MapBatches:
    """An endless `BatchSource` of random places in georeferenced imagery.

    A batch depends on seed and step only. Several ranks share the places of one batch, which do not overlap.

    Args:
        sources: sources of pairs.
        augment: differences between drone views and map views.
        pairs: number of pairs in a batch, over all ranks.
        size_px: side of the views.
        seed: seed of the run.
        on_device: whether `augment.run_on=auto` renders on the training device.
        steps_per_epoch: number of steps that count as an epoch.

    Raises:
        ParameterError: there is no source.
    """

    places = 0

    def __init__(
        self,
        sources: Sequence[Source],
        augment: AugmentConfig,
        pairs: int,
        size_px: int,
        seed: int,
        on_device: bool,
        steps_per_epoch: int = 1000,
    ) -> None:
        if not sources:
            raise ParameterError("data 'map' has no sources; add one to data.sources.")
        self.sources, self.augment = list(sources), augment
        self.pairs, self.size_px, self.seed = pairs, size_px, seed
        self.on_device = augment.run_on == "device" or (augment.run_on == "auto" and on_device)
        self.steps_per_epoch = steps_per_epoch

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Do nothing, as epochs need no plan."""

    def state_dict(self) -> dict[str, Any]:
        """Return an empty dictionary, as batches depend on seed and step only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing, as there is no state to restore."""

    def batch(self, step: int, rank: int, ranks: int) -> Batch:
        """Return this rank's pairs of a step.

        If the sources have too little ground, every rank returns the same smaller number of pairs.

        Returns:
            A batch of views, uint8 (N, S, S, 3), or a `RawBatch` if the device renders.

        Raises:
            ParameterError: the sources have too little ground to give each rank a pair.
        """
        strength = self.augment.strength(step)
        rng = np.random.default_rng([self.seed, step])
        if ranks == 1 and not self.on_device:
            maps, drones = draw_batch(self.sources, self.pairs, self.size_px, self.augment, strength, rng)
            return _batch(maps, drones, np.arange(len(maps)))
        numbers, spots = self._part(rng, rank, ranks)
        rngs = [np.random.default_rng([self.seed, step, _PAIR_STREAM, number]) for number in numbers]
        if self.on_device:
            return self._raw(numbers, spots, strength, rngs)
        views = [
            draw_pair(spot, self.size_px, self.augment, strength, own)
            for spot, own in zip(spots, rngs, strict=True)
        ]
        maps, drones = (np.stack(side) for side in zip(*views, strict=True))
        return _batch(maps, drones, numbers)

    def finish(self, batch: Batch, step: int, rank: int) -> Batch:
        """Render and colour a `RawBatch`, the same on every call; other batches are returned unchanged."""
        if not isinstance(batch, RawBatch):
            return batch
        strength = self.augment.strength(step)
        draws = Draws([self.seed, step, _DEVICE_STREAM, rank], batch.query.device)
        reference, valid = warp_batch(batch.reference, batch.reference_homographies, self.size_px)
        reference = fill_invalid(map_colours(reference, draws, strength), valid)
        query, valid = warp_batch(batch.query, batch.query_homographies, self.size_px)
        frame = frame_border(len(query), self.size_px, draws, self.augment.border_share * strength)
        query = fill_invalid(drone_appearance(query, draws, strength), valid & frame)
        return Batch(query, reference, batch.ids, batch.weights)

    def _part(self, rng: np.random.Generator, rank: int, ranks: int) -> tuple[NDArray[np.int64], list[Spot]]:
        """Return a rank's spots, one in every `ranks` spots of the batch, and their numbers."""
        spots = list(draw_spots(self.sources, self.pairs, rng))
        numbers = np.arange(rank, len(spots) // ranks * ranks, ranks)
        if not len(numbers):
            raise ParameterError(
                f"the sources of data 'map' have ground for {len(spots)} pairs only, fewer than one for each "
                f"of {ranks} devices; use smaller views (view_size_m) or more imagery."
            )
        return numbers, [spots[number] for number in numbers]

    def _raw(
        self,
        numbers: NDArray[np.int64],
        spots: Sequence[Spot],
        strength: float,
        rngs: Sequence[np.random.Generator],
    ) -> RawBatch:
        maps = [Aim(spot.ground, spot.map_date, spot.look, spot.mirrored) for spot in spots]
        looks = [
            disturbed(spot.look, self.augment, strength, rng) for spot, rng in zip(spots, rngs, strict=True)
        ]
        drones = [
            Aim(spot.ground, spot.drone_date, look, spot.mirrored)
            for spot, look in zip(spots, looks, strict=True)
        ]
        reference, query = cut_windows(maps, self.size_px), cut_windows(drones, self.size_px)
        return RawBatch(
            query=torch.from_numpy(query.crops),
            reference=torch.from_numpy(reference.crops),
            ids=torch.from_numpy(numbers),
            weights=torch.ones(len(numbers)),
            query_homographies=torch.from_numpy(query.homographies),
            reference_homographies=torch.from_numpy(reference.homographies),
        )


def _batch(maps: NDArray[np.uint8], drones: NDArray[np.uint8], numbers: NDArray[np.int64]) -> Batch:
    return Batch(
        query=torch.from_numpy(drones),
        reference=torch.from_numpy(maps),
        ids=torch.from_numpy(numbers),
        weights=torch.ones(len(numbers)),
    )
