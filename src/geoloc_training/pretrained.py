# SPDX-License-Identifier: Apache-2.0
"""A new run's encoder, its backbone with timm's pretrained weights where these are asked for."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from geoloc.encoder.card import Architecture
from geoloc.encoder.torch_backbones import build_backbone
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError
from geoloc_training.config import ModelConfig

# The hub's client turns a network that is down, an outage and a missing entry into OSErrors.
_FAILURES = (ModelError, OSError, EOFError, KeyError, AttributeError, SafetensorError, pickle.UnpicklingError)
_LONGEST = 200  # characters of a foreign message; torch lists every tensor that does not fit
_FOLDED = "conv1.1.weight"  # of the stem "unshuffle", which no published weights have


def new_encoder(config: ModelConfig) -> ViewEncoder:
    """Return the encoder that settings describe, before its first step.

    Raises:
        ModelError: it cannot be built, or its pretrained weights cannot be reached, read or fitted.
    """
    encoder = ViewEncoder(config)
    if config.pretrained:
        load_pretrained(encoder, Path(config.pretrained_file) if config.pretrained_file else None)
    return encoder


def load_pretrained(encoder: ViewEncoder, file: Path | None = None) -> None:
    """Give an encoder's backbone the weights that timm knows for it; a folded stem keeps its own.

    Args:
        encoder: any; its head stays as it is.
        file: where the weights lie; None for timm's cache, or the network.

    Raises:
        ModelError: they cannot be reached, read or fitted.
    """
    architecture = encoder.architecture
    loaded = _fetch(architecture) if file is None else _read(architecture, file)
    weights: dict[str, Tensor] = loaded.state_dict()
    if architecture.stem == "unshuffle":
        weights[_FOLDED] = encoder.backbone.state_dict()[_FOLDED]
    encoder.backbone.load_state_dict(weights)


def _fetch(architecture: Architecture) -> nn.Module:
    try:
        return _build(architecture, pretrained=True)
    except _FAILURES as error:
        raise ModelError(
            f"the pretrained weights of '{architecture.backbone}' cannot be loaded ({_reason(error)}); "
            "set model.pretrained=false, or model.pretrained_file=PATH to a safetensors or pth file of them."
        ) from error


def _read(architecture: Architecture, file: Path) -> nn.Module:
    if not file.is_file():
        raise ModelError(f"model.pretrained_file={file} does not exist; give a safetensors or pth file.")
    try:
        loaded = _build(architecture, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    except _FAILURES as error:
        raise ModelError(
            f"model.pretrained_file={file} cannot be loaded into '{architecture.backbone}' "
            f"({_reason(error)}); give a safetensors or pth file of this very backbone."
        ) from error
    lacking = _left_random(loaded, architecture)
    if lacking:
        raise ModelError(
            f"model.pretrained_file={file} lacks {len(lacking)} weights of '{architecture.backbone}', "
            f"{lacking[0]} among them; give a file of this very backbone, with timm's names."
        )
    return loaded


def _left_random(loaded: nn.Module, architecture: Architecture) -> list[str]:
    """Return names of the matrices that a file did not fill: timm keeps silent about what a file lacks."""
    random = dict(_build(architecture).named_parameters())
    return [
        name
        for name, value in loaded.named_parameters()
        if value.ndim > 1 and name != _FOLDED and torch.equal(value, random[name])
    ]


def _build(architecture: Architecture, **pretrained: Any) -> nn.Module:  # noqa: ANN401 - timm's own
    """Return a backbone whose random weights are the same each time, and cost the run none of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_backbone(architecture, **pretrained)


def _reason(error: Exception) -> str:
    """Return the first failure's message, on one line and not endless."""
    first = error.__cause__ if isinstance(error, ModelError) and error.__cause__ else error
    text = " ".join(str(first).split()) or type(first).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " …"
