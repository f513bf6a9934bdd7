# SPDX-License-Identifier: Apache-2.0
"""Small made-up grounds: enough texture to be told apart, nothing from disk."""

import cv2
import numpy as np

from geoloc_training.datasets.imagery.ground import Ground, pyramid


def picture(seed: int, side: int = 256) -> np.ndarray:
    """Smooth coloured blotches and a few rectangles, uint8 RGB (side, side, 3)."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(
        rng.integers(40, 200, (12, 12, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(12):
        corner, size = rng.integers(0, side, 2), rng.integers(8, side // 5, 2)
        cv2.rectangle(image, corner.tolist(), (corner + size).tolist(), rng.integers(0, 255, 3).tolist(), -1)
    return image


def place(number: int, group: str = "town", side: int = 256, gsd_m: float = 0.6) -> Ground:
    """A place with two dates: the second is a darker, noisier look at the same."""
    first = picture(number, side)
    noise = np.random.default_rng(number + 999).normal(0, 6, first.shape)
    second = np.clip(first * 0.8 + noise, 0, 255).astype(np.uint8)
    return Ground(f"{group}_{number}", group, gsd_m, {"2016": pyramid(first), "2020": pyramid(second)})


def places(count: int, group: str = "town") -> list[Ground]:
    return [place(number, group) for number in range(count)]


def describe_pixels(views: np.ndarray) -> np.ndarray:
    """The simplest descriptor that works on these: the standardised pixels, L2-normalised."""
    flat = views.reshape(len(views), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)
