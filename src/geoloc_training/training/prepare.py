# SPDX-License-Identifier: Apache-2.0
"""From a configuration to what the loop takes: a source of batches and a validation."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from geoloc.errors import ParameterError
from geoloc_training.adaptation.batches import RegionBatches, surroundings_of
from geoloc_training.adaptation.selection import LabelFreeValidation
from geoloc_training.augment.image import ImageAugment
from geoloc_training.augment.single import SingleAugment
from geoloc_training.config import TrainConfig
from geoloc_training.datasets.contract import TrainingSplit
from geoloc_training.datasets.images import ImageBatches
from geoloc_training.datasets.load import load_places, load_sources
from geoloc_training.datasets.map_batches import MapBatches
from geoloc_training.datasets.region import read_region
from geoloc_training.datasets.registry import load_benchmark
from geoloc_training.datasets.split import hold_out
from geoloc_training.methods.contract import BatchSource
from geoloc_training.methods.dmnil.settings import DmnilConfig
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.settings import MAP, REGION
from geoloc_training.training.loop import Validate
from geoloc_training.training.validation import CrossDateValidation, HeldOutValidation


@dataclass(frozen=True)
class Prepared:
    """What a run learns from.

    Attributes:
        source: of batches.
        validate: what chooses the best weights, or None without any.
        held_out: the part of it that is measured on places held out of training, or None without any.
    """

    source: BatchSource
    validate: Validate | None
    held_out: HeldOutValidation | None = None


def prepare(config: TrainConfig, cache: Path, device: torch.device) -> Prepared:
    """Load the data that a configuration names.

    Args:
        config: the whole recipe.
        cache: folder that keeps rendered worlds.
        device: where the encoder learns, and batches are finished.

    Raises:
        ParameterError: nothing to train on, or settings that do not fit the data.
        RasterError: a folder or a picture is missing or damaged.
    """
    return _map(config, cache, device) if config.data.name == MAP else _images(config, device)


def _map(config: TrainConfig, cache: Path, device: torch.device) -> Prepared:
    root = Path(config.data.root) if config.data.root else None
    source = MapBatches(
        load_sources(config, root, cache),
        config.augment,
        config.optimiser.pairs,
        config.model.input_px,
        config.seed,
        on_device=device.type != "cpu",
    )
    if root is None or not config.data.validation:
        return Prepared(source, None)
    return Prepared(source, CrossDateValidation(load_places(config, root), config.data.validation))


def _images(config: TrainConfig, device: torch.device) -> Prepared:
    if config.data.name == REGION:
        return _region(config, device)
    benchmark = load_benchmark(config.data.name, config.data.folder())
    training, task = hold_out(benchmark.training, config.data.validation_share, config.seed)
    held_out = HeldOutValidation(task) if task is not None else None
    source = _unpaired(config, training, device)
    if source is None:
        return Prepared(_paired(config, training), held_out, held_out)
    if not source.config.label_free:
        return Prepared(source, held_out, held_out)
    return Prepared(source, LabelFreeValidation(source, beside=held_out), held_out)


def _region(config: TrainConfig, device: torch.device) -> Prepared:
    region = read_region(config.data.folder())
    around = surroundings_of(region)
    source = _unpaired(config, region.split(), device, partial(RegionBatches, around))
    if source is None:
        raise ParameterError(
            f"data '{REGION}' has no pairs, which method {config.method.name} learns from; use method dmnil."
        )
    validate = LabelFreeValidation(source, around) if source.config.label_free else None
    return Prepared(source, validate)


def _paired(config: TrainConfig, training: TrainingSplit) -> BatchSource:
    return ImageBatches(
        training,
        config.model.input_px,
        config.optimiser.pairs,
        config.seed,
        config.data.sampling_config(),
        ImageAugment(config.image_augment, config.seed),
    )


def _unpaired(
    config: TrainConfig,
    training: TrainingSplit,
    device: torch.device,
    build: Callable[..., ClusterBatches] = ClusterBatches,
) -> ClusterBatches | None:
    if not isinstance(config.method, DmnilConfig):
        return None
    return build(
        training,
        config.model.input_px,
        config.optimiser.pairs,
        config.seed,
        config.method,
        SingleAugment(config.image_augment, config.seed),
        device,
    )
