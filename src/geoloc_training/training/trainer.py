# SPDX-License-Identifier: Apache-2.0
"""Training steps for any method and device, and the state of a run."""

import copy
import logging
import math
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from geoloc.errors import ModelError, RasterError
from geoloc_training.config import TrainConfig
from geoloc_training.contract import Batch, BatchSource, Method
from geoloc_training.distributed import mean_over_ranks, ranks, share_buffers
from geoloc_training.training.batches import split
from geoloc_training.training.checkpoint import (
    Best,
    Checkpoint,
    best_so_far,
    save_best,
    save_checkpoint,
)
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import seed_step
from geoloc_training.training.schedule import build_optimiser, learning_rate, load_optimiser, set_rate

_LOG = logging.getLogger(__name__)


class Trainer:
    """State of a run: method, averaged encoder, optimizer and step.

    Args:
        config: configuration of the run, with its length in steps.
        method: method to train; it is moved to the device.
        source: source of batches.
        run: folder of checkpoints.
        fabric: launched Fabric, with devices and precision.
        found: checkpoint of the run to continue from, or None.

    Attributes:
        step: number of completed steps.
        saved: step of the last checkpoint, 0 for none.
        best: record of the best weights on validation so far, or None.

    Raises:
        ModelError: the checkpoint belongs to another architecture.
    """

    def __init__(
        self,
        config: TrainConfig,
        method: Method,
        source: BatchSource,
        run: Path,
        fabric: Fabric,
        found: Checkpoint | None = None,
    ) -> None:
        self.config, self.source, self.run, self.fabric = config, source, run, fabric
        self.step, self.saved = 0, 0
        self._planned: dict[str, float] = {}
        # A run without a checkpoint starts anew, so best weights in its folder belong to an earlier run.
        self.best = best_so_far(run) if found is not None else None
        if config.hardware.sync_batchnorm:
            method = nn.SyncBatchNorm.convert_sync_batchnorm(method)
        self.method = method.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.method.encoder).requires_grad_(False).to(fabric.device).eval()
        self._module, self._optimiser = fabric.setup(
            _Tensors(self.method), build_optimiser(self.method, config.optimiser)
        )
        if found is not None:
            self._go_on_from(found)

    def describer(self, *, average: bool) -> Describer:
        """Return a describer with the averaged or the current encoder; all ranks must call it.

        It uses the buffers of the first rank, which are also those saved, so a resumed run gets the same
        numbers.
        """
        encoder = self.average if average else self.method.encoder
        share_buffers(encoder)
        hardware = self.config.hardware
        return Describer(encoder, self.config.model.input_px, hardware.workers, self.fabric.autocast)

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Copy the weights of another encoder; for tensors of different size, copy the common part.

        Raises:
            ModelError: the backbones have no tensor in common.
        """
        own = self.method.encoder.state_dict()
        shared = [name for name, value in own.items() if name in weights and weights[name].ndim == value.ndim]
        if not any(name.startswith("backbone.") for name in shared):
            raise ModelError(
                f"the weights of --init are not of backbone '{self.config.model.backbone}'; "
                "set model.backbone to their backbone, or leave out --init."
            )
        with torch.no_grad():
            for name in shared:
                value, old = own[name], weights[name]
                common = tuple(slice(min(sizes)) for sizes in zip(value.shape, old.shape, strict=True))
                value[common] = old[common].to(value.device)
        self.average.load_state_dict(self.method.encoder.state_dict())

    def begin_epoch(self) -> None:
        """Plan a new epoch if the next step starts one."""
        epoch, within = divmod(self.step, self.source.steps_per_epoch)
        if within == 0:
            self.source.start_epoch(epoch, self.describer(average=False).items)
            self._planned = dict(self.method.start_epoch(epoch, self.source))
            self.draw()

    def draw(self) -> None:
        """Let the method write plots into the run's folder; a failure is only logged."""
        if not self.fabric.is_global_zero:
            return
        try:
            self.method.draw(self.run, self.source)
        except (OSError, RasterError) as error:
            _LOG.warning("plots of the run cannot be written (%s); training continues", error)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Take one training step on this rank's part of a batch.

        Returns:
            The method's figures, averaged over parts and ranks, and loss, learning_rate and gradient_norm.
            The first step of an epoch also returns the figures of its plan.

        Raises:
            ModelError: a figure is not finite; the weights are unchanged.
        """
        rank, optimiser = self.fabric.global_rank, self.config.optimiser
        seed_step(self.config.seed, self.step, rank)
        rate = learning_rate(optimiser, self.step)
        set_rate(self._optimiser.optimizer, rate)
        self.method.train()
        batch = self.source.finish(batch.to(self.fabric.device), self.step, rank)
        figures = self._accumulate(split(batch, optimiser.accumulate))
        figures["gradient_norm"] = self._clip()
        figures = {name: mean_over_ranks(value) for name, value in figures.items()}
        values = torch.stack([value.float() for value in figures.values()]).tolist()
        found = dict(zip(figures, values, strict=True))
        self._check(found)
        self._optimiser.step()
        self.method.after_step()
        self.step += 1
        self._update_average()
        planned, self._planned = self._planned, {}
        return {**found, "learning_rate": rate, **planned}

    def _accumulate(self, parts: list[Batch]) -> dict[str, Tensor]:
        """Accumulate the gradients of the parts' mean loss, and return their mean figures."""
        self._optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            waits = number < len(parts) and ranks() > 1
            with self.fabric.no_backward_sync(self._module, enabled=waits):
                figures = self._module(type(part), **vars(part))
                self.fabric.backward(figures["loss"] / len(parts))
            for name, value in figures.items():
                sums[name] = sums.get(name, torch.zeros((), device=value.device)) + value.detach() / len(
                    parts
                )
        return sums

    def _clip(self) -> Tensor:
        """Clip the gradient as configured, and return its norm before clipping."""
        optimiser = self.config.optimiser
        norm: Tensor = self.fabric.clip_gradients(
            self._module,
            self._optimiser,
            max_norm=optimiser.clip_norm or math.inf,
            error_if_nonfinite=False,
        )
        if optimiser.clip_value:
            nn.utils.clip_grad_value_(self.method.parameters(), optimiser.clip_value)
        return norm

    def _check(self, figures: dict[str, float]) -> None:
        # With a scaled loss, infinite gradients are normal; the scaler skips such a step.
        spared = {"gradient_norm"} if self.config.hardware.precision == "fp16" else set()
        broken = [
            f"{name} is {value}"
            for name, value in figures.items()
            if not math.isfinite(value) and name not in spared
        ]
        if broken:
            raise ModelError(
                f"{', '.join(broken)} at step {self.step + 1} ({self._last_good()}); "
                f"lower optimiser.learning_rate={self.config.optimiser.learning_rate} and rerun."
            )

    def _last_good(self) -> str:
        if not self.saved:
            return "no checkpoint was due before"
        return f"the last checkpoint in {self.run}, of step {self.saved}, is valid"

    def _update_average(self) -> None:
        # Decay faster at the start, so that the random initial weights do not persist in the average.
        decay = min(self.config.optimiser.ema_decay, (1 + self.step) / (10 + self.step))
        current = self.method.encoder.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(current[name], 1 - decay)
                else:
                    value.copy_(current[name])

    def save(self) -> None:
        """Write the checkpoint of this step, in the first process only."""
        self.saved = self.step
        if not self.fabric.is_global_zero:
            return
        checkpoint = Checkpoint(
            step=self.step,
            method=self.config.method_name,
            model=self.method.state_dict(),
            average=self.average.state_dict(),
            optimiser=self._optimiser.optimizer.state_dict(),
            source=self.source.state_dict(),
            scaler=self.fabric.strategy.precision.state_dict(),
        )
        save_checkpoint(self.run, checkpoint)

    def keep_if_best(self, selected_by: str, score: float) -> None:
        """Save the averaged weights if their figure is at least as high as the best so far."""
        best = self.best
        if best is None or best.selected_by != selected_by or score >= best.score:
            self.best = Best(self.step, selected_by, score)
            if self.fabric.is_global_zero:
                save_best(self.run, self.best, self.average.state_dict())

    def _go_on_from(self, found: Checkpoint) -> None:
        try:
            self.method.load_state_dict(found.model)
            self.average.load_state_dict(found.average)
            load_optimiser(self._optimiser.optimizer, found.optimiser)
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(
                f"the checkpoint in {self.run} is of another architecture, optimizer or number of places; "
                "use another --out or delete the checkpoint."
            ) from error
        self.fabric.strategy.precision.load_state_dict(found.scaler)
        self.source.load_state_dict(found.source)
        self.step = self.saved = found.step


def check_method(found: Checkpoint, config: TrainConfig, run: Path) -> None:
    """Check that a checkpoint belongs to the configured method, before anything is built.

    Raises:
        ModelError: the checkpoint belongs to another method.
    """
    if found.method != config.method_name:
        raise ModelError(
            f"the checkpoint in {run} was made by method {found.method}, but the configuration says "
            f"{config.method_name}; use another --out or delete the checkpoint."
        )


class _Tensors(nn.Module):  # type: ignore[misc]  # mypy does not look into torch
    """A method as a module of tensors, as Fabric's wrappers for devices and precision require."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, kind: type[Batch], **tensors: Tensor) -> dict[str, Tensor]:
        outcome = self.method(kind(**tensors))
        return {"loss": outcome.loss, **{name: value.detach() for name, value in outcome.figures.items()}}
