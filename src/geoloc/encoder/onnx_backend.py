# SPDX-License-Identifier: Apache-2.0
"""The default backend: ONNX Runtime on the CPU."""

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ONNX_NAME, ModelCard
from geoloc.encoder.checks import check_descriptors, check_views
from geoloc.errors import ModelError, clause

# ONNX Runtime has no common base class for its errors.
_LOAD_ERRORS = (
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoSuchFile,
    states.NotImplemented,
    states.RuntimeException,
)


class OnnxEncoder:
    """The `encoder.onnx` of a model directory, run by ONNX Runtime; see `geoloc.encoder.Encoder`.

    Args:
        card: card of the model.
        threads: number of threads per inference; 0 for all cores.

    Raises:
        ModelError: if the graph is damaged or not an encoder of geoloc.
    """

    def __init__(self, card: ModelCard, threads: int = 0) -> None:
        self._card = card
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would keep the cores busy between frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = card.directory / ONNX_NAME
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except _LOAD_ERRORS as error:
            raise ModelError(f"{path} cannot be loaded ({clause(error)}); export the model again.") from error
        names = [item.name for item in (*self._session.get_inputs(), *self._session.get_outputs())]
        if names != ["views", "descriptors"]:
            raise ModelError(
                f"{path} has inputs and outputs {names}, not views and descriptors; export the model again."
            )

    @property
    def card(self) -> ModelCard:
        """Card of the model."""
        return self._card

    def describe(self, views: UInt8Array) -> Float32Array:
        """Return the descriptors of uint8 views (N, S, S, 3), L2-normalized float32 (N, D)."""
        check_views(self._card, views)
        (descriptors,) = self._session.run(["descriptors"], {"views": np.ascontiguousarray(views)})
        return check_descriptors(self._card, descriptors)
