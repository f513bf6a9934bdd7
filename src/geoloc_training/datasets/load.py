# SPDX-License-Identifier: Apache-2.0
"""From a configuration to grounds in memory."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.config import TrainConfig
from geoloc_training.datasets.dated_index import check_cities
from geoloc_training.datasets.ground import Ground
from geoloc_training.datasets.map import load_images
from geoloc_training.datasets.pairs import Source
from geoloc_training.datasets.settings import IMAGES, WORLD, SourceConfig
from geoloc_training.datasets.world import load_worlds


def load_sources(config: TrainConfig, data: Path | None, cache: Path) -> list[Source]:
    """Load every source that can be had: without `data`, the procedural worlds alone.

    Raises:
        ParameterError: nothing is left to train on.
        RasterError: a folder or a picture is missing or damaged.
    """
    wanted = [s for s in config.data.sources if s.share > 0 and (data is not None or s.kind == WORLD)]
    if not wanted:
        raise ParameterError(
            "nothing to train on: give data.root, or a source of kind 'world' in the configuration."
        )
    tested = _tested(config)
    return [Source(_grounds(source, data or Path(), tested, cache), source) for source in wanted]


def load_places(config: TrainConfig, data: Path | None) -> list[Ground]:
    """All dated places of the cities that are trained on or validated with: galleries and distractors.

    Raises:
        ParameterError: a validation city is in none of the sources.
        RasterError: a folder or a picture is missing or damaged.
    """
    tested = _tested(config)
    if data is None or not tested:
        return []
    shown = tested | {city for source in config.data.sources for city in source.cities}
    grounds: list[Ground] = []
    for source in _dated(config.data.sources):
        grounds += load_images(data, source, _is_in(shown) if source.cities else _any)
    missing = tested - {ground.group for ground in grounds}
    if missing:
        raise ParameterError(
            f"data.validation names {', '.join(sorted(missing))}, which no source of dated images has; "
            "correct it, or empty it for training without validation."
        )
    return grounds


def load_every_place(data: Path, sources: Sequence[SourceConfig]) -> list[Ground]:
    """All dated places of the sources, of every split: galleries and distractors of an evaluation.

    Raises:
        ParameterError: no source may have several dates.
        RasterError: a folder or a picture is missing or damaged.
    """
    dated = _dated(sources)
    if not dated:
        raise ParameterError(
            "no source has images of several dates to evaluate on; add one of kind 'map' without gsd_m to "
            "data.sources."
        )
    return [ground for source in dated for ground in load_images(data, source, _any)]


def _any(city: str) -> bool:
    return True


def _is_in(cities: Collection[str]) -> Callable[[str], bool]:
    return lambda city: city in cities


def _tested(config: TrainConfig) -> set[str]:
    return {name.split(":")[0] for name in config.data.validation}


def _dated(sources: Sequence[SourceConfig]) -> list[SourceConfig]:
    """Sources of dated images, one for each folder: the one that takes all cities, where there is one."""
    found: dict[str, SourceConfig] = {}
    for source in sources:
        if source.dated and (source.images not in found or not source.cities):
            found[source.images] = source
    return list(found.values())


def _grounds(source: SourceConfig, data: Path, tested: set[str], cache: Path) -> list[Ground]:
    if source.kind == WORLD:
        return load_worlds(source.seeds, source.world_size_m, source.world_dates, cache)
    if source.kind != IMAGES:
        raise ParameterError(
            f"source kind '{source.kind}' is unknown; use {IMAGES} (with images: the folder) or {WORLD}."
        )
    if not source.cities:
        return load_images(data, source, lambda city: city not in tested)
    grounds = load_images(data, source, _is_in(source.cities))
    check_cities(data / source.images, source.cities, grounds)
    return grounds
