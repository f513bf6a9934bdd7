# SPDX-License-Identifier: Apache-2.0
"""Export of a model directory: weights, ONNX graph, parameters and card, with a comparison of backends."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import onnx
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file
from timm.utils import reparameterize_model
from torch import nn

from geoloc.checksums import file_sha256
from geoloc.encoder.card import (
    CARD_NAME,
    FORMAT_VERSION,
    ONNX_NAME,
    PARAMETERS_NAME,
    WEIGHTS_NAME,
    Architecture,
    Calibration,
    Metric,
    ModelCard,
    load_card,
)
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError, clause
from geoloc.hypotheses import Tolerances
from geoloc_training.atomic_files import replacing
from geoloc_training.config import with_lists
from geoloc_training.parity import (
    Parity,
    RealViews,
    check_parity,
    installed_encoders,
    measure_latency,
    not_compared,
)

_OPSET = 17


@dataclass(frozen=True)
class CardFacts:
    """Contents of the model card beyond the network.

    Attributes:
        id: name of the model.
        method: training method.
        seed: seed of the training.
        gsd_range_m: finest and coarsest metres per pixel of its views.
        training: command, steps, data and configuration, so that the training can be repeated.
        metrics: measured recalls.
        calibration: suggested thresholds.
        licence: SPDX identifier of the weights' licence.
        notes: further notes, by name.
        tolerances: errors of heading and scale that the encoder tolerates.
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
    tolerances: Tolerances = field(default_factory=Tolerances)


def export_model(
    weights: dict[str, torch.Tensor],
    architecture: Architecture,
    facts: CardFacts,
    out: Path,
    views: RealViews,
) -> dict[str, Parity]:
    """Write a model directory; replace an older one only after the new one passes all checks.

    The card, which makes a folder a model, is written last. An older model stays complete on any failure.

    Args:
        weights: state of a `ViewEncoder`.
        architecture: architecture of that encoder.
        facts: contents of the card.
        out: model directory to write.
        views: real views for the comparison of backends.

    Returns:
        Agreement with torch by backend, for each other installed backend.

    Raises:
        ModelError: a backend disagrees with torch, the network cannot be written as ONNX, `out` holds
            something other than a model, or `out` cannot be written.
    """
    _require_free(out)
    try:
        with replacing(out) as fresh:
            return _fill(fresh, weights, architecture, facts, views)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{out} cannot be written ({clause(error)}), so nothing was exported; make room or choose "
            "another folder, and export again."
        ) from error


def _fill(
    folder: Path,
    weights: dict[str, torch.Tensor],
    architecture: Architecture,
    facts: CardFacts,
    views: RealViews,
) -> dict[str, Parity]:
    encoder = ViewEncoder(architecture)
    encoder.load_state_dict(weights)
    save_file(
        {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}, folder / WEIGHTS_NAME
    )
    # safetensors makes the file readable by its owner only, but other users run an installed model.
    (folder / WEIGHTS_NAME).chmod(0o644)
    write_onnx(encoder, folder / ONNX_NAME)
    _write_parameters(facts, architecture, folder / PARAMETERS_NAME)
    encoders = installed_encoders(_card(facts, architecture, folder))
    parity = check_parity(encoders, views)
    _write_card(facts, architecture, folder, parity, measure_latency(encoders, views.queries))
    load_card(folder)
    return parity


def write_onnx(encoder: ViewEncoder, path: Path) -> None:
    """Write the ONNX graph: `views` uint8 (N, S, S, 3) -> `descriptors` float32 (N, D), with dynamic N.

    Training-only branches of a backbone (MobileOne, RepViT, FastViT) are merged in a copy.

    Raises:
        ModelError: ONNX cannot express the network.
    """
    side = encoder.architecture.input_px
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        torch.onnx.export(
            nn.Sequential(reparameterize_model(encoder)).eval(),
            (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
            path,
            input_names=["views"],
            output_names=["descriptors"],
            dynamic_axes={"views": {0: "n"}, "descriptors": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        onnx.checker.check_model(onnx.load(path), full_check=True)
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        said = clause((str(error).strip() or type(error).__name__).splitlines()[0])
        raise ModelError(
            f"'{encoder.architecture.backbone}' cannot be written as ONNX ({said}); choose another backbone."
        ) from error


def _require_free(out: Path) -> None:
    """Raise `ModelError` if the export would replace anything but a model."""
    if (out / CARD_NAME).is_file() or not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    raise ModelError(f"{out} holds something other than a model; choose another folder for the export.")


def _card(facts: CardFacts, architecture: Architecture, folder: Path) -> ModelCard:
    """Return the card as it will be loaded, before it is written."""
    return ModelCard(
        directory=folder,
        id=facts.id,
        sha256=file_sha256(folder / WEIGHTS_NAME),
        architecture=architecture,
        gsd_range_m=facts.gsd_range_m,
        method=facts.method,
        seed=facts.seed,
        licence=facts.licence,
        metrics=tuple(facts.metrics),
        calibration=facts.calibration,
        tolerances=facts.tolerances,
    )


def _write_card(
    facts: CardFacts,
    architecture: Architecture,
    folder: Path,
    parity: Mapping[str, Parity],
    latency_ms: Mapping[str, float | str],
) -> None:
    """Write `model.yaml` with the checksums of the files in `folder`."""
    tree = {
        "format": FORMAT_VERSION,
        "id": facts.id,
        "licence": facts.licence,
        "method": facts.method,
        "seed": facts.seed,
        "gsd_range_m": list(facts.gsd_range_m),
        "architecture": with_lists(_recorded(architecture)),
        "tolerances": asdict(facts.tolerances),
        "calibration": asdict(facts.calibration),
        "metrics": [asdict(metric) for metric in facts.metrics],
        "parity_with_torch": {
            name: {
                "lowest_cosine": round(found.lowest_cosine, 6),
                "top1_agreement": round(found.top1_agreement, 4),
                "queries": found.queries,
            }
            for name, found in parity.items()
        },
        "not_compared": not_compared(parity),
        "latency_ms": dict(latency_ms),
        "training": facts.training,
        "notes": facts.notes,
        "files": {name: file_sha256(folder / name) for name in (WEIGHTS_NAME, ONNX_NAME, PARAMETERS_NAME)},
    }
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def _write_parameters(facts: CardFacts, architecture: Architecture, path: Path) -> None:
    """Write the ROS parameter file, without the model's path, which the launch file sets."""
    parameters = {
        "encoder_px": architecture.input_px,
        **asdict(facts.tolerances),
        "min_score": float(facts.calibration.min_score),
        "min_margin": float(facts.calibration.min_margin),
    }
    text = f"# Parameters that belong to {facts.id}; thresholds: {facts.calibration.derivation}\n"
    path.write_text(text + yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")


def _recorded(architecture: Architecture) -> dict[str, Any]:
    """Return the fields of `Architecture` only, without those that a run's `ModelConfig` adds."""
    return {entry.name: getattr(architecture, entry.name) for entry in fields(Architecture)}
