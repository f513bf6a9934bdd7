# SPDX-License-Identifier: Apache-2.0
"""A map in memory whose descriptors are smooth functions of the place, so that answers are predictable."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from geoloc.encoder.calibration import Calibration
from geoloc.geodesy import LocalFrame
from geoloc.mapping.directory import TILE_DTYPE
from geoloc.search.index import open_index

SIZE_M, PITCH_M, DEPTH = 40.0, 20.0, 256
_FRAME = LocalFrame(47.0, 8.0)


class ToyEncoder:
    """Describes a place by cosines of random waves, whose dot product is a Gaussian of the distance."""

    def __init__(self, seed=0, reach_m=25.0):
        rng = np.random.default_rng(seed)
        self._waves = rng.normal(0.0, 1.0 / reach_m, (2, DEPTH))
        self._phases = rng.uniform(0.0, 2 * np.pi, DEPTH)
        self.card = SimpleNamespace(
            id="toy",
            sha256="0" * 64,
            input_px=32,
            directory=Path("models/toy"),
            calibration=Calibration(-1.0, 0.0, "none"),
        )

    def at(self, east_m, north_m):
        waves = np.cos(np.stack([east_m, north_m], axis=-1) @ self._waves + self._phases)
        return (waves / np.linalg.norm(waves, axis=-1, keepdims=True)).astype(np.float32)


# Waves of 50 m and more in all directions, so that all places look different.
_WAVES = np.column_stack(
    [
        np.random.default_rng(1).uniform(-0.12, 0.12, (12, 2)),
        np.random.default_rng(2).uniform(0, 6, 12),
        np.random.default_rng(3).uniform(-40, 40, (12, 3)),
    ]
)


class ToyRaster:
    bounds_m = (-100.0, -80.0, 100.0, 80.0)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def view(self, east_m, north_m, size_m, size_px, heading_rad=0.0):
        steps = (np.arange(size_px) + 0.5 - size_px / 2) * size_m / size_px
        east, north = np.meshgrid(east_m + steps, north_m - steps)
        left, bottom, right, top = self.bounds_m
        inside = (east > left) & (east < right) & (north > bottom) & (north < top)
        picture = np.full((size_px, size_px, 3), 127.0)
        for wave_east, wave_north, phase, *colour in _WAVES:
            picture += np.sin(east * wave_east + north * wave_north + phase)[..., None] * np.array(colour)
        return np.clip(picture, 0, 255).astype(np.uint8), inside


@dataclass(frozen=True, eq=False)
class ToyMap:
    """Stand-in for `MapDirectory` in memory."""

    tiles: np.ndarray
    descriptors: np.ndarray
    frame: LocalFrame = _FRAME
    view_size_m: float = SIZE_M
    pitch_m: float = PITCH_M
    model_id: str = "toy"
    model_sha256: str = "0" * 64
    path: Path = Path("toy_map")

    def index(self, kind="numpy"):
        return open_index(self.descriptors, kind)

    def raster(self):
        return ToyRaster()


def toy_map(encoder, east=(-80, 80), north=(-60, 60), level_sizes=(SIZE_M,), **options):
    """Return a map of tiles every `PITCH_M` (scaled with the level) over a range of centres, metres."""
    parts = []
    for level, size_m in enumerate(level_sizes):
        step = PITCH_M * size_m / SIZE_M
        grid = np.meshgrid(np.arange(east[0], east[1] + 1, step), np.arange(north[0], north[1] + 1, step))
        part = np.zeros(grid[0].size, dtype=TILE_DTYPE)
        part["east_m"], part["north_m"] = (axis.ravel() for axis in grid)
        part["size_m"], part["level"], part["valid_fraction"] = size_m, level, 1.0
        parts.append(part)
    tiles = np.concatenate(parts)
    tiles["latitude"], tiles["longitude"] = _FRAME.to_geodetic(tiles["east_m"], tiles["north_m"])
    return ToyMap(tiles, encoder.at(tiles["east_m"], tiles["north_m"]), **options)
