# SPDX-License-Identifier: Apache-2.0
"""Encoders, which compute descriptors of views: one protocol, three backends, and the model directory."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ModelCard, load_card
from geoloc.errors import ModelError, clause
from geoloc.settings import check, setting

__all__ = [
    "BACKENDS",
    "Encoder",
    "EncoderSettings",
    "ModelCard",
    "load_card",
    "load_encoder",
    "open_encoder",
]

BACKENDS = {
    "onnxruntime": ("geoloc.encoder.onnx_backend", "OnnxEncoder", "onnxruntime"),
    "openvino": ("geoloc.encoder.openvino_backend", "OpenVinoEncoder", "openvino"),
    "torch": ("geoloc.encoder.torch_backend", "TorchEncoder", "torch timm safetensors"),
}


@dataclass(frozen=True)
class EncoderSettings:
    """The inference backend of an encoder, and its threads.

    Raises:
        ParameterError: for an unknown backend, or a number of threads outside its range.
    """

    backend: str = setting(
        "auto", "inference backend of the encoder; auto means onnxruntime", choices=("auto", *BACKENDS)
    )
    threads: int = setting(
        0, "number of CPU threads of the encoder; 0 lets the backend choose", low=0, high=256
    )

    def __post_init__(self) -> None:
        check(self)


class Encoder(Protocol):
    """Protocol of the backends."""

    @property
    def card(self) -> ModelCard:
        """Card of the model."""

    def describe(self, views: UInt8Array) -> Float32Array:
        """Return the descriptors of views.

        Args:
            views: uint8 RGB (N, S, S, 3), S = `card.input_px`.

        Returns:
            L2-normalized float32 (N, D), D = `card.descriptor_size`.

        Raises:
            ModelError: if the views have another shape or type, or a descriptor is not finite.
        """


def load_encoder(
    model_dir: Path, backend: str = EncoderSettings.backend, threads: int = EncoderSettings.threads
) -> Encoder:
    """Verify a model directory and load it for inference.

    Args:
        model_dir: the model directory.
        backend: see `EncoderSettings`.
        threads: see `EncoderSettings`.

    Raises:
        ModelError: if the directory is not a complete model, or the backend is not installed.
        ParameterError: for an unknown backend, or a number of threads outside its range.
    """
    settings = EncoderSettings(backend, threads)
    name = "onnxruntime" if settings.backend == "auto" else settings.backend
    return open_encoder(load_card(Path(model_dir)), name, settings.threads)


def open_encoder(card: ModelCard, backend: str, threads: int = 0) -> Encoder:
    """Open the files of a card with one of `BACKENDS`, without verifying them.

    Raises:
        ModelError: if a file is damaged, or the backend is not installed.
    """
    module, factory, packages = BACKENDS[backend]
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"backend '{backend}' is not installed ({clause(error)}); run `pip install {packages}`."
        ) from error
    return cast(Encoder, getattr(loaded, factory)(card, threads))
