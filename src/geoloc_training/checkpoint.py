# SPDX-License-Identifier: Apache-2.0
"""A run's state on disk: weights as safetensors, the optimiser's tensors, and the step they belong to."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from geoloc.errors import ModelError

_NAME = "checkpoint"


def save_checkpoint(
    run: Path, step: int, model: dict[str, Tensor], average: dict[str, Tensor], optimiser: dict[str, Any]
) -> None:
    """Write a checkpoint beside the last one, then swap: an interruption never leaves a half-written one."""
    fresh, current = run / f"{_NAME}.new", run / _NAME
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(_contiguous(model), fresh / "model.safetensors")
    save_file(_contiguous(average), fresh / "average.safetensors")
    torch.save(optimiser, fresh / "optimiser.pt")
    (fresh / "state.json").write_text(json.dumps({"step": step}), encoding="utf-8")
    old = run / f"{_NAME}.old"
    shutil.rmtree(old, ignore_errors=True)
    if current.exists():
        current.rename(old)
    fresh.rename(current)
    shutil.rmtree(old, ignore_errors=True)


def checkpoint_step(run: Path) -> int | None:
    """Step of the run's checkpoint, or None where it has none."""
    folder = _folder(run)
    if folder is None:
        return None
    return int(json.loads((folder / "state.json").read_text(encoding="utf-8"))["step"])


def load_checkpoint(run: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Model, averaged model and optimiser state of the run's checkpoint.

    Raises:
        ModelError: a file is missing or damaged.
    """
    folder = _folder(run)
    try:
        if folder is None:
            raise FileNotFoundError(run / _NAME)
        model, average = load_file(folder / "model.safetensors"), load_file(folder / "average.safetensors")
        return model, average, torch.load(folder / "optimiser.pt", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError) as error:
        raise ModelError(
            f"the checkpoint in {run} cannot be read ({error}); delete it to start afresh."
        ) from error


def load_average(run: Path) -> tuple[int, dict[str, Tensor]]:
    """Step and averaged weights, which are what is evaluated and exported."""
    step = checkpoint_step(run)
    if step is None:
        raise ModelError(f"{run} holds no checkpoint; train with `geoloc-train fit` first.")
    return step, load_checkpoint(run)[1]


def _folder(run: Path) -> Path | None:
    """The current checkpoint, or the previous one where a swap was interrupted."""
    for folder in (run / _NAME, run / f"{_NAME}.old"):
        if (folder / "state.json").is_file():
            return folder
    return None


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
