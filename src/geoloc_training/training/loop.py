# SPDX-License-Identifier: Apache-2.0
"""Training loop: plans epochs, takes steps, validates, logs and saves; an interrupted run can be resumed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
import yaml
from lightning_fabric import Fabric
from tqdm import tqdm

from geoloc.errors import ParameterError
from geoloc_training.atomic_files import replace_text
from geoloc_training.config import TrainConfig, plain
from geoloc_training.contract import Batch, BatchSource, Method
from geoloc_training.distributed import any_rank, mean_over_ranks
from geoloc_training.methods.registry import new_method
from geoloc_training.pretrained import new_encoder
from geoloc_training.runlog import RunLog
from geoloc_training.training.batches import batches_ahead
from geoloc_training.training.checkpoint import initial_weights, load_checkpoint
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import launch, seed_everything
from geoloc_training.training.interrupts import Interrupted, Interrupts
from geoloc_training.training.trainer import Trainer, check_method

BuildMethod = Callable[[TrainConfig, int], Method]


class Validate(Protocol):
    """Validation of an encoder.

    Attributes:
        selected_by: name of the figure that chooses the best weights; higher is better.
    """

    selected_by: str

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Return figures by name, for the log."""


def build_method(config: TrainConfig, places: int) -> Method:
    """Build the method of a configuration, with its encoder.

    Args:
        config: configuration of the run.
        places: number of training places, 0 if they are sampled without end.

    Raises:
        ParameterError: the method classifies places, but they are sampled without end.
        ModelError: the encoder cannot be built, or its pretrained weights are not available.
    """
    return new_method(config.method, config.dphr, new_encoder(config.model), places)


def fit(
    config: TrainConfig,
    source: BatchSource,
    run: Path,
    validate: Validate | None = None,
    *,
    initial: Path | None = None,
    fabric: Fabric | None = None,
    build: BuildMethod = build_method,
) -> dict[str, float]:
    """Train, or continue from the run's last checkpoint.

    Args:
        config: configuration of the run.
        source: source of batches.
        run: folder for checkpoints, log and configuration.
        validate: validation that chooses the best weights; it must not use test data.
        initial: run or model with the initial weights of a new run.
        fabric: launched Fabric; None to launch it here.
        build: factory of the method.

    Returns:
        Figures of the last step and the last validation.

    Raises:
        ModelError: a figure is not finite, the disk is full, or the run belongs to another method.
        ParameterError: the processes of a run do not share its folder.
        Interrupted: a signal stopped the run, which is saved.
    """
    fabric = fabric or launch(config.hardware)
    run.mkdir(parents=True, exist_ok=True)
    config = planned(config, source)
    trainer = begin(config, source, run, fabric, initial, build)
    if fabric.is_global_zero:
        replace_text(run / "config.yaml", yaml.safe_dump(plain(config), sort_keys=False))
    with Interrupts() as interrupts, _Progress(trainer) as progress:
        while trainer.step < config.optimiser.steps:
            trainer.begin_epoch()
            for batch in _rest_of_epoch(trainer):
                # Log before saving: a resumed run drops lines beyond its checkpoint, but cannot fill a gap.
                progress.show(_advance(trainer, batch, validate))
                if _due(trainer, config.checkpoint_every):
                    trainer.save()
                    progress.saved()
                if any_rank(bool(interrupts.number), fabric.device):
                    _stop(trainer, interrupts.number)
        trainer.draw()
    return progress.last


def begin(
    config: TrainConfig,
    source: BatchSource,
    run: Path,
    fabric: Fabric,
    initial: Path | None = None,
    build: BuildMethod = build_method,
) -> Trainer:
    """Return a trainer at the first step or at the run's last checkpoint; raises like `fit`."""
    seed_everything(config.seed, config.hardware.threads)
    found = load_checkpoint(run)
    _require_one_step(0 if found is None else found.step, run, fabric)
    if found is not None:
        check_method(found, config, run)
    fresh = found is None
    described = config
    if not fresh or initial is not None:
        # Do not download weights that are overwritten at once.
        described = replace(config, model=replace(config.model, pretrained=False, pretrained_file=""))
    trainer = Trainer(config, build(described, source.places), source, run, fabric, found)
    if fresh and initial is not None:
        trainer.begin_with(initial_weights(initial))
    return trainer


def planned(config: TrainConfig, source: BatchSource) -> TrainConfig:
    """Return the recipe with its length in steps if it states epochs."""
    if config.optimiser.steps:
        return config
    steps = config.optimiser.epochs * source.steps_per_epoch
    return replace(config, optimiser=replace(config.optimiser, steps=steps))


def _require_one_step(step: int, run: Path, fabric: Fabric) -> None:
    """Raise `ParameterError` if processes are at different steps, which would deadlock."""
    own = torch.tensor(float(step), dtype=torch.float64, device=fabric.device)
    if any_rank(bool(mean_over_ranks(own) != own), fabric.device):
        raise ParameterError(
            f"not every process finds the same checkpoint in {run}; "
            "put --out on a disk that all machines share."
        )


class _Progress:
    """Progress bar and log, written by the first process."""

    def __init__(self, trainer: Trainer) -> None:
        self.last: dict[str, float] = {}
        self._shown: dict[str, str] = {}
        self._trainer = trainer
        self._log = RunLog(trainer.run, trainer.step) if trainer.fabric.is_global_zero else None
        self._bar = tqdm(
            total=trainer.config.optimiser.steps,
            initial=trainer.step,
            unit="step",
            mininterval=5.0,
            disable=None if self._log is not None else True,
        )

    def __enter__(self) -> "_Progress":
        if self._log is not None:
            tqdm.write(f"{self._place()}; figures are logged in {self._trainer.run / 'log.csv'}")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self._log is not None:
            self._log.close()

    def show(self, figures: dict[str, float]) -> None:
        """Log a step's figures."""
        self.last |= figures
        shown = ("loss", "batch_r1", "valid_r1", "free_selection")
        self._shown = {name: f"{self.last[name]:.3f}" for name in shown if name in self.last}
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update()
        if self._log is not None:
            self._log.append(self._trainer.step, figures)

    def saved(self) -> None:
        """Print a line for a checkpoint if no progress bar is shown, as in a file or a pipe."""
        if self._log is not None and self._bar.disable:
            tqdm.write("  ".join([self._place(), *(f"{k} {v}" for k, v in self._shown.items()), "saved"]))

    def _place(self) -> str:
        return f"step {self._trainer.step} of {self._trainer.config.optimiser.steps}"


def _rest_of_epoch(trainer: Trainer) -> Iterator[Batch]:
    config, fabric = trainer.config, trainer.fabric
    length = trainer.source.steps_per_epoch
    end = min(config.optimiser.steps, (trainer.step // length + 1) * length)
    return batches_ahead(
        trainer.source,
        range(trainer.step, end),
        fabric.global_rank,
        fabric.world_size,
        config.hardware.workers,
        pin=fabric.device.type == "cuda",
    )


def _advance(trainer: Trainer, batch: Batch, validate: Validate | None) -> dict[str, float]:
    """Take one step, and validate if due."""
    figures = trainer.train_step(batch)
    if validate is not None and _due(trainer, trainer.config.evaluate_every):
        measured = validate(trainer.describer(average=True))
        trainer.keep_if_best(validate.selected_by, measured[validate.selected_by])
        if trainer.fabric.is_global_zero:
            tqdm.write(f"step {trainer.step}  " + "  ".join(f"{k} {v:.4f}" for k, v in measured.items()))
        figures |= measured
    return figures


def _due(trainer: Trainer, every: int) -> bool:
    return trainer.step == trainer.config.optimiser.steps or trainer.step % every == 0


def _stop(trainer: Trainer, number: int) -> None:
    trainer.save()
    raise Interrupted(
        f"stopped after step {trainer.step} of {trainer.config.optimiser.steps} with a checkpoint in "
        f"{trainer.run}; rerun the same command to continue.",
        number,
    )
