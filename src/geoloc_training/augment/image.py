# SPDX-License-Identifier: Apache-2.0
"""Augmentation of published data sets in batches on the device, after Sample4Geo (Deuser et al. 2023).

Both images of a pair are flipped together. Quarter turns apply to the satellite image or to both images.
Colours, sharpness and holes are drawn for each image. Queries may also be rotated, scaled and tilted.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from geoloc_training.augment.augment_config import ImageAugmentConfig
from geoloc_training.augment.draws import Draws
from geoloc_training.augment.tensors import (
    GREY,
    blurred,
    fill_invalid,
    hue,
    mixed,
    rectangles,
    saturation,
    shifted,
    to_pixels,
    to_views,
    warp_batch,
)
from geoloc_training.contract import Batch

_STREAM = 3  # separates these random numbers from other uses of the same seed
_GRID_HOLE = 0.4  # share of a cell's side
_HOLES = (10, 25)
_HOLE_SIDES = (0.1, 0.2)  # share of the view


class ImageAugment:
    """Augmentation of a batch of pairs on its device; depends on seed, step and rank only.

    Args:
        config: configuration of the augmentation.
        seed: seed of the run.
    """

    def __init__(self, config: ImageAugmentConfig, seed: int) -> None:
        self.config, self.seed = config, seed

    def __call__(self, batch: Batch, step: int, rank: int) -> Batch:
        """Return a new batch of the same places; views stay uint8 (N, S, S, 3)."""
        draws = Draws([self.seed, step, _STREAM, rank], batch.query.device)
        query, reference = self._turned(*self._flipped(batch.query, batch.reference, draws), draws)
        query = self.disturbed(query, draws)
        return replace(batch, query=self.varied(query, draws), reference=self.varied(reference, draws))

    def _flipped(self, query: Tensor, reference: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        rows = draws.some(len(query), self.config.flip_share)
        return tuple(views.index_copy(0, rows, views[rows].flip(2)) for views in (query, reference))

    def _turned(self, query: Tensor, reference: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        if self.config.turns == "none":
            return query, reference
        quarters = draws.parted(len(query), 0.25, 0.25, 0.25)
        for number, rows in enumerate(quarters, start=1):
            reference = reference.index_copy(0, rows, reference[rows].rot90(number, (1, 2)))
            if self.config.turns == "joint":
                query = query.index_copy(0, rows, query[rows].rot90(number, (1, 2)))
            elif self.config.turns == "panorama":
                # The direction that was a quarter turn right of the centre is now at the centre.
                rolled = query[rows].roll(-number * (query.shape[2] // 4), 2)
                query = query.index_copy(0, rows, rolled)
        return query, reference

    def disturbed(self, views: Tensor, draws: Draws) -> Tensor:
        """Rotate, scale and tilt queries about their centres; uncovered pixels get the mean colour."""
        config, count, size = self.config, len(views), views.shape[1]
        if not (config.yaw_deg or config.scale or config.perspective):
            return views
        yaw = math.radians(config.yaw_deg) * draws.uniform((count,), -1, 1)
        scale = torch.exp(math.log1p(config.scale) * draws.uniform((count,), -1, 1))
        tilt = draws.normal((count, 2), config.perspective)
        moved, valid = warp_batch(views, _about_the_centre(yaw, scale, tilt, size), size)
        return fill_invalid(moved, valid)

    def varied(self, views: Tensor, draws: Draws) -> Tensor:
        """Shift, recolour, blur or sharpen views (N, S, S, 3) and cut holes in them, each independently."""
        config, count = self.config, len(views)
        pixels = to_pixels(self._shifted(views, draws))
        rows = draws.some(count, config.colour_share)
        pixels.index_copy_(0, rows, _jittered(pixels[rows], config.colour, draws))
        soft, sharp = draws.parted(count, config.sharpness_share / 2, config.sharpness_share / 2)
        pixels.index_copy_(0, soft, _softened(pixels[soft], draws))
        pixels.index_copy_(0, sharp, _sharpened(pixels[sharp], draws))
        return self._pierced(to_views(pixels), draws)

    def _pierced(self, views: Tensor, draws: Draws) -> Tensor:
        share, size = self.config.dropout_share, views.shape[1]
        grid, coarse = draws.parted(len(views), share / 2, share / 2)
        holes = torch.cat([_grid_holes(len(grid), size, draws), _coarse_holes(len(coarse), size, draws)])
        rows = torch.cat([grid, coarse])
        return views.index_copy_(0, rows, fill_invalid(views[rows], ~holes))

    def _shifted(self, views: Tensor, draws: Draws) -> Tensor:
        most = round(self.config.shift * views.shape[1])
        if not most:
            return views
        moved, valid = shifted(views, draws.whole((len(views), 2), 2 * most + 1) - most)
        return fill_invalid(moved, valid)


def _about_the_centre(yaw_rad: Tensor, scale: Tensor, tilt: Tensor, size_px: int) -> Tensor:
    """Return homographies (N, 3, 3) of pixels for yaw (N,), scale (N,) and two tilt terms (N, 2)."""
    half = size_px / 2
    cos, sin, none = scale * torch.cos(yaw_rad), scale * torch.sin(yaw_rad), torch.zeros_like(scale)
    rows = (
        torch.stack([cos, -sin, none], 1),
        torch.stack([sin, cos, none], 1),
        torch.cat([tilt, torch.ones_like(tilt[:, :1])], 1),
    )
    normalise = tilt.new_tensor([[1 / half, 0, 0.5 / half - 1], [0, 1 / half, 0.5 / half - 1], [0, 0, 1]])
    return torch.linalg.inv(normalise) @ torch.stack(rows, 1) @ normalise


def _jittered(pixels: Tensor, most: float, draws: Draws) -> Tensor:
    """Change brightness, contrast and saturation by a relative amount, and hue by a share of the circle."""
    count = len(pixels)
    brightness, contrast, colour = (draws.uniform((count,), 1 - most, 1 + most) for _ in range(3))
    matrix = hue(2 * math.pi * draws.uniform((count,), -most, most)) @ saturation(colour)
    grey = (pixels.mean((2, 3)) * pixels.new_tensor(GREY)).sum(1)
    shift = (brightness * (1 - contrast) * grey)[:, None].expand(-1, 3)
    return mixed(pixels, (brightness * contrast)[:, None, None] * matrix, shift)


def _softened(pixels: Tensor, draws: Draws) -> Tensor:
    return blurred(pixels, draws.uniform((len(pixels),), 0.3, 1.5))


def _sharpened(pixels: Tensor, draws: Draws) -> Tensor:
    """Sharpen views by unsharp masking."""
    count = len(pixels)
    amount = draws.uniform((count, 1, 1, 1), 0.2, 1.0)
    return pixels + amount * (pixels - blurred(pixels, pixels.new_ones(count)))


def _grid_holes(count: int, size_px: int, draws: Draws) -> Tensor:
    """Return a grid of square holes, bool (N, S, S); its cells are 1/8 to 1/4 of the view."""
    axis = torch.arange(size_px, device=draws.device)[None]
    cell = size_px * draws.uniform((count, 1), 0.125, 0.25)
    across, down = (((axis / cell + draws.uniform((count, 1))) % 1) < _GRID_HOLE for _ in range(2))
    return across[:, None, :] & down[:, :, None]


def _coarse_holes(count: int, size_px: int, draws: Draws) -> Tensor:
    """Return 10 to 25 axis-aligned rectangular holes, bool (N, S, S)."""
    least, most = _HOLES
    number = least + draws.whole((count,), most - least + 1)
    holes = torch.zeros((count, size_px, size_px), dtype=torch.bool, device=draws.device)
    for hole in range(most):
        centre, sides = draws.uniform((count, 2)), draws.uniform((count, 2), *_HOLE_SIDES)
        box = rectangles(size_px * centre, size_px * sides, torch.zeros_like(centre[:, 0]), size_px)
        holes = holes | (box & (hole < number)[:, None, None])
    return holes
