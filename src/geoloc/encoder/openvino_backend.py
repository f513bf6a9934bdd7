# SPDX-License-Identifier: Apache-2.0
"""The OpenVINO backend on the CPU; it runs the same ONNX graph, often faster on Intel processors."""

import numpy as np
import openvino

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ONNX_NAME, ModelCard
from geoloc.encoder.checks import check_descriptors, check_views
from geoloc.errors import ModelError, clause


class OpenVinoEncoder:
    """The `encoder.onnx` of a model directory, compiled by OpenVINO; see `geoloc.encoder.Encoder`.

    Args:
        card: card of the model.
        threads: number of threads per inference; 0 lets OpenVINO choose.

    Raises:
        ModelError: if the graph is damaged.
    """

    def __init__(self, card: ModelCard, threads: int = 0) -> None:
        self._card = card
        # OpenVINO defaults to bfloat16 where the CPU has it; descriptors would then differ from the map's.
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = card.directory / ONNX_NAME
        try:
            self._model = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise ModelError(f"{path} cannot be loaded ({clause(error)}); export the model again.") from error

    @property
    def card(self) -> ModelCard:
        """Card of the model."""
        return self._card

    def describe(self, views: UInt8Array) -> Float32Array:
        """Return the descriptors of uint8 views (N, S, S, 3), L2-normalized float32 (N, D)."""
        check_views(self._card, views)
        result = self._model([np.ascontiguousarray(views)])[0]
        return check_descriptors(self._card, np.array(result, np.float32))
