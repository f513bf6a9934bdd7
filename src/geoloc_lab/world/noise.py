# SPDX-License-Identifier: Apache-2.0
"""Provides reproducible noise: named random streams of one seed, smooth fields, and value noise."""

import zlib

import cv2
import numpy as np

from geoloc.arrays import Float64Array, UInt8Array

_STEPS_PER_CELL = 5


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of a named stream; adding a stream does not change the others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class Waves:
    """A smooth scalar field over the plane: a sum of sines, evaluated at points.

    Args:
        rng: random generator for directions and phases.
        wavelength_m: shortest and longest wavelength.
        amplitude: root mean square of the field.
        count: number of sines.
    """

    def __init__(
        self, rng: np.random.Generator, wavelength_m: tuple[float, float], amplitude: float, count: int = 7
    ) -> None:
        length_m = np.exp(rng.uniform(np.log(wavelength_m[0]), np.log(wavelength_m[1]), count))
        direction = rng.uniform(0, 2 * np.pi, count)
        self._k = 2 * np.pi / length_m[:, None] * np.stack([np.cos(direction), np.sin(direction)], 1)
        self._phase = rng.uniform(0, 2 * np.pi, count)
        # The weight grows with the wavelength, so that all waves contribute equally to the slope.
        weight = length_m / np.sqrt(np.sum(length_m**2) / 2)
        self._weight = amplitude * weight

    def __call__(self, points_m: Float64Array) -> Float64Array:
        """Return the field (N,) at points (N, 2)."""
        return np.asarray(np.sin(points_m @ self._k.T + self._phase) @ self._weight, dtype=np.float64)


def value_noise(
    rng: np.random.Generator, shape: tuple[int, int], size_m: tuple[float, float], cells_m: dict[float, float]
) -> UInt8Array:
    """Return smooth noise (H, W) uint8 about 128, the sum of enlarged random grids.

    Args:
        rng: random generator for the grids; their size depends on metres alone, so a world looks
            the same at any GSD.
        shape: height and width in pixels.
        size_m: height and width in metres.
        cells_m: weight of each octave by its cell size in metres; the sum of weights is at most 1.
    """
    # Adding octaves on a grid just fine enough for the smallest and enlarging the sum costs a third.
    step_m = max(size_m[0] / shape[0], min(cells_m) / _STEPS_PER_CELL)
    work = tuple(int(np.ceil(side / step_m)) for side in size_m)
    total = np.full(work, 128, np.uint8)
    for cell_m, weight in cells_m.items():
        grid = rng.integers(0, 256, [int(np.ceil(side / cell_m)) + 1 for side in size_m], dtype=np.uint8)
        octave = cv2.resize(grid, work[::-1], interpolation=cv2.INTER_CUBIC)
        cv2.addWeighted(total, 1.0, octave, weight, -127.5 * weight, dst=total)
    if work == shape:
        return total
    return np.asarray(cv2.resize(total, shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
