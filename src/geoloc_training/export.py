# SPDX-License-Identifier: Apache-2.0
"""From a run to a model directory: weights, graph, parameters, card, and proof that they agree."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from geoloc.encoder import BACKENDS, Encoder, load_encoder
from geoloc.encoder.card import (
    CARD_NAME,
    FORMAT_VERSION,
    ONNX_NAME,
    PARAMETERS_NAME,
    WEIGHTS_NAME,
    Architecture,
    Calibration,
    Metric,
    file_sha256,
)
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError

_OPSET = 17
_MIN_COSINE = 0.999
_THREADS = 2
_TIMED = 50


@dataclass(frozen=True)
class CardFacts:
    """What the card says beyond the network.

    Attributes:
        id: name of the model.
        method: training method.
        seed: of the training.
        gsd_range_m: finest and coarsest metres per pixel of its views.
        training: command, steps, data, configuration: whatever lets another person repeat it.
        metrics: measured recalls.
        calibration: suggested thresholds.
        licence: SPDX identifier of the weights.
    """

    id: str
    method: str
    seed: int
    gsd_range_m: tuple[float, float]
    training: dict[str, Any]
    metrics: Sequence[Metric]
    calibration: Calibration
    licence: str = "Apache-2.0"
    notes: dict[str, Any] = field(default_factory=dict)


def export_model(
    weights: dict[str, torch.Tensor],
    architecture: Architecture,
    facts: CardFacts,
    out: Path,
    views: NDArray[np.uint8],
) -> dict[str, float]:
    """Write a model directory, replacing an older one only when the new one is proven.

    Args:
        weights: state of a `ViewEncoder`.
        architecture: of that encoder.
        facts: for the card.
        out: the model directory.
        views: real views, uint8 (N, S, S, 3), for the parity check.

    Returns:
        Lowest cosine between torch and each other backend that is installed.

    Raises:
        ModelError: a backend gives other descriptors than torch.
    """
    fresh = out.with_name(out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    encoder = ViewEncoder(architecture)
    encoder.load_state_dict(weights)
    save_file(
        {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}, fresh / WEIGHTS_NAME
    )
    # safetensors writes for its owner alone; an installed model is read by whoever flies.
    (fresh / WEIGHTS_NAME).chmod(0o644)
    write_onnx(encoder, fresh / ONNX_NAME)
    _write_parameters(facts, architecture, fresh / PARAMETERS_NAME)
    write_card(facts, architecture, fresh)
    cosines = check_parity(fresh, views)
    write_card(facts, architecture, fresh, cosines, measure_latency(fresh, views))
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
    return cosines


def write_onnx(encoder: ViewEncoder, path: Path) -> None:
    """Write the graph: `views` uint8 (N, S, S, 3) -> `descriptors` float32 (N, D), N free."""
    side = encoder.architecture.input_px
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.onnx.export(
        nn.Sequential(encoder).eval(),
        (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
        path,
        input_names=["views"],
        output_names=["descriptors"],
        dynamic_axes={"views": {0: "n"}, "descriptors": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def check_parity(model_dir: Path, views: NDArray[np.uint8]) -> dict[str, float]:
    """Compare the backends with torch on the same views.

    Returns:
        Lowest cosine per backend; OpenVINO is left out where it is not installed.

    Raises:
        ModelError: a cosine under 0.999.
    """
    reference = load_encoder(model_dir, "torch").describe(views)
    cosines: dict[str, float] = {}
    for backend in ("onnxruntime", "openvino"):
        encoder = _load_installed(model_dir, backend)
        if encoder is None:
            continue
        cosines[backend] = float((encoder.describe(views) * reference).sum(axis=1).min())
    poor = {name: value for name, value in cosines.items() if not value >= _MIN_COSINE}
    if poor:
        raise ModelError(
            f"the graph differs from torch: lowest cosine {poor}, wanted {_MIN_COSINE}; nothing exported."
        )
    return cosines


def measure_latency(model_dir: Path, views: NDArray[np.uint8]) -> dict[str, float]:
    """Median milliseconds to describe one view, by backend that is installed."""
    latency: dict[str, float] = {}
    for backend in BACKENDS:
        encoder = _load_installed(model_dir, backend)
        if encoder is None:
            continue
        times = []
        for number in range(_TIMED):
            view = views[number % len(views)][None]
            start = time.perf_counter()
            encoder.describe(view)
            times.append(time.perf_counter() - start)
        latency[backend] = round(1000 * float(np.median(times)), 1)
    return latency


def write_card(
    facts: CardFacts,
    architecture: Architecture,
    folder: Path,
    cosines: dict[str, float] | None = None,
    latency_ms: dict[str, float] | None = None,
) -> None:
    """Write `model.yaml` over the files that lie in `folder`."""
    tree = {
        "format": FORMAT_VERSION,
        "id": facts.id,
        "licence": facts.licence,
        "method": facts.method,
        "seed": facts.seed,
        "gsd_range_m": list(facts.gsd_range_m),
        "architecture": _plain(asdict(architecture)),
        "calibration": asdict(facts.calibration),
        "metrics": [asdict(metric) for metric in facts.metrics],
        "parity_with_torch": {name: round(value, 6) for name, value in (cosines or {}).items()},
        "latency_ms": {"conditions": f"one view, {_THREADS} threads, median", **(latency_ms or {})},
        "training": facts.training,
        "notes": facts.notes,
        "files": {name: file_sha256(folder / name) for name in (WEIGHTS_NAME, ONNX_NAME, PARAMETERS_NAME)},
    }
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def _load_installed(model_dir: Path, backend: str) -> Encoder | None:
    """The encoder, or None where its backend is not installed."""
    if find_spec(backend) is None:
        return None
    return load_encoder(model_dir, backend, _THREADS)


def _write_parameters(facts: CardFacts, architecture: Architecture, path: Path) -> None:
    """The ROS parameter file; which model it is the launch file says, as an absolute path."""
    parameters = {
        "encoder_px": architecture.input_px,
        "min_score": float(facts.calibration.min_score),
        "min_margin": float(facts.calibration.min_margin),
    }
    text = f"# Parameters that belong to {facts.id}; thresholds: {facts.calibration.derivation}\n"
    path.write_text(text + yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")


def _plain(value: Any) -> Any:  # noqa: ANN401 - walks arbitrary settings
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
