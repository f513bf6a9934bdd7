# SPDX-License-Identifier: Apache-2.0
"""Builds the source of batches and the validation that a configuration describes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from geoloc_training.augment.image import ImageAugment
from geoloc_training.augment.single import SingleAugment
from geoloc_training.checks import require
from geoloc_training.config import TrainConfig
from geoloc_training.contract import BatchSource
from geoloc_training.datasets.data_config import MAP, REGION
from geoloc_training.datasets.imagery.load import load_places, load_sources
from geoloc_training.datasets.imagery.map_batches import MapBatches
from geoloc_training.datasets.paired_batches import ImageBatches
from geoloc_training.datasets.published.registry import load_benchmark
from geoloc_training.datasets.region import read_region
from geoloc_training.datasets.split import hold_out
from geoloc_training.items import TrainingSplit
from geoloc_training.label_free.region_batches import RegionBatches, sequence_context
from geoloc_training.label_free.validation import LabelFreeValidation
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.methods.registry import METHODS
from geoloc_training.training.loop import Validate
from geoloc_training.training.validation import CrossDateValidation, HeldOutValidation


@dataclass(frozen=True)
class Prepared:
    """Training and validation data of a run.

    Attributes:
        source: source of batches.
        validate: validation that chooses the best weights, or None.
        held_out: validation on places held out of training, possibly part of `validate`, or None.
    """

    source: BatchSource
    validate: Validate | None
    held_out: HeldOutValidation | None = None


def prepare(config: TrainConfig, cache: Path, device: torch.device) -> Prepared:
    """Load the data of a configuration.

    Args:
        config: configuration of the run.
        cache: folder for rendered worlds.
        device: training device, which also finishes the batches.

    Raises:
        ParameterError: there is nothing to train on, or the settings do not fit the data.
        RasterError: a folder or an image is missing or damaged.
    """
    if config.data.name == MAP:
        return _map(config, cache, device)
    return _region(config, device) if config.data.name == REGION else _published(config, device)


def _map(config: TrainConfig, cache: Path, device: torch.device) -> Prepared:
    source = MapBatches(
        load_sources(config.data, cache),
        config.augment,
        config.optimiser.pairs,
        config.model.input_px,
        config.seed,
        on_device=device.type != "cpu",
    )
    if not config.data.root or not config.data.validation:
        return Prepared(source, None)
    return Prepared(source, CrossDateValidation(load_places(config.data), config.data.validation))


def _published(config: TrainConfig, device: torch.device) -> Prepared:
    benchmark = load_benchmark(config.data.name, config.data.folder())
    training, task = hold_out(benchmark.training, config.data.validation_share, config.seed)
    held_out = HeldOutValidation(task) if task is not None else None
    build = METHODS[config.method.name].source
    source = _paired(config, training) if build is None else _unpaired(build, config, training, device)
    if isinstance(source, ClusterBatches) and source.config.label_free:
        return Prepared(source, LabelFreeValidation(source, beside=held_out), held_out)
    return Prepared(source, held_out, held_out)


def _region(config: TrainConfig, device: torch.device) -> Prepared:
    require(
        METHODS[config.method.name].source is ClusterBatches,
        f"data '{REGION}' needs a method that learns from clusters, and {config.method.name} does not; use "
        "method dmnil.",
    )
    region = read_region(config.data.folder())
    context = sequence_context(region)
    source = _unpaired(partial(RegionBatches, context), config, region.split(), device)
    return Prepared(source, LabelFreeValidation(source, context) if config.method.label_free else None)


def _paired(config: TrainConfig, training: TrainingSplit) -> BatchSource:
    return ImageBatches(
        training,
        config.model.input_px,
        config.optimiser.pairs,
        config.seed,
        config.data,
        ImageAugment(config.image_augment, config.seed),
    )


def _unpaired(
    build: Callable[..., BatchSource], config: TrainConfig, training: TrainingSplit, device: torch.device
) -> BatchSource:
    return build(
        training,
        config.model.input_px,
        config.optimiser.pairs,
        config.seed,
        config.method,
        SingleAugment(config.image_augment, config.seed),
        device,
    )
