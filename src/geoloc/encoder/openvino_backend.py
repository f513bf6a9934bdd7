# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on the CPU: the same ONNX graph, often faster on Intel."""

import numpy as np
import openvino

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ONNX_NAME, ModelCard
from geoloc.encoder.checks import check_descriptors, check_views
from geoloc.errors import ModelError


class OpenVinoEncoder:
    """A model directory's `encoder.onnx` compiled by OpenVINO; see `geoloc.encoder.Encoder`.

    Args:
        card: of the model.
        threads: of one inference; 0 for OpenVINO's choice.

    Raises:
        ModelError: the graph is damaged or not one of ours.
    """

    def __init__(self, card: ModelCard, threads: int = 0) -> None:
        self._card = card
        # Left alone OpenVINO computes in bfloat16 where the CPU can, and descriptors drift from the map's.
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = card.directory / ONNX_NAME
        try:
            self._model = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise ModelError(f"{path} cannot be loaded ({error}); export the model again.") from error

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def describe(self, views: UInt8Array) -> Float32Array:
        """Describe uint8 views (N, S, S, 3) as L2-normalised float32 (N, D)."""
        check_views(self._card, views)
        result = self._model([np.ascontiguousarray(views)])[0]
        return check_descriptors(self._card, np.array(result, np.float32))
