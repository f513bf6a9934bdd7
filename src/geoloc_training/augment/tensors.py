# SPDX-License-Identifier: Apache-2.0
"""Operations on batches of views for the augmentations: colour matrices, masks, blur, shifts and warps."""

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)

_BLUR_PX = 13  # three standard deviations of the widest blur on each side


def to_pixels(views: Tensor) -> Tensor:
    """Convert uint8 (N, H, W, C) to a new tensor, float32 (N, C, H, W) in 0..255."""
    return views.permute(0, 3, 1, 2).float()


def to_views(pixels: Tensor) -> Tensor:
    """Clip and round float (N, C, H, W) in 0..255 to uint8 (N, H, W, C)."""
    return pixels.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def mixed(pixels: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Return `matrix` (N, 3, 3) times colours (N, 3, H, W) plus `shift` (N, 3), clipped to 0..255."""
    flat = torch.baddbmm(shift[:, :, None], matrix, pixels.flatten(2))
    return flat.clamp_(0, 255).view_as(pixels)


def saturation(factor: Tensor) -> Tensor:
    """Return matrices (N, 3, 3) that scale the distance of colours from grey by a factor (N,)."""
    grey = torch.tensor(GREY, device=factor.device).expand(3, 3)
    kept = factor[:, None, None]
    return kept * torch.eye(3, device=factor.device) + (1 - kept) * grey


def hue(angle_rad: Tensor) -> Tensor:
    """Return rotation matrices (N, 3, 3) of colours about the grey axis by angles (N,)."""
    eye = torch.eye(3, device=angle_rad.device)
    # The axis is (1, 1, 1) / √3, so the projection onto it is 1/3 everywhere.
    cross = (eye.roll(-1, 0) - eye.roll(1, 0)).T / 3**0.5
    cos, sin = torch.cos(angle_rad)[:, None, None], torch.sin(angle_rad)[:, None, None]
    return cos * eye + sin * cross + (1 - cos) / 3


def blurred(pixels: Tensor, deviation_px: Tensor) -> Tensor:
    """Return images (N, C, H, W), each blurred by a Gaussian with its own deviation (N,) in pixels."""
    side = min(_BLUR_PX, 2 * ((min(pixels.shape[2:]) - 1) // 2) + 1)
    both = deviation_px[:, None].expand(-1, 2)
    return gaussian_blur2d(pixels, side, both, "reflect")


def rectangles(centre: Tensor, sides: Tensor, angle_rad: Tensor, size_px: int) -> Tensor:
    """Return masks of rotated rectangles, bool (N, S, S); centres and sides (N, 2) are in pixels."""
    axis = torch.arange(size_px, device=centre.device, dtype=torch.float32)
    x, y = axis[None, None, :] - centre[:, 0, None, None], axis[None, :, None] - centre[:, 1, None, None]
    cos, sin = torch.cos(angle_rad)[:, None, None], torch.sin(angle_rad)[:, None, None]
    half = sides[:, :, None, None] / 2
    return ((x * cos + y * sin).abs() <= half[:, 0]) & ((y * cos - x * sin).abs() <= half[:, 1])


def fill_invalid(views: Tensor, valid: Tensor) -> Tensor:
    """Fill invalid pixels with the mean colour of the valid pixels, or mid-grey if no pixel is valid.

    Args:
        views: uint8 (N, S, S, 3).
        valid: bool (N, S, S).

    Returns:
        uint8 (N, S, S, 3), equal to `geoloc.camera.views.fill_invalid` of each view.
    """
    known = valid[..., None]
    count = known.sum((1, 2))
    mean = (views * known).sum((1, 2)).float() / count.clamp(min=1)
    mean = torch.where(count > 0, mean, torch.full_like(mean, 128.0)).round().to(torch.uint8)
    return torch.where(known, views, mean[:, None, None, :])


def shifted(views: Tensor, offsets_px: Tensor) -> tuple[Tensor, Tensor]:
    """Return views shifted by whole pixels, and the masks of their valid pixels.

    Args:
        views: views (N, S, S, C).
        offsets_px: shift of each view, down and to the right, int64 (N, 2).

    Returns:
        Shifted views (N, S, S, C), padded with the pixels of the edge, and masks, bool (N, S, S).
    """
    side = views.shape[1]
    rows, columns = torch.arange(side, device=views.device) - offsets_px.T[:, :, None]
    inside = [(places >= 0) & (places < side) for places in (rows, columns)]
    numbers = torch.arange(len(views), device=views.device)[:, None, None]
    moved = views[numbers, rows.clamp(0, side - 1)[:, :, None], columns.clamp(0, side - 1)[:, None, :]]
    return moved, inside[0][:, :, None] & inside[1][:, None, :]


def warp_batch(crops: Tensor, homographies: Tensor, size_px: int) -> tuple[Tensor, Tensor]:
    """Warp images by homographies, with bilinear interpolation.

    Args:
        crops: uint8 (N, P, Q, 3), or (N, P, Q, 4) with a mask that is 255 where there is data.
        homographies: (N, 3, 3), from view pixels (column, row) to pixels of the crop.
        size_px: side S of the views.

    Returns:
        The views, uint8 (N, S, S, 3), black outside the data, and masks of pixels with data, bool (N, S, S).
    """
    if crops.shape[3] == 3:
        crops = functional.pad(crops, (0, 1), value=255)
    height, width = crops.shape[1:3]
    axis = torch.arange(size_px, device=crops.device, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten(), torch.ones_like(x).flatten()])
    places = homographies.float() @ points
    # grid_sample measures from the outer edges of the image, -1..1.
    edges = places[:, :2] / places[:, 2:] + 0.5
    grid = edges / edges.new_tensor([width, height])[:, None] * 2 - 1
    grid = grid.transpose(1, 2).view(-1, size_px, size_px, 2)
    seen = functional.grid_sample(to_pixels(crops), grid, mode="bilinear", align_corners=False)
    return to_views(seen[:, :3]), seen[:, 3] > 250
