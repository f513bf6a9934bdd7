# SPDX-License-Identifier: Apache-2.0
"""Drone and map appearance in batches on any device, equivalent to `augment.opencv`.

Views are uint8 (N, S, S, 3), before and after. The random changes have the same distributions as in
`augment.opencv`, but not the same values.
"""

import math
from collections.abc import Callable

import torch
from kornia.enhance import jpeg_codec_differentiable
from kornia.filters import filter2d
from torch import Tensor

from geoloc_training.augment.draws import Draws
from geoloc_training.augment.tensors import (
    GREY,
    blurred,
    hue,
    mixed,
    rectangles,
    saturation,
    to_pixels,
    to_views,
)

_STREAK_PX = 7
_MOST_PATCHES = 5

_Change = Callable[[Tensor, Draws, float], Tensor]


def map_colours(views: Tensor, draws: Draws, strength: float) -> Tensor:
    """Apply slight colour changes to map views, as between two map providers."""
    return to_views(_colour(to_pixels(views), draws, 0.4 * strength))


def drone_appearance(views: Tensor, draws: Draws, strength: float) -> Tensor:
    """Change the appearance of the ground as another date, another light and a camera do.

    Args:
        views: uint8 (N, S, S, 3).
        draws: random numbers.
        strength: 0 leaves light, season and noise unchanged, 1 is full strength.

    Returns:
        New uint8 views (N, S, S, 3).
    """
    pixels, count = to_pixels(views), len(views)
    for change, share in ((_season, 0.5), (_shadows, 0.5), (_occlude, 0.3)):
        pixels = _some(pixels, change, draws.some(count, share), draws, strength)
    pixels = _colour(pixels, draws, strength)
    pixels = _blur(pixels, draws, strength)
    for change, share in ((_noise, 0.6), (_jpeg, 0.3)):
        pixels = _some(pixels, change, draws.some(count, share), draws, strength)
    return to_views(pixels)


def frame_border(count: int, size_px: int, draws: Draws, share: float, minimum: float = 0.5) -> Tensor:
    """Return masks of camera frames that do not fill their views, as rotated rectangles.

    A frame covers at least a share `minimum` of its view.

    Returns:
        bool (N, S, S); a `share` of the views have a frame, the masks of the others are all True.
    """
    centre = size_px * (0.5 + draws.uniform((count, 2), -0.12, 0.12))
    sides = size_px * torch.stack([draws.uniform((count,), 0.75, 1.4), draws.uniform((count,), 0.9, 1.5)], 1)
    frames = rectangles(centre, sides, draws.uniform((count,), 0, math.pi), size_px)
    whole = (draws.uniform((count,)) >= share) | (frames.float().mean((1, 2)) < minimum)
    return frames | whole[:, None, None]


def _some(pixels: Tensor, change: _Change, rows: Tensor, draws: Draws, strength: float) -> Tensor:
    """Apply a change to some rows of a batch."""
    if not len(rows):
        return pixels
    return pixels.index_copy(0, rows, change(pixels[rows], draws, strength))


def _colour(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Change saturation, hue, white balance, channel mixing, exposure and haze in one matrix, then gamma."""
    count = len(pixels)
    mix = hue(draws.normal((count,), 0.12 * strength)) @ saturation(
        torch.exp(draws.normal((count,), 0.35 * strength))
    )
    mix = torch.exp(draws.normal((count, 3), 0.1 * strength))[:, :, None] * mix
    mix = mix + draws.normal((count, 3, 3), 0.06 * strength)
    gain = torch.exp(draws.normal((count, 1), 0.25 * strength))
    offset = pixels.mean((2, 3)) * (1 - gain) * draws.uniform((count, 1))
    offset = offset + draws.normal((count, 1), 15 * strength)
    haze = draws.uniform((count, 1), 0, 0.35 * strength) * (draws.uniform((count, 1)) < 0.3)
    shift = (1 - haze) * offset + haze * draws.uniform((count, 1), 180, 240)
    colours = mixed(pixels, ((1 - haze) * gain)[:, :, None] * mix, shift)
    gamma = torch.exp(draws.normal((count, 1, 1, 1), 0.25 * strength))
    return 255 * (colours / 255) ** gamma


def _season(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Shift vegetation towards straw, brown or a deeper green, in proportion to the green of each pixel."""
    count = len(pixels)
    excess = 2 * pixels[:, 1] - pixels[:, 0] - pixels[:, 2]
    green = torch.sigmoid((excess - draws.uniform((count, 1, 1), 5, 25)) / 6)[:, None]
    reds, others = draws.uniform((count, 1), 0.6, 1.7), draws.uniform((count, 2), 0.6, 1.3)
    tint = torch.cat([reds, others], 1)[:, :, None, None]
    return (pixels * (1 + strength * green * (tint - 1))).clamp(0, 255)


def _shadows(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Darken or lighten dark pixels, as under another position of the sun or under clouds."""
    count = len(pixels)
    grey = (pixels * pixels.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    levels = grey[:, 0, ::4, ::4].flatten(1).sort(1).values
    at = (draws.uniform((count, 1), 0.1, 0.4) * (levels.shape[1] - 1)).round().long()
    edge = levels.gather(1, at)[:, :, None, None]
    dark = torch.sigmoid((edge - grey) / 10)
    factor = 1 + strength * (draws.uniform((count, 1, 1, 1), 0.4, 1.8) - 1) * dark
    return (pixels * factor).clamp(0, 255)


def _occlude(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Add a few small flat patches (cars, tarpaulins, dust on the lens) at any strength, as with OpenCV."""
    count, size = len(pixels), pixels.shape[3]
    patches = 1 + draws.whole((count,), _MOST_PATCHES)
    for number in range(_MOST_PATCHES):
        centre, sides = size * draws.uniform((count, 2)), size * draws.uniform((count, 2), 0.03, 0.2)
        patch = rectangles(centre, sides, draws.uniform((count,), 0, math.pi), size)
        patch = patch & (number < patches)[:, None, None]
        colour = draws.uniform((count, 3), 0, 255)[:, :, None, None]
        pixels = torch.where(patch[:, None], colour, pixels)
    return pixels


def _blur(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Blur some views by defocus, and others by motion along a random line."""
    out_of_focus, moved = draws.parted(len(pixels), 0.3, 0.15)
    pixels = _some(pixels, _defocus, out_of_focus, draws, strength)
    return _some(pixels, _smear, moved, draws, strength)


def _defocus(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    return blurred(pixels, draws.uniform((len(pixels),), 0.3, 0.3 + 1.5 * strength))


def _smear(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    count = len(pixels)
    length = draws.uniform((count,), 3, 3 + 5 * strength).floor()
    sides = torch.stack([length, torch.ones_like(length)], 1)
    middle = torch.full_like(sides, _STREAK_PX // 2)
    line = rectangles(middle, sides, draws.uniform((count,), 0, math.pi), _STREAK_PX).float()
    return filter2d(pixels, line / line.sum((1, 2), keepdim=True), "reflect")


def _noise(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Add sensor noise, equal or independent in the channels."""
    noise = draws.noise(pixels.shape)
    grey = draws.uniform((len(pixels), 1, 1, 1)) < 0.5
    noise = torch.where(grey, noise[:, :1], noise)
    return (pixels + noise * draws.uniform((len(pixels), 1, 1, 1), 0, 12 * strength)).clamp(0, 255)


def _jpeg(pixels: Tensor, draws: Draws, strength: float) -> Tensor:
    """Compress views as JPEG at any strength, as with OpenCV."""
    quality = draws.uniform((len(pixels),), 25, 90)
    return 255 * jpeg_codec_differentiable((pixels / 255).clamp(0, 1), quality)
