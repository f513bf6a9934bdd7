# SPDX-License-Identifier: Apache-2.0
"""Renders painted surfaces as an image: texture, sunlight on crowns, cast shadows, haze, sensor."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array, UInt8Array
from geoloc_lab.world.canvas import HEIGHT_UNIT_M, Canvas
from geoloc_lab.world.noise import stream, value_noise
from geoloc_lab.world.season import Season, texture_table
from geoloc_lab.world.town_plan import Surface

_STRIP = 512
_BRANCHES = (112.0, 98.0, 86.0)
_SHADOW_REACH_M = 60.0


@dataclass(frozen=True)
class Grain:
    """Noise rasters, uint8 (S, S) about 128: fine grain, coarse patches, drift of hue."""

    fine: UInt8Array
    coarse: UInt8Array
    hue: UInt8Array


def make_grain(seed: int, date: int, size_px: int, size_m: float) -> Grain:
    """Return the grain of a date: patches and fine grain, partly of all dates, and hue drift of this date."""
    shape, metres = (size_px, size_px), (size_m, size_m)
    lasting, passing = stream(seed, "grain"), stream(seed, f"grain {date}")
    coarse = value_noise(lasting, shape, metres, {90.0: 0.45, 28.0: 0.4, 9.0: 0.35})
    cv2.addWeighted(
        coarse, 1.0, value_noise(passing, shape, metres, {60.0: 0.4, 14.0: 0.3}), 1.0, -128, dst=coarse
    )
    fine = value_noise(lasting, shape, metres, {3.1: 0.35, 1.3: 0.3})
    cv2.addWeighted(fine, 1.0, value_noise(passing, shape, metres, {1.9: 0.3, 0.6: 0.5}), 1.0, -128, dst=fine)
    hue = value_noise(passing, shape, metres, {55.0: 0.6, 6.0: 0.4})
    return Grain(fine, coarse, hue)


def cast_shadows(height: UInt8Array, gsd_m: float, azimuth_deg: float, elevation_deg: float) -> UInt8Array:
    """Return 255 where an object hides the sun, else 0, from heights (S, S) in `HEIGHT_UNIT_M`."""
    azimuth = np.radians(azimuth_deg)
    east, south = -np.sin(azimuth), np.cos(azimuth)
    drop = np.tan(np.radians(elevation_deg)) * gsd_m / HEIGHT_UNIT_M
    shadow, reach = height.copy(), 1
    # `shadow` is the height up to which it is dark; each pass doubles the distance that it is propagated.
    while reach * gsd_m < _SHADOW_REACH_M:
        moved = _shifted(shadow, round(east * reach), round(south * reach))
        cv2.max(shadow, cv2.subtract(moved, float(round(drop * reach))), dst=shadow)
        reach *= 2
    return np.asarray(cv2.compare(shadow, cv2.add(height, 1.0), cv2.CMP_GT), dtype=np.uint8)


def _shifted(image: UInt8Array, right: int, down: int) -> UInt8Array:
    h, w = image.shape
    out = np.zeros_like(image)
    rows, cols = slice(max(0, down), min(h, h + down)), slice(max(0, right), min(w, w + right))
    out[rows, cols] = image[max(0, -down) : h - max(0, down), max(0, -right) : w - max(0, right)]
    return out


def develop(canvas: Canvas, bare: UInt8Array, grain: Grain, season: Season, noise_seed: int) -> UInt8Array:
    """Turn a painted canvas into the image that a sensor takes; this overwrites the canvas.

    Returns:
        uint8 RGB (S, S, 3), the canvas's own memory.
    """
    shadow = cast_shadows(canvas.height, canvas.gsd_m, season.sun_azimuth_deg, season.sun_elevation_deg)
    shadow = cv2.blur(shadow, (3, 3))
    crowns = _crown_light(canvas, season)
    response = _response(season)
    rng = np.random.default_rng(noise_seed)
    speckle = (
        rng.normal(128, season.noise * 8, (_STRIP + 61, canvas.rgb.shape[1] + 67))
        .clip(0, 255)
        .astype(np.uint8)
    )
    for top in range(0, len(canvas.rgb), _STRIP):
        rows = slice(top, min(top + _STRIP, len(canvas.rgb)))
        strip = canvas.rgb[rows]
        _lay_texture(strip, canvas.surface[rows], crowns[rows], grain, rows)
        _draw_branches(strip, bare[rows], grain.fine[rows])
        _shade(strip, shadow[rows], season)
        cv2.transform(strip, _paleness(season.saturation), dst=strip)
        _expose(strip, response, speckle, rng)
    sigma_px = season.blur_m / canvas.gsd_m
    if sigma_px > 0.25:
        cv2.GaussianBlur(canvas.rgb, (0, 0), sigma_px, dst=canvas.rgb)
    return canvas.rgb


def _crown_light(canvas: Canvas, season: Season) -> NDArray[np.int8]:
    """Return the brightness (S, S), in 1/128, that crowns gain by facing the sun."""
    smooth = cv2.GaussianBlur(canvas.height, (0, 0), max(0.6, 0.55 / canvas.gsd_m))
    step = max(1, round(0.5 / canvas.gsd_m))
    azimuth = np.radians(season.sun_azimuth_deg)
    right, down = round(np.sin(azimuth) * step * 1.4), round(-np.cos(azimuth) * step * 1.4)
    behind, ahead = _shifted(smooth, right, down), _shifted(smooth, -right, -down)
    slope = cv2.subtract(behind, ahead, dtype=cv2.CV_16S)
    light = np.clip(slope, -14, 14, out=slope)
    light *= 3
    light *= canvas.surface == Surface.TREE
    return np.asarray(light, dtype=np.int8)


def _lay_texture(
    strip: UInt8Array, surface: UInt8Array, crowns: NDArray[np.int8], grain: Grain, rows: slice
) -> None:
    fine, coarse, hue = (np.take(table, surface) for table in texture_table())
    gain = (grain.fine[rows].astype(np.int16) - 128) * fine
    gain += (grain.coarse[rows].astype(np.int16) - 128) * coarse
    gain >>= 7
    gain += crowns
    drift = ((grain.hue[rows].astype(np.int16) - 128) * hue) >> 7
    gains = cv2.merge([np.clip(128 + gain + sign * drift, 0, 255).astype(np.uint8) for sign in (1, 0, -1)])
    cv2.multiply(strip, gains, dst=strip, scale=1 / 128)


def _draw_branches(strip: UInt8Array, bare: UInt8Array, fine: UInt8Array) -> None:
    """Cover the ground under leafless crowns with twigs whose density follows the grain."""
    if not bare.any():
        return
    cover = cv2.multiply(bare, cv2.add(fine, 40.0), scale=1 / 255)
    twigs = cv2.merge([cv2.convertScaleAbs(cover, alpha=level / 255) for level in _BRANCHES])
    cv2.multiply(strip, cv2.merge([cv2.bitwise_not(cover)] * 3), dst=strip, scale=1 / 255)
    cv2.add(strip, twigs, dst=strip)


def _shade(strip: UInt8Array, shadow: UInt8Array, season: Season) -> None:
    """Darken shadows, red more than blue, because only the sky lights them."""
    depth = [season.shade * tilt for tilt in (1.12, 1.04, 0.92)]
    lights = cv2.merge([cv2.convertScaleAbs(shadow, alpha=-d, beta=255) for d in depth])
    cv2.multiply(strip, lights, dst=strip, scale=1 / 255)


def _paleness(saturation: float) -> Float32Array:
    """Return the matrix (3, 3) that moves colours towards grey."""
    grey = np.tile(np.array([0.30, 0.55, 0.15]), (3, 1))
    return np.asarray(saturation * np.eye(3) + (1 - saturation) * grey, dtype=np.float32)


def _response(season: Season) -> UInt8Array:
    """Return the sensor's curves (1, 256, 3): gains, gamma and the veil of haze."""
    level = np.arange(256)[:, None] / 255 * np.array(season.gains)
    curve = np.clip(level, 0, 1) ** season.gamma
    veiled = curve * (1 - season.haze) + season.haze * np.array([0.72, 0.77, 0.84])
    return np.asarray(np.clip(veiled * 255, 0, 255)[None], dtype=np.uint8)


def _expose(strip: UInt8Array, response: UInt8Array, speckle: UInt8Array, rng: np.random.Generator) -> None:
    cv2.LUT(strip, response, dst=strip)
    dy, dx = int(rng.integers(61)), int(rng.integers(67))
    grain = speckle[dy : dy + strip.shape[0], dx : dx + strip.shape[1]]
    signed = (grain.astype(np.int16) - 128)[..., None] // 8
    strip[:] = np.clip(strip.astype(np.int16) + signed, 0, 255).astype(np.uint8)
