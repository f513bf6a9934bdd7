# SPDX-License-Identifier: Apache-2.0
"""The network itself, for training and, where torch is installed, for flight."""

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from geoloc.encoder.card import WEIGHTS_NAME, Architecture, ModelCard
from geoloc.encoder.checks import check_descriptors, check_views
from geoloc.errors import ModelError


class TorchEncoder:
    """A model directory's `encoder.safetensors` run by torch; see `geoloc.encoder.Encoder`.

    Args:
        card: of the model.
        threads: of torch, process-wide; 0 leaves it as it is.

    Raises:
        ModelError: the weights are damaged or do not fit the card's architecture.
    """

    def __init__(self, card: ModelCard, threads: int = 0) -> None:
        self._card = card
        if threads:
            torch.set_num_threads(threads)
        path = card.directory / WEIGHTS_NAME
        self._network = ViewEncoder(card.architecture)
        try:
            self._network.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise ModelError(f"{path} cannot be loaded ({error}); export the model again.") from error
        self._network.eval()

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def describe(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe uint8 views (N, S, S, 3) as L2-normalised float32 (N, D)."""
        check_views(self._card, views)
        with torch.inference_mode():
            descriptors = self._network(torch.from_numpy(np.ascontiguousarray(views))).numpy()
        return check_descriptors(self._card, descriptors)


class ViewEncoder(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """uint8 NHWC views (N, S, S, 3) in, L2-normalised float32 descriptors (N, D) out."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, 3, 1, 1), persistent=False)
        self.backbone = _backbone(architecture)
        with torch.no_grad():
            probe = torch.zeros(2, 3, architecture.input_px, architecture.input_px)
            shape = self.backbone(probe).shape
        self.head = _Head(architecture, channels=shape[1], cells=shape[2])

    def forward(self, views: Tensor) -> Tensor:
        """Describe views; colours are normalised here so that training and flight cannot differ."""
        return functional.normalize(self.head(self.backbone(self.normalise(views))).float(), dim=1)

    def normalise(self, views: Tensor) -> Tensor:
        """uint8 (N, S, S, 3) to float (N, 3, S, S)."""
        pixels = (views.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        if self.architecture.standardise:
            centred = pixels - pixels.mean(dim=(2, 3), keepdim=True)
            # The floor keeps a dull view from becoming pure amplified noise.
            deviation = (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-2).sqrt()
            pixels = centred / deviation
        return pixels


class _Head(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """From a feature map (N, C, G, G) to (N, D), by layout, by pooling, or both."""

    def __init__(self, architecture: Architecture, channels: int, cells: int) -> None:
        super().__init__()
        kind, size = architecture.head, architecture.descriptor_size
        if kind not in ("grid", "pool", "both"):
            raise ModelError(f"head '{kind}' is unknown; use grid, pool or both.")
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
        parts = []
        if self.squeeze is not None:
            parts.append(self.squeeze(features).flatten(1))
        if self.power is not None:
            pooled = features.float().clamp(min=1e-4).pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)
            parts.append(pooled.to(features.dtype))
        return self.norm(self.project(torch.cat(parts, dim=1)))


def _backbone(architecture: Architecture) -> nn.Module:
    args = {key: tuple(v) if isinstance(v, list) else v for key, v in architecture.backbone_args.items()}
    try:
        model = timm.create_model(
            architecture.backbone, pretrained=False, num_classes=0, global_pool="", **args
        )
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"timm cannot build '{architecture.backbone}' with {args}: {error}.") from error
    if architecture.stem == "unshuffle":
        if not hasattr(model, "conv1") or not hasattr(model, "maxpool"):
            raise ModelError(
                f"stem 'unshuffle' needs a ResNet, '{architecture.backbone}' is none; use stem: timm."
            )
        width = model.bn1.num_features
        model.conv1 = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(48, width, 3, padding=1, bias=False))
        model.maxpool = nn.Identity()
    elif architecture.stem != "timm":
        raise ModelError(f"stem '{architecture.stem}' is unknown; use timm or unshuffle.")
    return model
