# SPDX-License-Identifier: Apache-2.0
"""The training loop: batches drawn ahead, AdamW, an average of the weights, checkpoints, selection."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from geoloc.encoder.card import Architecture
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError
from geoloc_training.checkpoint import checkpoint_step, load_average, load_checkpoint, save_checkpoint
from geoloc_training.config import TrainConfig, plain
from geoloc_training.datasets.ground import Ground
from geoloc_training.datasets.pairs import Source, draw_batch
from geoloc_training.evaluation.cross_date import Describe, evaluate, in_chunks, parse_pair
from geoloc_training.methods.contrastive import Contrastive
from geoloc_training.runlog import RunLog
from geoloc_training.settings import OptimiserConfig

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def fit(
    config: TrainConfig,
    sources: Sequence[Source],
    run: Path,
    grounds: Sequence[Ground] = (),
    initial: Path | None = None,
) -> dict[str, float]:
    """Train, or go on where the run's last checkpoint stopped.

    Args:
        config: the whole recipe.
        sources: where pairs are drawn from.
        run: folder for checkpoints, log and configuration.
        grounds: dated places the validation protocols refer to.
        initial: another run whose averaged weights a new run begins with.

    Returns:
        The last step's loss and recall, and the last validation's.

    Raises:
        ModelError: the loss is no longer finite, or the run belongs to another architecture.
    """
    seed_everything(config.seed, config.hardware.threads)
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, run)
    if initial is not None and trainer.step == 0:
        trainer.begin_with(load_average(initial)[1])
    log = RunLog(run, trainer.step)
    (run / "config.yaml").write_text(yaml.safe_dump(plain(config), sort_keys=False), encoding="utf-8")
    last: dict[str, float] = {}
    bar = tqdm(total=config.optimiser.steps, initial=trainer.step, unit="step", mininterval=5.0)
    for maps, drones in _batches(config, sources, trainer.step):
        last |= trainer.train_step(maps, drones)
        done = trainer.step == config.optimiser.steps
        if config.data.validation and (trainer.step % config.evaluate_every == 0 or done):
            last |= trainer.validate(grounds)
        log.append(trainer.step, last)
        bar.set_postfix({key: f"{last[key]:.3f}" for key in ("loss", "batch_r1", "valid_r1") if key in last})
        bar.update()
        if trainer.step % config.checkpoint_every == 0 or done:
            trainer.save()
    bar.close()
    return last


def seed_everything(seed: int, threads: int) -> None:
    """The one place that seeds; batches are drawn from (seed, step) and need no further state."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    # Views are warped beside the training step; more threads there would only take its cores.
    cv2.setNumThreads(1)


def architecture_of(config: TrainConfig) -> Architecture:
    """The network a configuration describes."""
    model = config.model
    return Architecture(
        backbone=model.backbone,
        backbone_args=model.backbone_args,
        stem=model.stem,
        head=model.head,
        head_channels=model.head_channels,
        descriptor_size=model.descriptor_size,
        input_px=model.input_px,
        standardise=model.standardise,
    )


def learning_rate(config: OptimiserConfig, step: int) -> float:
    """Linear warm-up, plateau, then a cosine descent over the last `descent` of the steps."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    start = max(config.warmup_steps, round(config.steps * (1 - config.descent)))
    if step < start:
        return config.learning_rate
    progress = (step - start) / max(1, config.steps - start)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def describe_with(encoder: ViewEncoder) -> Describe:
    """The torch encoder as a plain function of views, in evaluation mode and full precision."""

    def run(views: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            descriptors: NDArray[np.float32] = encoder(torch.from_numpy(views)).numpy()
        return descriptors

    encoder.eval()
    return in_chunks(run)


class Trainer:
    """Model, average, optimiser and where they stand; resumes from `run` when it holds a checkpoint."""

    def __init__(self, config: TrainConfig, run: Path) -> None:
        self.config, self.run, self.step = config, run, 0
        optimiser = config.optimiser
        encoder = ViewEncoder(architecture_of(config)).to(memory_format=torch.channels_last)
        self.method = Contrastive(encoder, config.method.temperature, config.method.label_smoothing)
        self.average = ViewEncoder(architecture_of(config))
        self.average.load_state_dict(encoder.state_dict())
        self.optimiser = torch.optim.AdamW(_parameter_groups(self.method, optimiser.weight_decay))
        self._resume()

    def _resume(self) -> None:
        step = checkpoint_step(self.run)
        if step is None:
            return
        model, average, optimiser = load_checkpoint(self.run)
        try:
            self.method.load_state_dict(model)
            self.average.load_state_dict(average)
            self.optimiser.load_state_dict(optimiser)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the checkpoint in {self.run} is of another architecture; use another --out or delete it."
            ) from error
        self.step = step

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Take over what another encoder has learnt: of each tensor the part that both have in common."""
        with torch.no_grad():
            for encoder in (self.method.encoder, self.average):
                for name, value in encoder.state_dict().items():
                    old = weights.get(name)
                    if old is not None and old.ndim == value.ndim:
                        common = tuple(
                            slice(min(sizes)) for sizes in zip(value.shape, old.shape, strict=True)
                        )
                        value[common] = old[common]
            self.average.load_state_dict(self.method.encoder.state_dict())

    def train_step(self, maps: NDArray[np.uint8], drones: NDArray[np.uint8]) -> dict[str, float]:
        """One update on a batch of pairs, uint8 (N, S, S, 3) each."""
        rate = learning_rate(self.config.optimiser, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.method.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.hardware.precision == "bf16"):
            loss, recall = self.method(torch.from_numpy(maps), torch.from_numpy(drones))
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss is {loss.item()} at step {self.step}; the last checkpoint in {self.run} is good: "
                "lower optimiser.learning_rate and rerun."
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.method.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        temperature = float((-self.method.log_scale.detach()).exp())
        return {
            "loss": loss.item(),
            "batch_r1": recall.item(),
            "learning_rate": rate,
            "temperature": temperature,
        }

    def _update_average(self) -> None:
        # A young average forgets faster, or it would carry the random start for hundreds of steps.
        decay = min(self.config.optimiser.ema_decay, (1 + self.step) / (10 + self.step))
        current = self.method.encoder.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(current[name], 1 - decay)
                else:
                    value.copy_(current[name])

    def validate(self, grounds: Sequence[Ground]) -> dict[str, float]:
        """Mean recall of the averaged weights over the configured cities (`city:map_date:query_date`)."""
        describe, size = describe_with(self.average), self.config.model.input_px
        results = [
            evaluate(describe, grounds, replace(parse_pair(name), draws=2), size)
            for name in self.config.data.validation
        ]
        line = "  ".join(f"{r.label}: {r.r1:.3f}/{r.r5:.3f}" for r in results)
        tqdm.write(f"step {self.step}  {line}")
        return {
            "valid_r1": float(np.mean([r.r1 for r in results])),
            "valid_r5": float(np.mean([r.r5 for r in results])),
        }

    def save(self) -> None:
        """Write the checkpoint of this step."""
        save_checkpoint(
            self.run,
            self.step,
            self.method.state_dict(),
            self.average.state_dict(),
            self.optimiser.state_dict(),
        )


def _parameter_groups(method: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weights decay; biases, norms, the pooling power and the temperature do not."""
    matrices: list[Tensor] = [p for p in method.parameters() if p.ndim > 1]
    others: list[Tensor] = [p for p in method.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _batches(config: TrainConfig, sources: Sequence[Source], start: int) -> Iterator[Batch]:
    """Batches of the remaining steps, the next one drawn while the current one is learnt from."""

    def draw(step: int) -> Batch:
        rng = np.random.default_rng([config.seed, step])
        ramp = config.augment.ramp_steps
        strength = min(1.0, 0.3 + 0.7 * step / ramp) if ramp else 1.0
        return draw_batch(
            sources, config.optimiser.pairs, config.model.input_px, config.augment, strength, rng
        )

    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(draw, step) for step in range(start, min(start + 1, config.optimiser.steps))]
        for step in range(start, config.optimiser.steps):
            batch = ahead.pop().result()
            if step + 1 < config.optimiser.steps:
                ahead.append(pool.submit(draw, step + 1))
            yield batch
