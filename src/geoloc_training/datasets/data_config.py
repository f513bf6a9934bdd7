# SPDX-License-Identifier: Apache-2.0
"""Configuration of the training data: the data set, the sampling of batches, and the sources of `map`."""

from dataclasses import dataclass
from pathlib import Path

from geoloc.paths import expanded_home
from geoloc_training.checks import require, require_choice

MAP = "map"  # data set: the user's own imagery
REGION = "region"  # data set: a map and unpaired footage of the same region
IMAGES, WORLD = "map", "world"  # kinds of a source of `map`
MAX_GSD_M = 100.0
_WITHOUT_LOCATIONS = ("u1652", "sues200")


@dataclass(frozen=True)
class SourceConfig:
    """One source of imagery for the batches of `map`.

    Attributes:
        kind: map (georeferenced images) or world (procedural).
        share: weight of this source in a batch, relative to the others.
        view_size_m: smallest and largest width of a view.
        images: folder or file under data.root, for kind map: images with an index.csv, GeoTIFFs, or plain
            images with `gsd_m`; empty for data.root itself.
        gsd_m: metres per pixel of plain images; 0 for images that carry their georeference.
        white_is_nodata: whether pure white areas of plain images count as missing data.
        group: group of all GeoTIFFs or plain images, the equivalent of the city in an index; empty for the
            name of the folder.
        cities: groups to train on; empty for all groups except those of data.validation.
        seeds: seeds of the procedural worlds.
        world_size_m: side of each procedural world.
        world_dates: number of dates of each procedural world.
        spots_per_ground: maximum number of views of one image in a batch.
        one_group_share: probability that all pairs of this source in a batch come from one group, 0..1
            (hard negatives).
    """

    kind: str
    share: float
    view_size_m: tuple[float, float]
    images: str = ""
    gsd_m: float = 0.0
    white_is_nodata: bool = False
    group: str = ""
    cities: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    world_size_m: float = 1024.0
    world_dates: int = 3
    spots_per_ground: int = 16
    one_group_share: float = 0.5

    def __post_init__(self) -> None:
        low, high = self.view_size_m
        require(
            0 < low <= high, f"view_size_m of '{self.label}' is {low}..{high}; give a positive, rising range."
        )
        require(self.share >= 0, f"share of '{self.label}' is {self.share}; use 0 or more.")
        require(
            0 <= self.gsd_m <= MAX_GSD_M,
            f"gsd_m of '{self.label}' is {self.gsd_m}; give metres per pixel, at most {MAX_GSD_M:g}, or 0 "
            "for images that carry their georeference.",
        )
        require(
            self.gsd_m > 0 or not self.white_is_nodata,
            f"white_is_nodata of '{self.label}' applies to plain images with gsd_m only; set gsd_m, or "
            "leave white_is_nodata out.",
        )

    @property
    def label(self) -> str:
        """Return the name of the source for messages and model cards: its images, or its kind."""
        return self.images or self.kind

    @property
    def dated(self) -> bool:
        """Return True if the images are georeferenced and may show a place on several dates."""
        return self.kind == IMAGES and self.gsd_m == 0


@dataclass(frozen=True)
class DataConfig:
    """Configuration of the training data.

    The defaults of `neighbours`, `pool` and `resample_every` are those of Sample4Geo for CVUSA.

    Attributes:
        name: map, region, or a published data set (`geoloc-train datasets list`).
        root: folder of the data; if empty, `map` uses the procedural worlds only.
        validation_share: share of the training places held out for model selection; 0 for none.
        sampling: how batches of a published set are filled. random: random places. gps: random places, each
            with its neighbours on the ground. similarity: random places, each with its neighbours by
            descriptor; before the first search gps, or random if positions are missing.
        neighbours: number of neighbours added to each random place, half of them the nearest, half sampled
            from the rest of the pool.
        pool: number of nearest places from which neighbours are sampled.
        resample_every: number of epochs before the first search for similar places and between searches.
        sources: sources of imagery of `map`, with their shares of a batch.
        validation: cities of `map` for model selection, as `city:map_date:query_date`; never trained on.
    """

    name: str = MAP
    root: str = ""
    validation_share: float = 0.1
    sampling: str = "random"
    neighbours: int = 64
    pool: int = 128
    resample_every: int = 4
    sources: tuple[SourceConfig, ...] = ()
    validation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", expanded_home(self.root))
        require(
            0 <= self.validation_share < 1,
            f"data.validation_share={self.validation_share} is out of range; use at least 0 and less than 1.",
        )
        require_choice(self, "data", "sampling", "random", "gps", "similarity")
        require(
            0 < self.neighbours <= self.pool and self.resample_every > 0,
            f"data.neighbours={self.neighbours} must be above 0 and at most data.pool={self.pool}, and "
            f"data.resample_every={self.resample_every} must be above 0.",
        )
        require(
            self.sampling != "gps" or not self.name.startswith(_WITHOUT_LOCATIONS),
            f"data.sampling=gps needs positions and data '{self.name}' has none; use random.",
        )
        require(
            self.sampling == "random" or self.name != MAP,
            f"data.sampling={self.sampling} applies to published sets only, and data '{MAP}' samples "
            "neighbours by itself; use random.",
        )
        self._check_validation_city()

    def folder(self) -> Path:
        """Return the folder of the data.

        Raises:
            ParameterError: data.root is empty.
        """
        require(bool(self.root), f"data '{self.name}' has no folder; add data.root=DIR.")
        return Path(self.root)

    @property
    def tested(self) -> set[str]:
        """Return the cities of `map` that are used for model selection and never trained on."""
        return {name.split(":")[0] for name in self.validation}

    def _check_validation_city(self) -> None:
        for source in self.sources:
            both = set(source.cities) & self.tested
            require(
                not both,
                f"{', '.join(sorted(both))} is both in cities and in data.validation; remove it from one.",
            )
