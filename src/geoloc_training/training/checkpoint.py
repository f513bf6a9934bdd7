# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a run: weights as safetensors, the rest of the training state, and the step."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from geoloc.encoder.card import WEIGHTS_NAME, load_card
from geoloc.errors import ModelError, clause
from geoloc.installed import find_model
from geoloc_training.atomic_files import folder_to_disk

Which = Literal["best", "last"]
_LAST, _BEST = "checkpoint", "best"
_AVERAGE, _STATE = "average.safetensors", "state.json"
_FAILURES = (OSError, SafetensorError, RuntimeError)  # torch raises RuntimeError, even for a full disk
_DAMAGED = (*_FAILURES, EOFError, TypeError, ValueError, LookupError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Checkpoint:
    """Complete state of a run, from which training can continue.

    Attributes:
        step: number of completed steps.
        method: name of the method, with DPHR if enabled.
        model: state of the method.
        average: state of the averaged encoder.
        optimiser: state of the optimizer.
        source: plan of the epoch, tensors and plain values.
        scaler: state of the loss scaler; empty without a scaler.
    """

    step: int
    method: str
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    source: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint beside the last one, then swap them, so that no interruption leaves a partial one.

    Raises:
        ModelError: the checkpoint cannot be written; the last one is unchanged.
    """
    rest = {name: getattr(checkpoint, name) for name in ("optimiser", "source", "scaler")}

    def write(folder: Path) -> None:
        save_file(_contiguous(checkpoint.model), folder / "model.safetensors")
        save_file(_contiguous(checkpoint.average), folder / _AVERAGE)
        torch.save(rest, folder / "rest.pt")
        _write_json(folder / _STATE, {"step": checkpoint.step, "method": checkpoint.method})

    _swap(run, _LAST, _size([checkpoint.model, checkpoint.average, rest]), write)


@dataclass(frozen=True)
class Best:
    """Record of the best weights so far.

    Attributes:
        step: step of the weights.
        selected_by: name of the figure that chose the weights.
        score: value of that figure; higher is better.
    """

    step: int
    selected_by: str
    score: float


def save_best(run: Path, best: Best, average: dict[str, Tensor]) -> None:
    """Save averaged weights as the best so far; raises like `save_checkpoint`."""

    def write(folder: Path) -> None:
        save_file(_contiguous(average), folder / _AVERAGE)
        _write_json(folder / _STATE, asdict(best))

    _swap(run, _BEST, _size(average), write)


def best_so_far(run: Path) -> Best | None:
    """Return the record of the run's best weights; None if none were saved, or not chosen by a figure."""
    folder = _folder(run, _BEST)
    state = _read_state(folder) if folder is not None else {}
    return Best(**state) if "selected_by" in state else None


def load_checkpoint(run: Path) -> Checkpoint | None:
    """Load the run's last checkpoint; None if there is none.

    Raises:
        ModelError: a file is missing or damaged.
    """
    folder = _folder(run, _LAST)
    if folder is None:
        return None
    try:
        rest = torch.load(folder / "rest.pt", map_location="cpu", weights_only=True)
        model, average = load_file(folder / "model.safetensors"), load_file(folder / _AVERAGE)
        return Checkpoint(**_read_state(folder), model=model, average=average, **rest)
    except _DAMAGED as error:
        raise ModelError(
            f"the checkpoint in {folder} cannot be read ({_first_line(error)}); "
            "delete that folder to start again from the first step."
        ) from error


def load_average(run: Path, which: Which | None = None) -> tuple[int, dict[str, Tensor]]:
    """Load the step and the averaged weights of a run, for evaluation and export.

    Args:
        run: folder of the run.
        which: best weights on validation or last weights; None for the best if there are any, else the last.

    Raises:
        ModelError: the run has no such weights, or the files are damaged.
    """
    path = weights_file(run, which)
    try:
        return int(_read_state(path.parent)["step"]), load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read ({clause(error)}); delete its folder and train further."
        ) from error


def weights_file(run: Path, which: Which | None = None) -> Path:
    """Return the file that `load_average` reads.

    Raises:
        ModelError: the run has no such weights.
    """
    names = {"best": (_BEST,), "last": (_LAST,), None: (_BEST, _LAST)}[which]
    folders = [folder for folder in (_folder(run, name) for name in names) if folder is not None]
    if not folders:
        raise ModelError(f"{run} holds no {which or 'last'} checkpoint; train with `geoloc-train fit` first.")
    return folders[0] / _AVERAGE


def initial_weights(source: Path) -> dict[str, Tensor]:
    """Load an encoder's weights from a run, a model directory, or a shipped model by its id.

    Raises:
        ModelError: the source is none of these, or it is damaged.
    """
    if source.is_dir() and not (source / "model.yaml").is_file():
        return load_average(source)[1]
    return load_file(load_card(find_model(str(source))).directory / WEIGHTS_NAME)


def _swap(run: Path, name: str, needed: int, write: Callable[[Path], None]) -> None:
    fresh, current, old = run / f"{name}.new", run / name, run / f"{name}.old"
    shutil.rmtree(fresh, ignore_errors=True)
    free = shutil.disk_usage(run).free
    try:
        if free < needed:
            raise OSError(f"only {_megabytes(free)} are free")
        fresh.mkdir(parents=True)
        write(fresh)
        folder_to_disk(fresh)
    except _FAILURES as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise ModelError(
            f"{current} cannot be written ({clause(error)}); it needs {_megabytes(needed)}, "
            "and the checkpoint saved before is unchanged; "
            "make room and rerun the same command to continue from it."
        ) from error
    if current.exists():
        shutil.rmtree(old, ignore_errors=True)
        current.rename(old)
    fresh.rename(current)
    shutil.rmtree(old, ignore_errors=True)


def _folder(run: Path, name: str) -> Path | None:
    """Return the current folder, or the previous one if a swap was interrupted."""
    for folder in (run / name, run / f"{name}.old"):
        if (folder / _STATE).is_file():
            return folder
    return None


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / _STATE} cannot be read ({clause(error)}); delete {folder}.") from error
    return state


def _write_json(path: Path, tree: dict[str, Any]) -> None:
    path.write_text(json.dumps(tree), encoding="utf-8")


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def _size(tree: Any) -> int:  # noqa: ANN401 - walks an optimiser's state
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(tree))


def _tensors(tree: Any) -> Iterator[Tensor]:  # noqa: ANN401
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (dict, list, tuple)):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(item)


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message; torch appends long advice on unpickling."""
    return clause((str(error).strip() or type(error).__name__).splitlines()[0])


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
