# SPDX-License-Identifier: Apache-2.0
"""The procedural world as grounds with several dates, rendered once and kept."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from geoloc.errors import ParameterError
from geoloc_lab.world.world import World
from geoloc_training.arrays import Image
from geoloc_training.datasets.imagery.ground import Ground, pyramid

_GSD_M = 0.3


def load_worlds(seeds: Iterable[int], size_m: float, dates: int, cache: Path) -> list[Ground]:
    """Return one ground a seed with dates "0" (the map's) to `dates - 1`.

    Args:
        seeds: of the worlds.
        size_m: side of each.
        dates: how many dates, two or more.
        cache: folder that keeps the pictures (about 35 MB a date and square kilometre).

    Raises:
        ParameterError: fewer than two dates, or a size or seed no world can have.
    """
    if dates < 2:
        raise ParameterError(f"world_dates is {dates}; a pair of views needs at least 2.")
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
