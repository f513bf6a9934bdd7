#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure the overhead of a DMNIL training step over its encoder's forward and backward pass.

.venv/bin/python tools/bench/bench_dmnil_step.py                   as in `make bench`; minutes
.venv/bin/python tools/bench/bench_dmnil_step.py convnext_tiny --set hardware.accelerator=gpu
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from geoloc_training.augment.single import SingleAugment
from geoloc_training.compose import load_config
from geoloc_training.contract import UnpairedBatch
from geoloc_training.items import Item, TrainingSplit
from geoloc_training.methods.dmnil.plan import plan_view
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.training.batches import batches_ahead
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import begin, planned
from geoloc_training.training.trainer import Trainer

_SEED = 1
_EPOCH = 10  # first epoch with all losses: clusters, levels, neighbours within and across views
_FILES, _FILE_PX = 96, 512  # side of University-1652's images
_BLOCK = 4  # number of steps, then of bare passes, so that both run under the same load
_AUGMENTATION = "augmentation"
_PARTS = ("wait for batch", _AUGMENTATION, "memories", "clipping", "optimiser", "moving average")
_SMALL = (
    "model.backbone=resnet18", "model.backbone_args={layers: [1, 2, 2, 1], channels: [48, 96, 192, 384]}",
    "model.stem=unshuffle", "model.head=both", "model.head_channels=48", "model.descriptor_size=256",
    "model.input_px=160",
)  # fmt: skip
_ATTO = ("model.backbone=convnext_atto", "model.descriptor_size=320", "model.input_px=160")
_TINY = ("model.backbone=convnext_tiny", "model.descriptor_size=768")


@dataclass(frozen=True)
class Setup:
    """A model and the size of its data.

    Attributes:
        words: settings of the encoder.
        queries: number of query images, and of rows in their memory.
        references: number of reference images, and of rows in their memory.
        pairs: number of queries in a batch, and of references, which appear in two variations each.
        instances: number of images of a cluster in a batch.
        whole: whether to time steps of the training loop; otherwise the time of losses and memories alone is
            added to the bare pass.
    """

    words: tuple[str, ...]
    queries: int
    references: int
    pairs: int
    instances: int
    whole: bool = True


SETUPS = {
    "small": Setup(_SMALL, 9000, 1000, 64, 2),
    "convnext_atto": Setup(_ATTO, 9000, 1000, 64, 2),
    "memories": Setup((*_TINY, "model.input_px=224"), 37_854, 701, 8, 2, whole=False),
    "convnext_tiny": Setup((*_TINY, "model.input_px=384"), 37_854, 701, 64, 4),
}
QUICK = ("small", "convnext_atto", "memories")


@dataclass(frozen=True)
class Cost:
    """Median durations in milliseconds.

    Attributes:
        step: a step of the training loop, including the wait for its batch.
        bare: the encoder's forward and backward pass on the same batch.
        parts: the parts of a step other than losses and passes, by name.
    """

    step: float
    bare: float
    parts: dict[str, float]

    @property
    def overhead(self) -> float:
        """Duration of a step without bare pass and augmentation, as a share of the bare pass."""
        return (self.step - self.parts.get(_AUGMENTATION, 0.0)) / self.bare - 1

    @property
    def note(self) -> str:
        """Parts of the overhead, as shares of the bare pass; the remainder counts as losses."""
        shares = {name: ms / self.bare for name, ms in self.parts.items()}
        augmentation = shares.pop(_AUGMENTATION, 0.0)
        shares["losses"] = self.overhead - sum(shares.values())
        listed = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        return f"overhead {self.overhead:.1%} ({listed}); augmentation {augmentation:.1%}"


def measure(setup: Setup, steps: int, *words: str) -> Cost:
    """Time steps and bare passes in alternating blocks.

    Args:
        setup: model and data.
        steps: minimum number of steps and of passes to time.
        words: further settings, such as the accelerator.
    """
    laps: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(setup, Path(folder), words)
        _watch(trainer, laps)
        while len(laps["bare"]) < steps:
            batches = list(_steps(trainer, laps)) if setup.whole else _without_passes(trainer, laps)
            for batch in batches[1:]:
                _bare_pass(trainer, batch, laps)
    medians = {name: statistics.median(values) for name, values in laps.items() if values}
    parts = {name: medians[name] for name in _PARTS if name in medians}
    return Cost(medians["step"] + (0 if setup.whole else medians["bare"]), medians["bare"], parts)


def _trainer(setup: Setup, folder: Path, words: tuple[str, ...]) -> Trainer:
    """Return a trainer at the first step of an epoch in which every part of the method is in use."""
    config = load_config(
        [
            "preset=dmnil", "data.root=none", "model.pretrained=false", "hardware.accelerator=cpu",
            "hardware.threads=2", "hardware.workers=2", "method.pictures_every=0",
            f"optimiser.pairs={setup.pairs}", f"method.instances={setup.instances}", *setup.words, *words,
        ]
    )  # fmt: skip
    split = TrainingSplit(
        tuple(_items("drone", setup.queries, folder)), tuple(_items("satellite", setup.references, folder)),
        (), (),
    )  # fmt: skip
    fabric = launch(config.hardware)
    augment = SingleAugment(config.image_augment, config.seed)
    pairs, method = config.optimiser.pairs, config.method
    source = ClusterBatches(split, config.model.input_px, pairs, config.seed, method, augment, fabric.device)
    trainer = begin(planned(config, source), source, folder, fabric)
    _plan(source, config.model.descriptor_size)
    trainer.step = _EPOCH * source.steps_per_epoch
    trainer.method.start_epoch(_EPOCH, source)
    return trainer


def _items(view: str, count: int, folder: Path) -> Iterator[Item]:
    """Yield items that share a few image files of smooth noise."""
    rng = np.random.default_rng(_SEED)
    files = [folder / f"{view}-{number}.jpg" for number in range(min(count, _FILES))]
    for file in files:
        coarse = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(file), cv2.resize(coarse, (_FILE_PX, _FILE_PX), interpolation=cv2.INTER_CUBIC))
    for number in range(count):
        yield Item("", view, files[number % len(files)])


def _plan(source: ClusterBatches, size: int) -> None:
    """Set the source's labels and descriptors (N, D) of well-separated places, as its clustering would."""
    config, rng = source.config, np.random.default_rng(_SEED)
    places = len(source.references)
    centres = rng.standard_normal((places, size), np.float32)
    labels = {"query": np.arange(len(source.queries)) % places, "reference": np.arange(places)}
    rows = (config.steps_per_epoch, source.pairs // config.instances, config.instances)
    plan = {view: plan_view(of, *rows, rng) for view, of in labels.items()}
    tensors = {view: torch.from_numpy(of) for view, of in labels.items()}
    source.load_state_dict(
        {
            "epoch": _EPOCH,
            "labels": {**tensors, "own_reference": tensors["reference"], "shared": False},
            "plan": {view: torch.from_numpy(table) for view, table in plan.items()},
        }
    )
    noisy = [centres[of] + rng.standard_normal((len(of), size), np.float32) for of in labels.values()]
    queries, references = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in noisy)
    source.features = queries, references


def _steps(trainer: Trainer, laps: dict[str, list[float]]) -> Iterator[UnpairedBatch]:
    """Time consecutive steps and yield their batches; the first, which waits longest, is not timed."""
    hardware = trainer.config.hardware
    pin = trainer.fabric.device.type == "cuda"
    ahead = range(trainer.step, trainer.step + _BLOCK + 1)
    waiting = batches_ahead(trainer.source, ahead, 0, 1, hardware.workers, pin)
    for number in range(_BLOCK + 1):
        spent: dict[str, list[float]] = defaultdict(list)
        with _lap(trainer, spent["step"]):
            with _lap(trainer, spent["wait for batch"]):
                batch = next(waiting)
            trainer.train_step(batch)
        if number:
            for name, values in spent.items():
                laps[name] += values
        yield batch


def _watch(trainer: Trainer, laps: dict[str, list[float]]) -> None:
    """Time the parts of the trainer."""
    for owner, name, part in (
        (trainer.source, "finish", _AUGMENTATION),
        (trainer.method, "after_step", "memories"),
        (trainer, "_clip", "clipping"),
        (trainer._optimiser, "step", "optimiser"),
        (trainer, "_update_average", "moving average"),
    ):
        setattr(owner, name, _timed(getattr(owner, name), trainer, laps[part]))


def _timed(work: Callable[..., Any], trainer: Trainer, laps: list[float]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:  # noqa: ANN401 - types of the wrapped function
        with _lap(trainer, laps):
            return work(*values)

    return call


def _bare_pass(trainer: Trainer, batch: UnpairedBatch, laps: dict[str, list[float]]) -> None:
    """Time the encoder's forward and backward pass, in the precision of training steps."""
    batch = batch.to(trainer.fabric.device)
    trainer.method.encoder.train().zero_grad(set_to_none=True)
    views = torch.cat([batch.reference, batch.query])
    with _lap(trainer, laps["bare"]):
        with trainer.fabric.autocast():
            raw = trainer.method.encoder.head(trainer.method.encoder.features(views)).float()
        raw.backward(torch.ones_like(raw))


def _without_passes(trainer: Trainer, laps: dict[str, list[float]]) -> list[UnpairedBatch]:
    """Time losses, their gradients by descriptors and memory updates; return the batches."""
    method, batches = trainer.method, []
    encoder = method.encoder
    for step in range(trainer.step, trainer.step + _BLOCK + 1):
        batch = trainer.source.batch(step, 0, 1).to(trainer.fabric.device)
        size = len(batch.reference) + len(batch.query), trainer.config.model.descriptor_size
        method.encoder = _Given(torch.randn(size, device=trainer.fabric.device))
        with _lap(trainer, laps["step"]):
            method.train()(batch).loss.backward()
            method.after_step()
        batches.append(batch)
    method.encoder = encoder
    return batches


class _Given(nn.Module):
    """An encoder with given descriptors, references first."""

    def __init__(self, raw: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(raw)

    def features(self, views: Tensor) -> Tensor:
        return self.raw

    def head(self, features: Tensor) -> Tensor:
        return features


@contextmanager
def _lap(trainer: Trainer, laps: list[float]) -> Iterator[None]:
    """Append the duration of a block in milliseconds, including the work of a GPU."""
    _finish_work(trainer)
    began = time.perf_counter()
    yield
    _finish_work(trainer)
    laps.append(1e3 * (time.perf_counter() - began))


def _finish_work(trainer: Trainer) -> None:
    if trainer.fabric.device.type == "cuda":
        torch.cuda.synchronize(trainer.fabric.device)


def main() -> None:
    """Print the cost of the requested set-ups."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "setup", nargs="*", default=QUICK, help=f"Set-ups to measure, of {', '.join(SETUPS)}."
    )
    parser.add_argument("--steps", type=int, default=8, help="Minimum number of timed steps.")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="Further settings of the training."
    )
    options = parser.parse_args()
    for name in options.setup:
        cost = measure(SETUPS[name], options.steps, *options.set)
        print(f"{name}: step {cost.step:.1f} ms, passes {cost.bare:.1f} ms, {cost.note}", flush=True)


if __name__ == "__main__":
    main()
