# SPDX-License-Identifier: Apache-2.0
"""A test of a few small images on disk, and a descriptor of their mean colours."""

import cv2
import numpy as np

from geoloc_training.arrays import normalised
from geoloc_training.items import GeoLocation, Item, Task


def colours(views):
    """Return the mean colours of the four quarters of each view, centred and normalized."""
    half = views.shape[1] // 2
    quarters = [views[:, r : r + half, c : c + half].mean(axis=(1, 2)) for r in (0, half) for c in (0, half)]
    return normalised(np.concatenate(quarters, axis=1) - 128)


def picture(path, seed, noise=0, shape=(24, 24)):
    """Write an image of four random colours, one for each quarter; the seed is the place."""
    image = np.random.default_rng(seed).integers(0, 255, (2, 2, 3), dtype=np.uint8)
    image = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(int)
    image += np.random.default_rng(seed + 1000).integers(-noise, noise + 1, image.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))
    return path


def task(root, places=4, distractors=2, drones=2, metrics=("recall", "ap_trapezoid")):
    """Return a test with drone queries and a satellite gallery, as in University-1652."""
    queries = [
        Item(f"{n:04d}", "drone", picture(root / f"query/{n:04d}/{d}.png", n, 9 + d), _at(n, 1e-5 * d))
        for n in range(places)
        for d in range(drones)
    ]
    gallery = [
        Item(f"{n:04d}", "satellite", picture(root / f"gallery/{n:04d}/0.png", n), _at(n))
        for n in range(places + distractors)
    ]
    return Task("drone→satellite", tuple(queries), tuple(gallery), tuple(metrics))


def _at(number, off=0.0):
    return GeoLocation(30.0 + 1e-3 * number + off, 120.0)
