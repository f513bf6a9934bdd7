# SPDX-License-Identifier: Apache-2.0
"""Pairs of views of the same ground: a map view, and the view of a drone on another date."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc.camera.views import fill_invalid
from geoloc.errors import ParameterError
from geoloc_training import augment
from geoloc_training.arrays import Image
from geoloc_training.augment.augment_config import AugmentConfig
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.imagery.ground import Ground, Look, render

Rng = np.random.Generator


@dataclass(frozen=True)
class Spot:
    """One place of a batch: the ground, the view on it, and the dates of map and drone view."""

    ground: Ground
    look: Look
    map_date: str
    drone_date: str
    mirrored: bool


class Source:
    """Grounds that share a resolution, a range of view sizes and a share of every batch."""

    def __init__(self, grounds: Sequence[Ground], config: SourceConfig) -> None:
        if not grounds:
            raise ParameterError(f"source '{config.label}' has no grounds; check its cities or its folder.")
        self.grounds = list(grounds)
        self.config = config
        self.groups = sorted({ground.group for ground in grounds})

    def spots(self, count: int, size_m: float, rng: Rng) -> list[Spot]:
        """Draw up to `count` spots without overlap, all from one group with probability `one_group_share`."""
        grounds = self.grounds
        if len(self.groups) > 1 and rng.random() < self.config.one_group_share:
            group = self.groups[int(rng.integers(len(self.groups)))]
            same = [g for g in grounds if g.group == group]
            grounds = same if sum(_capacity(g, size_m) for g in same) >= count // 2 else grounds
        order = rng.permutation(len(grounds))
        spots: list[Spot] = []
        for index in order:
            spots += self._on_ground(grounds[index], size_m, count - len(spots), rng)
            if len(spots) >= count:
                break
        return spots

    def _on_ground(self, ground: Ground, size_m: float, count: int, rng: Rng) -> Iterator[Spot]:
        """Yield spots on a grid of 1.3 views with a random origin: hard negatives without overlap."""
        limit = min(count, self.config.spots_per_ground)
        for east, south in _grid(ground, size_m, rng)[:limit]:
            heading = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else rng.integers(4) * np.pi / 2
            look = Look(float(east), float(south), size_m, float(heading))
            names = list(ground.dates)
            first, second = rng.permutation(len(names))[:2] if len(names) > 1 else (0, 0)
            yield Spot(ground, look, names[first], names[second], bool(rng.random() < 0.5))


def _capacity(ground: Ground, size_m: float) -> int:
    width, height = ground.extent_m
    pitch = 1.3 * size_m
    return max(1, int((width - size_m) // pitch + 1)) * max(1, int((height - size_m) // pitch + 1))


def _grid(ground: Ground, size_m: float, rng: Rng) -> NDArray[np.float64]:
    """Return the centres (east, south) of views with data, in random order, float64 (N, 2)."""
    axes = []
    for extent in ground.extent_m:
        room = max(extent - size_m, 0.0)
        pitch = 1.3 * size_m
        number = int(room // pitch) + 1
        start = size_m / 2 + rng.uniform(0, room - (number - 1) * pitch)
        axes.append(start + pitch * np.arange(number))
    east, south = np.meshgrid(*axes)
    centres = np.stack([east.ravel(), south.ravel()], axis=1)
    if ground.valid is not None:
        coarsest, pixel_m = ground.valid[-1], ground.gsd_m * 2 ** (len(ground.valid) - 1)
        data = [_has_data(coarsest, pixel_m, east, south, size_m) for east, south in centres]
        centres = centres[data]
    return rng.permutation(centres)


def _has_data(mask: Image, pixel_m: float, east_m: float, south_m: float, size_m: float) -> bool:
    """Return True if more than 98 % of a window of a validity mask, at its resolution, is data."""
    rows = slice(int((south_m - size_m / 2) / pixel_m), int((south_m + size_m / 2) / pixel_m) + 1)
    columns = slice(int((east_m - size_m / 2) / pixel_m), int((east_m + size_m / 2) / pixel_m) + 1)
    return bool((mask[rows, columns] > 250).mean() > 0.98)


def draw_pair(
    spot: Spot, size_px: int, config: AugmentConfig, strength: float, rng: Rng
) -> tuple[Image, Image]:
    """Render a spot as a map view and as a drone view, both uint8 (S, S, 3)."""
    image, valid = render(spot.ground, spot.map_date, spot.look, size_px)
    map_view = fill_invalid(augment.map_colours(image, rng, strength), valid)
    image, valid = render(spot.ground, spot.drone_date, disturbed(spot.look, config, strength, rng), size_px)
    image = augment.drone_appearance(image, rng, strength)
    if rng.random() < config.border_share * strength:
        valid = valid & augment.frame_border(size_px, rng)
    drone_view = fill_invalid(image, valid)
    if spot.mirrored:
        return np.ascontiguousarray(map_view[:, ::-1]), np.ascontiguousarray(drone_view[:, ::-1])
    return map_view, drone_view


def disturbed(look: Look, config: AugmentConfig, strength: float, rng: Rng) -> Look:
    """Return a view of the same place with the random offset, heading, scale and tilt of a camera."""
    reach = config.wide_offset if rng.random() < config.wide_offset_share else config.offset
    offset = rng.uniform(-1, 1, 2) * reach * look.size_m * strength
    swing = config.wide_yaw_deg if rng.random() < config.wide_yaw_share else config.yaw_deg
    yaw = np.deg2rad(swing * strength) * rng.uniform(-1, 1)
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(config.scale) * strength)
    tilt = rng.normal(0, config.perspective * strength, 2)
    return Look(
        look.east_m + float(offset[0]),
        look.south_m + float(offset[1]),
        float(look.size_m * scale),
        float(look.heading_rad + yaw),
        (float(tilt[0]), float(tilt[1])),
    )


def draw_spots(sources: Sequence[Source], pairs: int, rng: Rng) -> Iterator[Spot]:
    """Yield the spots of a batch, without overlap; the spots of a source are drawn at its first spot.

    Args:
        sources: sources of spots, each with its share of the batch.
        pairs: requested number of spots; fewer if the sources are too small.
        rng: random generator.
    """
    shares = np.array([source.config.share for source in sources], float)
    counts = np.floor(shares / shares.sum() * pairs).astype(int)
    counts[int(np.argmax(shares))] += pairs - counts.sum()
    for source, count in zip(sources, counts, strict=True):
        low, high = source.config.view_size_m
        size_m = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        yield from source.spots(int(count), size_m, rng)


def draw_batch(
    sources: Sequence[Source], pairs: int, size_px: int, config: AugmentConfig, strength: float, rng: Rng
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a batch of pairs of views without overlap between pairs.

    Args:
        sources: sources of pairs, each with its share of the batch.
        pairs: requested number of pairs N; fewer if the sources are too small.
        size_px: side of the views.
        config: configuration of the augmentation.
        strength: factor on every augmentation, 0..1.
        rng: random generator; the same state gives the same batch.

    Returns:
        Map views and drone views, uint8 (N, S, S, 3) each, in matching order.
    """
    views = [draw_pair(spot, size_px, config, strength, rng) for spot in draw_spots(sources, pairs, rng)]
    maps, drones = zip(*views, strict=True)
    return np.stack(maps), np.stack(drones)
