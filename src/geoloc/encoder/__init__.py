# SPDX-License-Identifier: Apache-2.0
"""Encoders: a view becomes a descriptor. One protocol, three backends, one verified model directory."""

import importlib
from pathlib import Path
from typing import Protocol, cast

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ModelCard, load_card
from geoloc.errors import ModelError, ParameterError

__all__ = ["BACKENDS", "Encoder", "ModelCard", "load_card", "load_encoder", "open_encoder"]

BACKENDS = {
    "onnxruntime": ("geoloc.encoder.onnx_backend", "OnnxEncoder", "onnxruntime"),
    "openvino": ("geoloc.encoder.openvino_backend", "OpenVinoEncoder", "openvino"),
    "torch": ("geoloc.encoder.torch_backend", "TorchEncoder", "torch timm safetensors"),
}


class Encoder(Protocol):
    """What every backend offers."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    def describe(self, views: UInt8Array) -> Float32Array:
        """Describe views.

        Args:
            views: uint8 RGB (N, S, S, 3), S = `card.input_px`.

        Returns:
            L2-normalised float32 (N, D), D = `card.descriptor_size`.

        Raises:
            ModelError: views of another shape or type, or a descriptor that is not finite.
        """


def load_encoder(model_dir: Path, backend: str = "auto", threads: int = 0) -> Encoder:
    """Load a model directory for inference, verified.

    Args:
        model_dir: folder of a model.
        backend: onnxruntime, openvino, torch, or auto (onnxruntime).
        threads: CPU threads; 0 leaves the choice to the backend.

    Raises:
        ModelError: the directory is not a whole model, or the backend is not installed.
        ParameterError: an unknown backend or a negative number of threads.
    """
    name = "onnxruntime" if backend == "auto" else backend
    if name not in BACKENDS:
        raise ParameterError(f"backend '{backend}' is unknown; use auto, {', '.join(BACKENDS)}.")
    if threads < 0:
        raise ParameterError(f"threads is {threads}; use 0 (automatic) or more.")
    return open_encoder(load_card(Path(model_dir)), name, threads)


def open_encoder(card: ModelCard, backend: str, threads: int = 0) -> Encoder:
    """Open the files that a card stands for with one of `BACKENDS`; the card is taken at its word.

    Raises:
        ModelError: a file is damaged, or the backend is not installed.
    """
    module, factory, packages = BACKENDS[backend]
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"backend '{backend}' is not installed ({error}); run `pip install {packages}`."
        ) from error
    return cast(Encoder, getattr(loaded, factory)(card, threads))
