# SPDX-License-Identifier: Apache-2.0
"""Builds a new run's encoder, with timm's pretrained weights in the backbone if requested."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from geoloc.encoder.card import Architecture
from geoloc.encoder.torch_backbones import build_backbone
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError, clause
from geoloc_training.config import ModelConfig

# The hub's client raises OSError without a network, in an outage, and for a missing entry.
_FAILURES = (ModelError, OSError, EOFError, KeyError, AttributeError, SafetensorError, pickle.UnpicklingError)
_LONGEST = 200  # characters of another library's message; torch lists every tensor that does not fit
_FOLDED = "conv1.1.weight"  # weight of the stem "unshuffle", which published weights do not contain


def new_encoder(config: ModelConfig) -> ViewEncoder:
    """Return a new encoder with its initial weights.

    Raises:
        ModelError: the encoder cannot be built, or its pretrained weights cannot be loaded.
    """
    encoder = ViewEncoder(config)
    if config.pretrained:
        load_pretrained(encoder, Path(config.pretrained_file) if config.pretrained_file else None)
    return encoder


def load_pretrained(encoder: ViewEncoder, file: Path | None = None) -> None:
    """Load timm's pretrained weights into an encoder's backbone; a folded stem keeps its own weights.

    Args:
        encoder: the encoder; its head does not change.
        file: file with the weights; None for timm's cache or the network.

    Raises:
        ModelError: the weights cannot be downloaded or read, or they do not fit the backbone.
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
            "set model.pretrained=false, or set model.pretrained_file to a safetensors or pth file with them."
        ) from error


def _read(architecture: Architecture, file: Path) -> nn.Module:
    if not file.is_file():
        raise ModelError(f"model.pretrained_file={file} does not exist; give a safetensors or pth file.")
    try:
        loaded = _build(architecture, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    except _FAILURES as error:
        raise ModelError(
            f"model.pretrained_file={file} cannot be loaded into '{architecture.backbone}' "
            f"({_reason(error)}); give a safetensors or pth file of exactly this backbone."
        ) from error
    lacking = _left_random(loaded, architecture)
    if lacking:
        raise ModelError(
            f"model.pretrained_file={file} lacks {len(lacking)} weights of '{architecture.backbone}', "
            f"among them {lacking[0]}; give a file of exactly this backbone, with timm's names."
        )
    return loaded


def _left_random(loaded: nn.Module, architecture: Architecture) -> list[str]:
    """Return names of the matrices that a file did not fill; timm does not report them."""
    random = dict(_build(architecture).named_parameters())
    return [
        name
        for name, value in loaded.named_parameters()
        if value.ndim > 1 and name != _FOLDED and torch.equal(value, random[name])
    ]


def _build(architecture: Architecture, **pretrained: Any) -> nn.Module:  # noqa: ANN401 - timm's own
    """Return a backbone with the same random weights each time, without changing the run's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_backbone(architecture, **pretrained)


def _reason(error: Exception) -> str:
    """Return the original failure's message, on one line and shortened."""
    first = error.__cause__ if isinstance(error, ModelError) and error.__cause__ else error
    text = " ".join(clause(first).split()) or type(first).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " …"
