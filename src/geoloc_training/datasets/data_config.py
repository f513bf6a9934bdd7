# SPDX-License-Identifier: Apache-2.0
"""What is learnt from: which data set, how its batches are filled, and the imagery that `map` draws from."""

from dataclasses import dataclass
from pathlib import Path

from geoloc_training.checks import require, require_choice

MAP = "map"  # data: imagery of one's own
REGION = "region"  # data: a map and footage of it, nothing paired
IMAGES, WORLD = "map", "world"  # kinds of a source of `map`
MAX_GSD_M = 100.0
_WITHOUT_LOCATIONS = ("u1652", "sues200")


@dataclass(frozen=True)
class SourceConfig:
    """One kind of imagery in the batch.

    Attributes:
        kind: map (georeferenced images) or world (procedural).
        share: weight of this source in a batch, relative to the others.
        view_size_m: smallest and largest view drawn from it.
        images: of a map, a folder or a file under data.root: pictures with an index.csv, GeoTIFFs, or plain
            pictures whose `gsd_m` is given; empty for data.root itself.
        gsd_m: metres per pixel of plain pictures; 0 where the images say it themselves.
        white_is_nodata: of plain pictures, whether areas of pure white are missing.
        group: of GeoTIFFs and plain pictures, what they share as an index's city does; empty for the folder's
            name.
        cities: which groups are trained on; empty for all but those of data.validation.
        seeds: which procedural worlds.
        world_size_m: side of each procedural world.
        world_dates: dates each of them is seen at.
        spots_per_ground: most views of one picture in one batch.
        one_group_share: how often all of a source's pairs of a batch come from one group (hard negatives).
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
        require(self.share >= 0, f"share of '{self.label}' is {self.share}; it must not be negative.")
        require(
            0 <= self.gsd_m <= MAX_GSD_M,
            f"gsd_m of '{self.label}' is {self.gsd_m}; give metres per pixel, or 0 where the images say it.",
        )
        require(
            self.gsd_m > 0 or not self.white_is_nodata,
            f"white_is_nodata of '{self.label}' is for plain pictures, whose gsd_m is given; give gsd_m or "
            "leave it out.",
        )

    @property
    def label(self) -> str:
        """Return what the source is called in sentences and on cards: its images, or its kind."""
        return self.images or self.kind

    @property
    def dated(self) -> bool:
        """Return True where its images say where they lie and may show a place on several dates."""
        return self.kind == IMAGES and self.gsd_m == 0


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from.

    Attributes:
        name: map, or a published set (`geoloc-train datasets list`).
        root: folder of the data; for `map` empty means the procedural worlds alone.
        validation_share: share of the training places held out to choose the best weights by; 0 for none.
        sampling: how batches of a published set are filled: random, gps (places drawn at random, each with
            its neighbours on the ground) or similarity (with its likes by the present descriptors; until
            these exist gps, or random without positions).
        neighbours: of each drawn place, half of them its nearest, half drawn from the rest of the pool; the
            default is Sample4Geo's for CVUSA, as are those below.
        pool: nearest places that neighbours are drawn from.
        resample_every: epochs between two searches for similar places, the first after so many.
        sources: kinds of imagery of `map`, with their shares of a batch.
        validation: `city:map_date:query_date` of `map` that select; never trained on.
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
        require(
            0 <= self.validation_share < 1,
            f"data.validation_share={self.validation_share} must lie in 0..1, 1 excluded.",
        )
        require_choice(self, "data", "sampling", "random", "gps", "similarity")
        require(
            0 < self.neighbours <= self.pool and self.resample_every > 0,
            f"data.neighbours={self.neighbours} must be above 0 and at most data.pool={self.pool}, "
            f"data.resample_every={self.resample_every} above 0.",
        )
        require(
            self.sampling != "gps" or not self.name.startswith(_WITHOUT_LOCATIONS),
            f"data.sampling=gps needs positions and data '{self.name}' has none to sample by; use random.",
        )
        require(
            self.sampling == "random" or self.name != MAP,
            f"data.sampling={self.sampling} is for published sets; data '{MAP}' draws its own neighbours: "
            "use random.",
        )
        self._check_validation_city()

    def folder(self) -> Path:
        """Return where the data lies.

        Raises:
            ParameterError: data.root is empty.
        """
        require(bool(self.root), f"data '{self.name}' needs its folder: add data.root=DIR.")
        return Path(self.root)

    @property
    def tested(self) -> set[str]:
        """Return cities of `map` that select; never trained on."""
        return {name.split(":")[0] for name in self.validation}

    def _check_validation_city(self) -> None:
        for source in self.sources:
            both = set(source.cities) & self.tested
            require(
                not both,
                f"{', '.join(sorted(both))} is both trained on and validated with; remove it from one.",
            )
