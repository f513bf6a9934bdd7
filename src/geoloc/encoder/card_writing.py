# SPDX-License-Identifier: Apache-2.0
"""Store a calibration in a model directory and update its checksums."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from geoloc.checksums import file_sha256
from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card import CARD_NAME, PARAMETERS_NAME, ModelCard, load_card
from geoloc.errors import ModelError

_THRESHOLDS = ("min_score", "min_margin", "max_sigma_m")


def store_calibration(model_dir: Path, calibration: Calibration) -> ModelCard:
    """Write a calibration to `model.yaml` and its thresholds to `params.yaml`, and return the new card.

    The weights do not change, so maps that were built with the model stay valid. Other parameters of
    `params.yaml` are kept; its first line states the derivation of the thresholds.

    Raises:
        ModelError: if the directory is not a complete model, or cannot be written.
    """
    directory = load_card(model_dir).directory
    card_path, parameters_path = directory / CARD_NAME, directory / PARAMETERS_NAME
    tree = yaml.safe_load(card_path.read_text(encoding="utf-8"))
    new_parameters = parameters_path.with_suffix(".yaml.new")
    new_card = card_path.with_suffix(".yaml.new")
    try:
        new_parameters.write_text(_parameters(parameters_path, tree["id"], calibration), encoding="utf-8")
        tree["calibration"] = asdict(calibration)
        tree["files"][PARAMETERS_NAME] = file_sha256(new_parameters)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)
        new_card.write_text(text, encoding="utf-8")
        # Both new files are complete on disk before either replaces an old one.
        new_parameters.replace(parameters_path)
        new_card.replace(card_path)
    except OSError as error:
        raise ModelError(
            f"{directory} cannot be written ({error}); copy the model and use the copy."
        ) from error
    return load_card(directory)


def _parameters(path: Path, model_id: str, calibration: Calibration) -> str:
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        parameters: dict[str, Any] = tree["/**"]["ros__parameters"]
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path} has no `/**: ros__parameters:`; export the model again.") from error
    parameters.update({name: float(getattr(calibration, name)) for name in _THRESHOLDS})
    derivation = " ".join(calibration.derivation.split())
    head = f"# Parameters that belong to {model_id}; thresholds: {derivation}\n"
    return head + yaml.safe_dump(tree)
