# SPDX-License-Identifier: Apache-2.0
"""Procedural worlds as grounds with several dates, rendered once and cached on disk."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from geoloc.errors import ParameterError
from geoloc_lab.world.world import World
from geoloc_training.arrays import Image
from geoloc_training.datasets.imagery.ground import Ground, pyramid

_GSD_M = 0.3


def load_worlds(seeds: Iterable[int], size_m: float, dates: int, cache: Path) -> list[Ground]:
    """Return one ground for each seed, with the dates "0" (date of the map) to `dates - 1`.

    Args:
        seeds: seeds of the worlds.
        size_m: side of each world.
        dates: number of dates, at least 2.
        cache: folder of rendered images, about 35 MB for each date and square kilometre.

    Raises:
        ParameterError: there are fewer than two dates, or a world cannot have this size or seed.
    """
    if dates < 2:
        raise ParameterError(
            f"world_dates is {dates}, but a pair of views needs two dates; set it to 2 or more."
        )
    return [
        Ground(
            f"world-{seed}",
            "world",
            _GSD_M,
            {str(d): pyramid(_picture(seed, size_m, d, cache)) for d in range(dates)},
        )
        for seed in seeds
    ]


def _picture(seed: int, size_m: float, date: int, cache: Path) -> Image:
    path = cache / f"world-{seed}-{size_m:g}m-{_GSD_M:g}-date{date}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, World(seed, size_m, _GSD_M).render(date))
        partial.replace(path)
    return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
