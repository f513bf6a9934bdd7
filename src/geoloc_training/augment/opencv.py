# SPDX-License-Identifier: Apache-2.0
"""Augmentation of single views with OpenCV: light, season, shadows, optics, noise and frame borders."""

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import BoolArray, Float32Array, Float64Array
from geoloc_training.arrays import (
    Image,
)

Rng = np.random.Generator
_GREY = np.array([0.299, 0.587, 0.114])


def map_colours(image: Image, rng: Rng, strength: float) -> Image:
    """Apply slight colour changes to a map view, as between two map providers."""
    return _colour(image, rng, 0.4 * strength)


def drone_appearance(image: Image, rng: Rng, strength: float) -> Image:
    """Change the appearance of the ground as another date, another light and a camera do.

    Args:
        image: uint8 RGB (S, S, 3).
        rng: random generator.
        strength: 0 leaves light, season and noise unchanged, 1 is full strength.

    Returns:
        A new uint8 RGB view of the same shape.
    """
    if rng.random() < 0.5:
        image = _season(image, rng, strength)
    if rng.random() < 0.5:
        image = _shadows(image, rng, strength)
    if rng.random() < 0.3:
        image = _occlude(image, rng)
    image = _colour(image, rng, strength)
    image = _blur(image, rng, strength)
    if rng.random() < 0.6:
        image = _noise(image, rng, strength)
    if rng.random() < 0.3:
        image = _jpeg(image, rng)
    return image


def frame_border(size_px: int, rng: Rng, minimum: float = 0.5) -> BoolArray:
    """Return the mask of a camera frame that does not fill the view, a rotated rectangle, bool (S, S).

    The mask is all True if the frame would cover less than a share `minimum` of the view.
    """
    centre = size_px / 2 + rng.uniform(-0.12, 0.12, 2) * size_px
    sides = size_px * np.array([rng.uniform(0.75, 1.4), rng.uniform(0.9, 1.5)])
    box = cv2.boxPoints((tuple(centre), tuple(sides), float(rng.uniform(0, 180))))
    mask = cv2.fillConvexPoly(np.zeros((size_px, size_px), np.uint8), np.round(box).astype(np.int32), 1)
    return mask > 0 if mask.mean() >= minimum else np.ones((size_px, size_px), bool)


def _colour(image: Image, rng: Rng, strength: float) -> Image:
    """Change saturation, hue, white balance, channel mixing, exposure and haze in one matrix, then gamma."""
    mix = np.eye(3)
    saturation = np.exp(rng.normal(0, 0.35 * strength))
    mix = (saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), _GREY)) @ mix
    mix = _hue(rng.normal(0, 0.12 * strength)) @ mix
    mix = np.diag(np.exp(rng.normal(0, 0.1 * strength, 3))) @ mix
    mix = mix + rng.normal(0, 0.06 * strength, (3, 3))
    gain = np.exp(rng.normal(0, 0.25 * strength))
    mean = np.array(cv2.mean(image)[:3])
    offset = mean * (1 - gain) * rng.uniform(0, 1) + rng.normal(0, 15 * strength)
    haze = rng.uniform(0, 0.35 * strength) if rng.random() < 0.3 else 0.0
    matrix = (1 - haze) * gain * mix
    shift = (1 - haze) * offset + haze * rng.uniform(180, 240)
    mixed = cv2.transform(image.astype(np.float32), np.c_[matrix, np.broadcast_to(shift, 3)])
    gamma = np.exp(rng.normal(0, 0.25 * strength))
    table = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    bent: Image = cv2.LUT(_to_uint8(mixed), table)
    return bent


def _hue(angle_rad: float) -> Float64Array:
    """Return the rotation matrix of colours about the grey axis."""
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    rotation: Float64Array = cos * np.eye(3) + sin * cross + (1 - cos) * np.outer(axis, axis)
    return rotation


def _season(image: Image, rng: Rng, strength: float) -> Image:
    """Shift vegetation towards straw, brown or a deeper green, in proportion to the green of each pixel."""
    pixels = image.astype(np.float32)
    excess = 2 * pixels[..., 1] - pixels[..., 0] - pixels[..., 2]
    green = 1 / (1 + np.exp(-(excess - rng.uniform(5, 25)) / 6))
    tint = np.array([rng.uniform(0.6, 1.7), rng.uniform(0.6, 1.3), rng.uniform(0.6, 1.3)], np.float32)
    factor = 1 + strength * green[..., None] * (tint - 1)
    return _to_uint8(pixels * factor)


def _shadows(image: Image, rng: Rng, strength: float) -> Image:
    """Darken or lighten dark pixels, as under another position of the sun or under clouds."""
    pixels = image.astype(np.float32)
    grey = pixels @ _GREY.astype(np.float32)
    edge = np.quantile(grey[::4, ::4], rng.uniform(0.1, 0.4))
    dark = 1 / (1 + np.exp((grey - edge) / 10))
    factor = 1 + strength * (rng.uniform(0.4, 1.8) - 1) * dark
    return _to_uint8(pixels * factor[..., None])


def _occlude(image: Image, rng: Rng) -> Image:
    """Add a few small flat patches: cars, tarpaulins, dust on the lens."""
    image = image.copy()
    size = image.shape[0]
    for _ in range(rng.integers(1, 6)):
        centre = tuple(float(v) for v in rng.uniform(0, size, 2))
        sides = tuple(float(v) for v in rng.uniform(0.03, 0.2, 2) * size)
        box = cv2.boxPoints((centre, sides, float(rng.uniform(0, 180))))
        cv2.fillConvexPoly(
            image, np.round(box).astype(np.int32), tuple(int(v) for v in rng.integers(0, 256, 3))
        )
    return image


def _blur(image: Image, rng: Rng, strength: float) -> Image:
    """Blur by defocus, or by motion along a random line."""
    kind = rng.random()
    if kind < 0.3:
        blurred: Image = cv2.GaussianBlur(image, (0, 0), 0.3 + 1.5 * strength * rng.random())
        return blurred
    if kind < 0.45:
        smeared: Image = cv2.filter2D(image, -1, _streak(rng, 3 + int(5 * strength * rng.random())))
        return smeared
    return image


def _streak(rng: Rng, length_px: int) -> Float32Array:
    side = length_px | 1
    kernel = np.zeros((side, side), np.float32)
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    start, end = np.round(side / 2 - 0.5 - step).astype(int), np.round(side / 2 - 0.5 + step).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    kernel[side // 2, side // 2] = 1.0
    kernel /= kernel.sum()
    return kernel


def _noise(image: Image, rng: Rng, strength: float) -> Image:
    """Add sensor noise, equal or independent in the channels."""
    channels = 3 if rng.random() < 0.5 else 1
    noise = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32) * (
        12 * strength * rng.random()
    )
    return _to_uint8(image + noise)


def _jpeg(image: Image, rng: Rng) -> Image:
    ok, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR) if ok else None
    return image if decoded is None else np.asarray(decoded, np.uint8)


def _to_uint8(pixels: NDArray[np.floating]) -> Image:
    clipped: Image = np.clip(pixels, 0, 255).astype(np.uint8)
    return clipped
