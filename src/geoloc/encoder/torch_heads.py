# SPDX-License-Identifier: Apache-2.0
"""Heads of the network, which turn the backbone's features into a descriptor."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from geoloc.encoder.card import Architecture
from geoloc.encoder.torch_backbones import POOLED, Layout
from geoloc.errors import ModelError

_HEADS = ("grid", "pool", "both", POOLED, "rings")


def build_head(architecture: Architecture, layout: Layout) -> nn.Module:
    """Return the head of an architecture, for features of a layout.

    Raises:
        ModelError: for an unknown head, or a descriptor size that the head cannot have.
    """
    if architecture.head not in _HEADS:
        raise ModelError(f"head '{architecture.head}' is unknown; use {', '.join(_HEADS)}.")
    if architecture.head == POOLED:
        return _plain_head(architecture, layout)
    if architecture.head == "rings":
        return RingHead(architecture, layout)
    return GridPoolHead(architecture, layout)


class GridPoolHead(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """Head of a feature map (N, C, G, G) that keeps the layout of the cells, pools them, or does both."""

    def __init__(self, architecture: Architecture, layout: Layout) -> None:
        super().__init__()
        kind, size = architecture.head, architecture.descriptor_size
        channels, cells = layout.channels, layout.cells
        narrow = architecture.head_channels
        self.squeeze = None
        width = 0
        if kind != "pool":
            self.squeeze = nn.Sequential(
                nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)
            )
            width += narrow * cells * cells
        self.power = nn.Parameter(torch.tensor(3.0)) if kind != "grid" else None
        width += channels if kind != "grid" else 0
        self.project = nn.Linear(width, size, bias=False)
        self.norm = nn.BatchNorm1d(size)

    def forward(self, features: Tensor) -> Tensor:
        """Return the descriptors (N, D) of a map, not normalized."""
        parts = []
        if self.squeeze is not None:
            parts.append(self.squeeze(features).flatten(1))
        if self.power is not None:
            pooled = features.float().clamp(min=1e-4).pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)
            parts.append(pooled.to(features.dtype))
        return self.norm(self.project(torch.cat(parts, dim=1)))


class RingHead(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """Head of LPN: averages each square ring and passes it to a bottleneck (Wang et al. 2021, fig. 3).

    As in the code of LPN, a map with fewer cells than `rings` needs is enlarged first.
    """

    shares: Tensor

    def __init__(self, architecture: Architecture, layout: Layout) -> None:
        super().__init__()
        rings, size = architecture.rings, architecture.descriptor_size
        if rings < 1 or size % rings:
            raise ModelError(
                f"descriptor_size={size} cannot be shared by rings={rings}; choose a divisor as rings."
            )
        self.side = layout.cells if (layout.cells + 1) // 2 >= rings else 2 * rings
        self._enlarged = self.side != layout.cells
        numbers = ring_numbers(self.side, rings).flatten()
        members = functional.one_hot(numbers, rings).T.float()
        self.register_buffer("shares", members / members.sum(dim=1, keepdim=True), persistent=False)
        self.bottlenecks = nn.ModuleList(_bottleneck(layout.channels, size // rings) for _ in range(rings))

    def parts(self, features: Tensor) -> Tensor:
        """Return the feature of each ring of a map (N, C, G, G), innermost first, (N, P, D / P)."""
        if self._enlarged:
            features = functional.interpolate(
                features, size=(self.side, self.side), mode="bilinear", align_corners=True
            )
        averages = features.flatten(2) @ self.shares.T
        return torch.stack([b(averages[:, :, i]) for i, b in enumerate(self.bottlenecks)], dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the L2-normalized descriptors (N, D) of a map (N, C, G, G)."""
        return join_parts(self.parts(features))


def join_parts(parts: Tensor) -> Tensor:
    """Return unit descriptors (N, D), joined from P parts (N, P, D / P) of equal weight."""
    return functional.normalize(functional.normalize(parts.float(), dim=2).flatten(1), dim=1)


def ring_numbers(cells: int, rings: int) -> Tensor:
    """Return the ring of each cell, int64 (G, G), 0 in the centre; ring widths differ by at most a cell."""
    offset = (2 * torch.arange(cells) - (cells - 1)).abs()  # in half cells from the centre
    return torch.maximum(offset[:, None], offset[None, :]) * rings // cells


def _bottleneck(channels: int, size: int) -> nn.Module:
    linear = nn.Linear(channels, size, bias=False)
    nn.init.kaiming_normal_(linear.weight, mode="fan_out")
    return nn.Sequential(linear, nn.BatchNorm1d(size))


def _plain_head(architecture: Architecture, layout: Layout) -> nn.Module:
    if architecture.descriptor_size != layout.channels:
        raise ModelError(
            f"head '{architecture.head}' keeps the {layout.channels} channels of '{architecture.backbone}', "
            f"but descriptor_size is {architecture.descriptor_size}; set descriptor_size to "
            f"{layout.channels}, or use head pool, which projects."
        )
    return nn.Identity()
