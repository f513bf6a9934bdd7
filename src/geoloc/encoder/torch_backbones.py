# SPDX-License-Identifier: Apache-2.0
"""Backbones from timm: any of its networks, with the output arranged as square feature maps."""

import math
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from geoloc.encoder.card import Architecture
from geoloc.errors import ModelError, clause

POOLED = "gap"  # the only head whose features the backbone pools


@dataclass(frozen=True)
class Layout:
    """Layout of a backbone's output.

    Attributes:
        kind: map (N, C, G, G), channels_last (N, G, G, C), tokens (N, prefix + G * G, C) or pooled (N, C).
        channels: number of channels C.
        cells: number of cells per side G; 1 for a pooled output.
        prefix: number of leading tokens that belong to no cell, such as a class token.
    """

    kind: str
    channels: int
    cells: int
    prefix: int = 0

    def arrange(self, features: Tensor) -> Tensor:
        """Return an output as a map (N, C, G, G); a pooled output (N, C) is returned unchanged."""
        if self.kind == "tokens":
            cells = features[:, self.prefix :].transpose(1, 2)
            return cells.reshape(-1, self.channels, self.cells, self.cells)
        return features.permute(0, 3, 1, 2) if self.kind == "channels_last" else features


def build_backbone(architecture: Architecture, **pretrained: Any) -> nn.Module:  # noqa: ANN401 - timm's own
    """Build a network of timm without its classifier, and replace its stem as the architecture says.

    Args:
        architecture: the architecture; uses backbone, stem, head and input_px.
        pretrained: `pretrained` and `pretrained_cfg_overlay` of `timm.create_model`.

    Raises:
        ModelError: if timm cannot build the network, or the stem does not fit it.
    """
    args = {key: tuple(v) if isinstance(v, list) else v for key, v in architecture.backbone_args.items()}
    try:
        if _has_fixed_size(architecture.backbone):
            args.setdefault("img_size", architecture.input_px)
        if architecture.head != POOLED:
            args["global_pool"] = ""
        model = timm.create_model(architecture.backbone, num_classes=0, **args, **pretrained)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise ModelError(
            f"timm cannot build '{architecture.backbone}' with {args} ({clause(error)}); "
            "change backbone or backbone_args."
        ) from error
    _fit_stem(model, architecture)
    return model


def find_layout(backbone: nn.Module, architecture: Architecture) -> Layout:
    """Return the layout of a backbone's output, found by running it on one view.

    Raises:
        ModelError: if the backbone takes no view of this size, or the head cannot use its output.
    """
    side = architecture.input_px
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            shape = tuple(backbone(torch.zeros(1, 3, side, side)).shape)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ModelError(
            f"'{architecture.backbone}' cannot describe views of input_px={side} ({clause(error)}); "
            "choose another input_px, such as 224."
        ) from error
    backbone.train(training)
    layout = _layout(shape, getattr(backbone, "num_prefix_tokens", 0))
    if layout is None or (layout.kind == "pooled") != (architecture.head == POOLED):
        raise ModelError(
            f"'{architecture.backbone}' returns features of shape {shape[1:]} for a view of input_px={side}, "
            f"which head '{architecture.head}' cannot use; choose another head or backbone."
        )
    return layout


def _layout(shape: tuple[int, ...], prefix: int) -> Layout | None:
    if len(shape) == 2:
        return Layout("pooled", shape[1], 1)
    if len(shape) == 3:
        cells = math.isqrt(max(0, shape[1] - prefix))
        return Layout("tokens", shape[2], cells, prefix) if cells * cells == shape[1] - prefix > 0 else None
    if len(shape) == 4 and shape[2] == shape[3]:
        return Layout("map", shape[1], shape[2])
    if len(shape) == 4 and shape[1] == shape[2]:
        return Layout("channels_last", shape[3], shape[1])
    return None


def _has_fixed_size(name: str) -> bool:
    """Return whether the network is built for one size of views, as most transformers are."""
    settings = timm.get_pretrained_cfg(name)
    return settings is not None and bool(settings.fixed_input_size)


def _fit_stem(model: nn.Module, architecture: Architecture) -> None:
    if architecture.stem == "unshuffle":
        if not hasattr(model, "conv1") or not hasattr(model, "maxpool"):
            raise ModelError(
                f"stem 'unshuffle' needs a ResNet, and '{architecture.backbone}' is not one; use stem: timm."
            )
        width = model.bn1.num_features
        model.conv1 = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(48, width, 3, padding=1, bias=False))
        model.maxpool = nn.Identity()
    elif architecture.stem != "timm":
        raise ModelError(f"stem '{architecture.stem}' is unknown; use timm or unshuffle.")
