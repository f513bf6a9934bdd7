# SPDX-License-Identifier: Apache-2.0
"""Loading of the grounds that a data configuration names."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.datasets.data_config import IMAGES, WORLD, DataConfig, SourceConfig
from geoloc_training.datasets.imagery.dated_index import check_cities
from geoloc_training.datasets.imagery.ground import Ground
from geoloc_training.datasets.imagery.images import load_images
from geoloc_training.datasets.imagery.view_pairs import Source
from geoloc_training.datasets.imagery.world import load_worlds


def load_sources(data: DataConfig, cache: Path) -> list[Source]:
    """Load every available source; without `data.root` these are the procedural worlds only.

    Raises:
        ParameterError: no source is available.
        RasterError: a folder or an image is missing or damaged.
    """
    wanted = [s for s in data.sources if s.share > 0 and (data.root or s.kind == WORLD)]
    if not wanted:
        raise ParameterError(
            "data 'map' has no source to train on; give data.root, or add a source of kind 'world' to "
            "data.sources."
        )
    root = Path(data.root)
    return [Source(_grounds(source, root, data.tested, cache), source) for source in wanted]


def load_places(data: DataConfig) -> list[Ground]:
    """Load all dated places of the training and validation cities, as galleries and distractors.

    Raises:
        ParameterError: no source has a validation city.
        RasterError: a folder or an image is missing or damaged.
    """
    tested = data.tested
    if not data.root or not tested:
        return []
    shown = tested | {city for source in data.sources for city in source.cities}
    grounds: list[Ground] = []
    for source in _dated(data.sources):
        grounds += load_images(Path(data.root), source, _is_in(shown) if source.cities else _any)
    missing = tested - {ground.group for ground in grounds}
    if missing:
        raise ParameterError(
            f"data.validation names {', '.join(sorted(missing))}, which no source of dated images has; "
            "correct data.validation, or leave it empty to train without validation."
        )
    return grounds


def load_every_place(data: DataConfig) -> list[Ground]:
    """Load all dated places of all cities, as galleries and distractors of an evaluation.

    Raises:
        ParameterError: no source has dated images.
        RasterError: a folder or an image is missing or damaged.
    """
    dated = _dated(data.sources)
    if not dated:
        raise ParameterError(
            "no source of data.sources has images of several dates, which the evaluation needs; add one of "
            "kind 'map' without gsd_m."
        )
    return [ground for source in dated for ground in load_images(data.folder(), source, _any)]


def _any(city: str) -> bool:
    return True


def _is_in(cities: Collection[str]) -> Callable[[str], bool]:
    return lambda city: city in cities


def _dated(sources: Sequence[SourceConfig]) -> list[SourceConfig]:
    """Return one source of dated images for each folder, preferably the one that takes all cities."""
    found: dict[str, SourceConfig] = {}
    for source in sources:
        if source.dated and (source.images not in found or not source.cities):
            found[source.images] = source
    return list(found.values())


def _grounds(source: SourceConfig, root: Path, tested: set[str], cache: Path) -> list[Ground]:
    if source.kind == WORLD:
        return load_worlds(source.seeds, source.world_size_m, source.world_dates, cache)
    if source.kind != IMAGES:
        raise ParameterError(
            f"source kind '{source.kind}' is unknown; use {IMAGES} (with the folder as images) or {WORLD}."
        )
    if not source.cities:
        return load_images(root, source, lambda city: city not in tested)
    grounds = load_images(root, source, _is_in(source.cities))
    check_cities(root / source.images, source.cities, grounds)
    return grounds
