# SPDX-License-Identifier: Apache-2.0
"""Changes imagery to another season and sensor, for places with imagery of only one date.

An image of bare woods in spring becomes one of summer: foliage over the woods, dry or mown grass, patches of
crops, another sun, new objects, a softer and noisier camera with other colours, and a registration error.
All changes are sampled from a seed. `geoloc_lab.scenarios.likeness` measures how hard the change is for an
encoder.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from geoloc.arrays import Float32Array
from geoloc.errors import ParameterError
from geoloc.raster.colours import Rgb
from geoloc_lab.world.noise import stream, value_noise

_LEAVES = np.array([0.20, 0.31, 0.16], dtype=np.float32)  # RGB, as shares of white
_DRY_GRASS = np.array([0.52, 0.47, 0.30], dtype=np.float32)
_SHADOW_M = 7.0
_BUILT_PER_KM2 = 30.0


@dataclass(frozen=True)
class SeasonChange:
    """Strengths of the changes: 0 for no change; the defaults are as hard as years between two real images.

    Attributes:
        seed: seed of all random choices.
        plants: strength for leaves, grass and crops.
        light: strength for sun, shadows and haze.
        sensor: strength for colours, blur, noise and compression.
        things: number of new objects, relative to 30 per km².
        registration_m: root mean square of the registration error.

    Raises:
        ParameterError: for a value outside its range.
    """

    seed: int = 1
    plants: float = 1.0
    light: float = 1.25
    sensor: float = 1.25
    things: float = 1.0
    registration_m: float = 0.6

    def __post_init__(self) -> None:
        for name, high in (
            ("plants", 1.0),
            ("light", 2.0),
            ("sensor", 2.0),
            ("things", 10.0),
            ("registration_m", 5.0),
        ):
            if not 0.0 <= getattr(self, name) <= high:
                raise ParameterError(
                    f"{name} of a season change is {getattr(self, name)}; give a value from 0 to {high:g}."
                )


def changed(rgb: Rgb, gsd_m: float, how: SeasonChange) -> Rgb:
    """Return an image, uint8 RGB (H, W, 3) of `gsd_m` metres per pixel, in another season and sensor."""
    picture = rgb.astype(np.float32) / 255.0
    woods, grass = _woods(picture, gsd_m), _grass(picture)
    picture = _grown(picture, woods, grass, gsd_m, how)
    picture = _built(picture, gsd_m, how)
    picture = _lit(picture, woods, gsd_m, how)
    picture = _shifted(picture, gsd_m, how)
    return _sensed(picture, how)


def _woods(picture: Float32Array, gsd_m: float) -> Float32Array:
    """Return the share (H, W), 0 to 1, of bare woods: dark, brown or green, and rough."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    wide = 6.0 / gsd_m
    mean = cv2.GaussianBlur(grey, (0, 0), wide)
    rough = np.sqrt(np.maximum(cv2.GaussianBlur(grey**2, (0, 0), wide) - mean**2, 0.0))
    blueness = cv2.GaussianBlur(picture[..., 2] - picture[..., 0], (0, 0), wide / 3)
    dark = _ramp(mean, 0.50, 0.38)
    bare = dark * _ramp(rough, 0.03, 0.06) * _ramp(blueness, 0.02, -0.03)
    return np.asarray(bare * (1.0 - _grass(picture)) * _ramp(grey, 0.55, 0.40), dtype=np.float32)


def _grass(picture: Float32Array) -> Float32Array:
    """Return the share (H, W), 0 to 1, of green, sunlit grass."""
    red, green, blue = cv2.split(cv2.GaussianBlur(picture, (0, 0), 1.5))
    excess = (2 * green - red - blue) / (red + green + blue + 0.05)
    return np.asarray(_ramp(excess, 0.02, 0.10) * _ramp(green, 0.18, 0.28), dtype=np.float32)


def _grown(
    picture: Float32Array, woods: Float32Array, grass: Float32Array, gsd_m: float, how: SeasonChange
) -> Float32Array:
    rng = stream(how.seed, "plants")
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    crowns = _noise(rng, picture, gsd_m, {5.0: 0.55, 12.0: 0.35})
    patches = _noise(rng, picture, gsd_m, {90.0: 0.7, 35.0: 0.3})
    # Leaves hide the ground of bare woods, so little of the old brightness remains.
    leaves = _LEAVES * (0.75 + 0.9 * crowns + 0.35 * (grey - grey.mean()))
    sown = _DRY_GRASS * (0.55 + 0.8 * patches) * (0.7 + 0.6 * grey)
    picture = _mixed(picture, leaves, 0.9 * how.plants * woods[..., None])
    dry = 0.8 * how.plants * grass * (1.0 - woods)
    return _mixed(picture, sown, dry[..., None])


def _built(picture: Float32Array, gsd_m: float, how: SeasonChange) -> Float32Array:
    """Return the image with new roofs, lots and heaps painted over it."""
    rng = stream(how.seed, "things")
    height, width = picture.shape[:2]
    count = rng.poisson(how.things * _BUILT_PER_KM2 * height * width * gsd_m**2 / 1e6)
    picture = picture.copy()
    for _ in range(count):
        centre = rng.uniform(0, (width, height))
        sides = rng.uniform(8.0, 28.0, 2) / gsd_m
        corners = cv2.boxPoints((centre.tolist(), sides.tolist(), float(rng.uniform(0, 90))))
        colour = rng.uniform(0.2, 0.75) * rng.uniform(0.93, 1.07, 3)
        cv2.fillConvexPoly(picture, np.round(corners).astype(np.int32), colour.tolist(), cv2.LINE_AA)
    return picture


def _lit(picture: Float32Array, woods: Float32Array, gsd_m: float, how: SeasonChange) -> Float32Array:
    """Return the image under another sun: old shadows lifted, new ones cast, uneven light, haze."""
    rng = stream(how.seed, "light")
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    local = cv2.GaussianBlur(grey, (0, 0), 10.0 / gsd_m)
    shade = _ramp(grey, 0.85 * local, 0.5 * local) * (1.0 - 0.7 * woods)
    lifted = picture * (1.0 + how.light * 0.7 * shade[..., None])
    # Woods, and areas brighter than their surroundings, are assumed to be tall and cast the new shadows.
    high = np.maximum(_ramp(grey, 1.15 * local, 1.5 * local), 0.7 * woods)
    azimuth = rng.uniform(0, 2 * math.pi)
    reach = _SHADOW_M / gsd_m
    cast = _moved(high, reach * math.sin(azimuth), -reach * math.cos(azimuth)) * (1.0 - high)
    lit = lifted * (1.0 - how.light * 0.45 * cv2.GaussianBlur(cast, (0, 0), 1.0)[..., None])
    uneven = _noise(rng, picture, gsd_m, {400.0: 0.6, 150.0: 0.4}) - 0.5
    return np.asarray(lit * (1.0 + how.light * 0.35 * uneven) + how.light * 0.03, dtype=np.float32)


def _shifted(picture: Float32Array, gsd_m: float, how: SeasonChange) -> Float32Array:
    rng = stream(how.seed, "registration")
    height, width = picture.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    for axis in (x, y):
        off = _noise(rng, picture, gsd_m, {200.0: 1.0})[..., 0]
        spread = max(float(off.std()), 1e-6)
        axis += (off - off.mean()) * np.float32(how.registration_m / math.sqrt(2) / gsd_m / spread)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.float32)


def _sensed(picture: Float32Array, how: SeasonChange) -> Rgb:
    rng = stream(how.seed, "sensor")
    far = how.sensor
    balance = 1.0 + far * rng.uniform(-0.12, 0.12, 3).astype(np.float32)
    gamma = 1.0 + far * 0.3 * float(rng.choice([-1.0, 1.0]))
    contrast = 1.0 - 0.2 * far
    toned = np.clip(picture, 0.0, 1.5) ** np.float32(gamma) * balance
    toned = (toned - 0.4) * contrast + 0.4
    if far > 0:
        toned = cv2.GaussianBlur(toned, (0, 0), 0.8 * far)
    toned = toned + 0.018 * far * rng.standard_normal(picture.shape, dtype=np.float32)
    pixels: Rgb = np.clip(np.rint(toned * 255.0), 0, 255).astype(np.uint8)
    if far == 0:
        return pixels
    coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, round(90 - 20 * far)])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def _noise(
    rng: np.random.Generator, picture: Float32Array, gsd_m: float, cells_m: dict[float, float]
) -> Float32Array:
    """Return smooth noise (H, W, 1) of about 0 to 1."""
    shape = (picture.shape[0], picture.shape[1])
    size_m = (shape[0] * gsd_m, shape[1] * gsd_m)
    return np.asarray(value_noise(rng, shape, size_m, cells_m)[..., None] / np.float32(255), np.float32)


def _moved(mask: Float32Array, right_px: float, down_px: float) -> Float32Array:
    by = np.array([[1, 0, right_px], [0, 1, down_px]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(mask, by, mask.shape[::-1]), dtype=np.float32)


def _mixed(first: Float32Array, second: Float32Array, share: Float32Array) -> Float32Array:
    return np.asarray(first + (second - first) * share, dtype=np.float32)


def _ramp(values: Float32Array, zero_at: Float32Array | float, one_at: Float32Array | float) -> Float32Array:
    """Return 0 at `zero_at` and beyond, 1 at `one_at` and beyond, and a linear ramp between."""
    return np.asarray(np.clip((values - zero_at) / (one_at - zero_at), 0.0, 1.0), dtype=np.float32)
