# SPDX-License-Identifier: Apache-2.0
"""From a configuration to grounds in memory."""

from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.config import TrainConfig
from geoloc_training.datasets.settings import SourceConfig
from geoloc_training.datasets.ground import Ground
from geoloc_training.datasets.map import load_multiyear, load_orthophotos
from geoloc_training.datasets.pairs import Source
from geoloc_training.datasets.world import load_worlds


def load_sources(config: TrainConfig, data: Path | None, cache: Path) -> list[Source]:
    """Load every source that can be had: without `data`, the procedural worlds alone.

    Raises:
        ParameterError: nothing is left to train on.
        RasterError: a folder or a picture is missing or damaged.
    """
    wanted = [s for s in config.data.sources if s.share > 0 and (data is not None or s.kind == "world")]
    if not wanted:
        raise ParameterError(
            "nothing to train on: give --data, or a source of kind 'world' in the configuration."
        )
    return [Source(_grounds(source, data or Path(), cache), source) for source in wanted]


def load_places(config: TrainConfig, data: Path | None) -> list[Ground]:
    """All dated places of the multi-date set that a validation city or a distractor may come from."""
    if data is None:
        return []
    trained = {city for source in config.data.sources for city in source.cities}
    tested = {name.split(":")[0] for name in config.data.validation}
    return load_multiyear(data / "naip_ca_multiyear", sorted(trained | tested)) if tested else []


def load_every_place(data: Path) -> list[Ground]:
    """All places of the multi-date set, of every split: galleries and distractors of an evaluation."""
    return load_multiyear(data / "naip_ca_multiyear", None)


def _grounds(source: SourceConfig, data: Path, cache: Path) -> list[Ground]:
    if source.kind == "naip":
        return load_multiyear(data / "naip_ca_multiyear", source.cities)
    if source.kind == "massachusetts":
        return load_orthophotos(
            data / "massachusetts_ortho", 1.0, group="massachusetts", white_is_nodata=True
        )
    if source.kind == "estonia":
        return load_orthophotos(data / "estonia_ortho", 0.2, group="estonia")
    if source.kind == "world":
        return load_worlds(source.seeds, source.world_size_m, source.world_dates, cache)
    raise ParameterError(
        f"source kind '{source.kind}' is unknown; use naip, massachusetts, estonia or world."
    )
