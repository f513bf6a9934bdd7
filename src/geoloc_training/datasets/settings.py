# SPDX-License-Identifier: Apache-2.0
"""Settings of the imagery that `map` draws from."""

from dataclasses import dataclass

from geoloc.errors import ParameterError

WORLD = "world"
IMAGES = "map"
MAX_GSD_M = 100.0


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
        _require(
            0 < low <= high, f"view_size_m of '{self.label}' is {low}..{high}; give a positive, rising range."
        )
        _require(self.share >= 0, f"share of '{self.label}' is {self.share}; it must not be negative.")
        _require(
            0 <= self.gsd_m <= MAX_GSD_M,
            f"gsd_m of '{self.label}' is {self.gsd_m}; give metres per pixel, or 0 where the images say it.",
        )
        _require(
            self.gsd_m > 0 or not self.white_is_nodata,
            f"white_is_nodata of '{self.label}' is for plain pictures, whose gsd_m is given; give gsd_m or "
            "leave it out.",
        )

    @property
    def label(self) -> str:
        """What the source is called in sentences and on cards: its images, or its kind."""
        return self.images or self.kind

    @property
    def dated(self) -> bool:
        """Whether its images say where they lie and may show a place on several dates."""
        return self.kind == IMAGES and self.gsd_m == 0


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
