# SPDX-License-Identifier: Apache-2.0
"""Any of timm's networks as a source of square feature maps, whatever layout it computes in."""

import math
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from geoloc.encoder.card import Architecture
from geoloc.errors import ModelError

POOLED = "gap"  # the one head that lets the backbone pool


@dataclass(frozen=True)
class Layout:
    """What a backbone puts out, and how it becomes a map.

    Attributes:
        kind: map (N, C, G, G), channels_last (N, G, G, C), tokens (N, prefix + G * G, C) or pooled (N, C).
        channels: C.
        cells: G; 1 where it is pooled.
        prefix: tokens that stand for no cell, such as a class token; they come first.
    """

    kind: str
    channels: int
    cells: int
    prefix: int = 0

    def arrange(self, features: Tensor) -> Tensor:
        """Return the output as (N, C, G, G), or as it is, (N, C), where it is pooled."""
        if self.kind == "tokens":
            cells = features[:, self.prefix :].transpose(1, 2)
            return cells.reshape(-1, self.channels, self.cells, self.cells)
        return features.permute(0, 3, 1, 2) if self.kind == "channels_last" else features


def build_backbone(architecture: Architecture, **pretrained: Any) -> nn.Module:  # noqa: ANN401 - timm's own
    """Return the network from timm, without its classifier, with the stem of the architecture.

    Args:
        architecture: backbone, stem, head and side of the view.
        pretrained: `pretrained` and `pretrained_cfg_overlay` of `timm.create_model`.

    Raises:
        ModelError: timm cannot build it, or the stem does not fit it.
    """
    args = {key: tuple(v) if isinstance(v, list) else v for key, v in architecture.backbone_args.items()}
    try:
        if _has_fixed_size(architecture.backbone):
            args.setdefault("img_size", architecture.input_px)
        if architecture.head != POOLED:
            args["global_pool"] = ""
        model = timm.create_model(architecture.backbone, num_classes=0, **args, **pretrained)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise ModelError(f"timm cannot build '{architecture.backbone}' with {args}: {error}.") from error
    _fit_stem(model, architecture)
    return model


def find_layout(backbone: nn.Module, architecture: Architecture) -> Layout:
    """Return the layout of a backbone's output for views of this size, by running it on one.

    Raises:
        ModelError: it takes no view of this size, or puts out what the head cannot use.
    """
    side = architecture.input_px
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            shape = tuple(backbone(torch.zeros(1, 3, side, side)).shape)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ModelError(
            f"'{architecture.backbone}' cannot describe views of input_px={side} ({error}); "
            "choose another input_px, such as 224."
        ) from error
    backbone.train(training)
    layout = _layout(shape, getattr(backbone, "num_prefix_tokens", 0))
    if layout is None or (layout.kind == "pooled") != (architecture.head == POOLED):
        raise ModelError(
            f"'{architecture.backbone}' puts out {shape[1:]} of a view of input_px={side}, which head "
            f"'{architecture.head}' cannot use; choose another head or backbone."
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
    """Return whether the size of views is needed to build the network, as for most transformers."""
    settings = timm.get_pretrained_cfg(name)
    return settings is not None and bool(settings.fixed_input_size)


def _fit_stem(model: nn.Module, architecture: Architecture) -> None:
    if architecture.stem == "unshuffle":
        if not hasattr(model, "conv1") or not hasattr(model, "maxpool"):
            raise ModelError(
                f"stem 'unshuffle' needs a ResNet, '{architecture.backbone}' is not one; use stem: timm."
            )
        width = model.bn1.num_features
        model.conv1 = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(48, width, 3, padding=1, bias=False))
        model.maxpool = nn.Identity()
    elif architecture.stem != "timm":
        raise ModelError(f"stem '{architecture.stem}' is unknown; use timm or unshuffle.")
