# SPDX-License-Identifier: Apache-2.0
"""Defines the season of a date: sun, foliage, crops, sensor response, and the colour of every surface."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float64Array
from geoloc_lab.world.noise import stream
from geoloc_lab.world.town_plan import Surface


@dataclass(frozen=True)
class Season:
    """The state of land, sky and sensor on one date.

    Attributes:
        sun_azimuth_deg, sun_elevation_deg: direction of the sun.
        green: colour of the grass, 0 (straw) to 1 (lush).
        leaves: share of foliage on broadleaf trees.
        autumn: share of autumn colour in the foliage, 0 to 1.
        gains: factors of red, green and blue.
        gamma: gamma of the sensor.
        haze: share of veiling light.
        saturation: 1 leaves colours unchanged.
        shade: strength of the shadows.
        blur_m: standard deviation of the sensor's point spread.
        noise: standard deviation of the sensor noise.
        offset_m: (east, south) registration error.
    """

    sun_azimuth_deg: float
    sun_elevation_deg: float
    green: float
    leaves: float
    autumn: float
    gains: tuple[float, float, float]
    gamma: float
    haze: float
    saturation: float
    shade: float
    blur_m: float
    noise: float
    offset_m: tuple[float, float]


# Summer (the map), autumn, early spring, dry summer: azimuth, elevation, green, leaves, autumn.
_YEAR = (
    (142, 55, 0.82, 1.0, 0.0),
    (222, 36, 0.45, 0.75, 0.85),
    (158, 40, 0.62, 0.15, 0.25),
    (245, 47, 0.12, 1.0, 0.15),
)


def season_of(seed: int, date: int) -> Season:
    """Return the season of a date of a world; date 0 is in summer, later dates cycle through the year."""
    rng = stream(seed, f"season {date}")
    azimuth, elevation, green, leaves, autumn = _YEAR[date % len(_YEAR)]
    offset_m = (0.0, 0.0) if date == 0 else tuple(rng.uniform(-0.3, 0.3, 2))
    later = date > 0
    return Season(
        sun_azimuth_deg=azimuth + rng.normal(0, 8),
        sun_elevation_deg=elevation + rng.normal(0, 2.5),
        green=float(np.clip(green + rng.normal(0, 0.08), 0, 1)),
        leaves=float(np.clip(leaves + rng.normal(0, 0.08), 0, 1)),
        autumn=float(np.clip(autumn + rng.normal(0, 0.08), 0, 1)),
        gains=tuple(np.clip(rng.normal(1.0, 0.05 if later else 0.015, 3), 0.85, 1.15)),
        gamma=float(np.clip(rng.normal(1.0, 0.10 if later else 0.03), 0.8, 1.25)),
        haze=float(rng.uniform(0.02, 0.14) if later else 0.04),
        saturation=float(rng.uniform(0.6, 0.95) if later else 0.78),
        shade=float(rng.uniform(0.40, 0.55)),
        blur_m=float(rng.uniform(0.18, 0.3) if later else 0.14),
        noise=float(rng.uniform(1.5, 3.0) if later else 1.2),
        offset_m=offset_m,
    )


_COLOURS: dict[Surface, tuple[int, int, int]] = {
    Surface.SOIL: (150, 126, 102),
    Surface.STUBBLE: (186, 168, 126),
    Surface.ASPHALT: (124, 123, 124),
    Surface.ROAD: (108, 108, 111),
    Surface.PAVING: (164, 157, 150),
    Surface.CONCRETE: (178, 175, 168),
    Surface.GRAVEL: (168, 156, 138),
    Surface.DIRT: (158, 138, 112),
    Surface.SAND: (204, 190, 156),
    Surface.POOL: (98, 176, 196),
    Surface.TARTAN: (164, 92, 76),
    Surface.PAINT: (226, 226, 222),
    Surface.BALLAST: (132, 122, 114),
    Surface.STEEL: (104, 92, 86),
    Surface.ROOF: (150, 120, 105),
    Surface.VEHICLE: (140, 140, 145),
}
_LUSH: dict[Surface, tuple[int, int, int]] = {
    Surface.LAWN: (100, 124, 70),
    Surface.MEADOW: (116, 128, 78),
    Surface.WOODFLOOR: (78, 88, 56),
    Surface.CEREAL: (112, 136, 72),
    Surface.GREENCROP: (84, 116, 62),
    Surface.RAPESEED: (176, 170, 62),
    Surface.TURF: (88, 130, 66),
    Surface.HEDGE: (66, 86, 48),
    Surface.WATER: (58, 78, 80),
}
_DRY: dict[Surface, tuple[int, int, int]] = {
    Surface.LAWN: (150, 140, 98),
    Surface.MEADOW: (168, 152, 106),
    Surface.WOODFLOOR: (122, 104, 80),
    Surface.CEREAL: (196, 174, 118),
    Surface.GREENCROP: (118, 124, 76),
    Surface.RAPESEED: (140, 126, 88),
    Surface.TURF: (112, 132, 78),
    Surface.HEDGE: (98, 92, 62),
    Surface.WATER: (80, 84, 74),
}


def palette(season: Season) -> Float64Array:
    """Return the colour (S, 3), 0 to 255, of every surface in full sun."""
    colours = np.full((len(Surface), 3), 128.0)
    for surface, colour in _COLOURS.items():
        colours[surface] = colour
    for surface, lush in _LUSH.items():
        colours[surface] = season.green * np.array(lush) + (1 - season.green) * np.array(_DRY[surface])
    return colours


def crown_colours(season: Season, trees: Float64Array) -> Float64Array:
    """Return the colour (N, 3) of tree crowns, rows of `Plan.trees`."""
    shade = trees[:, 5:6]
    leaf = np.array([62, 86, 46]) + shade * np.array([34, 30, 14])
    turned = np.array([128, 92, 44]) + np.sin(shade * 37) * np.array([34, 18, 10])
    broadleaf = leaf + season.autumn * (0.35 + 0.65 * np.sin(shade * 91) ** 2) * (turned - leaf)
    conifer = np.array([44, 66, 48]) + shade * np.array([16, 16, 10])
    return np.asarray(np.where(trees[:, 4:5] > 0.5, conifer, broadleaf), dtype=np.float64)


# Fine grain, coarse patches and drift of hue, each in 1/128 of the brightness at full noise.
_TEXTURE: dict[Surface, tuple[int, int, int]] = {
    Surface.LAWN: (34, 27, 9),
    Surface.MEADOW: (46, 40, 14),
    Surface.WOODFLOOR: (60, 40, 11),
    Surface.SOIL: (26, 35, 6),
    Surface.CEREAL: (26, 27, 11),
    Surface.STUBBLE: (30, 24, 7),
    Surface.GREENCROP: (34, 32, 11),
    Surface.RAPESEED: (36, 32, 11),
    Surface.ASPHALT: (18, 24, 2),
    Surface.ROAD: (14, 19, 2),
    Surface.PAVING: (26, 19, 3),
    Surface.CONCRETE: (18, 24, 3),
    Surface.GRAVEL: (34, 28, 4),
    Surface.DIRT: (34, 32, 5),
    Surface.SAND: (24, 24, 3),
    Surface.WATER: (8, 19, 7),
    Surface.POOL: (12, 9, 2),
    Surface.TURF: (16, 20, 6),
    Surface.TARTAN: (10, 16, 2),
    Surface.PAINT: (16, 19, 1),
    Surface.HEDGE: (60, 28, 7),
    Surface.BALLAST: (34, 20, 3),
    Surface.STEEL: (30, 16, 2),
    Surface.ROOF: (20, 24, 3),
    Surface.TREE: (64, 17, 8),
    Surface.VEHICLE: (8, 4, 0),
}


def texture_table() -> NDArray[np.int16]:
    """Return the strengths (3, 256) of fine grain, coarse patches and hue drift by surface."""
    table = np.zeros((3, 256), np.int16)
    for surface, strengths in _TEXTURE.items():
        table[:, surface] = strengths
    return table
