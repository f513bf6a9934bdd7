# SPDX-License-Identifier: Apache-2.0
"""The encoder network in torch, used for training and as an inference backend."""

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import WEIGHTS_NAME, Architecture, ModelCard
from geoloc.encoder.checks import check_descriptors, check_views
from geoloc.encoder.torch_backbones import build_backbone, find_layout
from geoloc.encoder.torch_heads import build_head
from geoloc.errors import ModelError, clause


class TorchEncoder:
    """The `encoder.safetensors` of a model directory, run by torch; see `geoloc.encoder.Encoder`.

    Args:
        card: card of the model.
        threads: number of torch's threads, set for the whole process; 0 keeps the current number.

    Raises:
        ModelError: if the weights are damaged or do not fit the card's architecture.
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
            raise ModelError(f"{path} cannot be loaded ({clause(error)}); export the model again.") from error
        self._network.eval()

    @property
    def card(self) -> ModelCard:
        """Card of the model."""
        return self._card

    def describe(self, views: UInt8Array) -> Float32Array:
        """Return the descriptors of uint8 views (N, S, S, 3), L2-normalized float32 (N, D)."""
        check_views(self._card, views)
        with torch.inference_mode():
            descriptors = self._network(torch.from_numpy(np.ascontiguousarray(views))).numpy()
        return check_descriptors(self._card, descriptors)


class ViewEncoder(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """The network, from uint8 views (N, S, S, 3) to L2-normalized float32 descriptors (N, D)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, 3, 1, 1), persistent=False)
        self.backbone = build_backbone(architecture)
        self._layout = find_layout(self.backbone, architecture)
        self.head = build_head(architecture, self._layout)

    def forward(self, views: Tensor) -> Tensor:
        """Return the descriptors of views, normalized here so that training and inference agree."""
        return functional.normalize(self.head(self.features(views)).float(), dim=1)

    def features(self, views: Tensor) -> Tensor:
        """Return the input of the head: a map (N, C, G, G), or (N, C) if the backbone pools."""
        return self._layout.arrange(self.backbone(self.normalise(views)))

    def normalise(self, views: Tensor) -> Tensor:
        """Return uint8 views (N, S, S, 3) as normalized floats (N, 3, S, S)."""
        pixels = (views.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        if self.architecture.standardise:
            centred = pixels - pixels.mean(dim=(2, 3), keepdim=True)
            # The added constant keeps the noise of a featureless view from being amplified.
            deviation = (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-2).sqrt()
            pixels = centred / deviation
        return pixels
