# SPDX-License-Identifier: Apache-2.0
"""Measures the similarity of an encoder's descriptors of two images of a place: the map's and the camera's.

A simulated change of season is hard enough if its descriptors differ as much as those of real images taken
years apart.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc.raster.colours import Rgb
from geoloc.raster.views import open_raster
from geoloc_lab.csv_table import read_rows
from geoloc_lab.evaluation.distractors import Picture, indexed_pictures, tile_centres_m
from geoloc_lab.scenarios.regions import Region

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_PLACES = 60
_FEWEST = 10


@dataclass(frozen=True)
class Likeness:
    """Cosines between the descriptors of two images of the same places.

    Attributes:
        name: places and origin of their images.
        dated: whether the images are real images of different years instead of simulated ones.
        places: number of places.
        median, p10: median and 10 % quantile of the cosine between the two images of a place.
        other: median of the cosine between a view and the most similar other place.
    """

    name: str
    dated: bool
    places: int
    median: float
    p10: float
    other: float


def likenesses(regions: Sequence[Region], data: Path | None, encoder: "Encoder") -> list[Likeness]:
    """Measure the regions, and the places in `data` that have images of several years.

    Args:
        regions: regions with a map image and a camera image.
        data: folder with tables `*/index.csv` of real images; None to measure the regions only.
        encoder: the model.

    Raises:
        GeolocError: for imagery that cannot be read.
    """
    found = [_likeness(region.source, _sides(region, encoder), encoder) for region in regions]
    size_m = max((region.view_size_m for region in regions), default=0.0)
    for index in sorted(data.glob("*/index.csv")) if data is not None else ():
        for name, pairs in _dated_pairs(index):
            views = _dated_views(pairs, size_m, encoder)
            if len(views[0]) >= _FEWEST:
                found.append(_likeness(name, views, encoder, dated=True))
    return found


def is_hard_enough(likeness: Likeness, all_of: Sequence[Likeness]) -> bool | None:
    """Return whether a simulated change is as hard as the hardest pair of years; None without a pair."""
    dated = [other.median for other in all_of if other.dated]
    return likeness.median <= min(dated) if dated else None


def _likeness(name: str, sides: tuple[Rgb, Rgb], encoder: "Encoder", *, dated: bool = False) -> Likeness:
    first, second = (encoder.describe(side) for side in sides)
    cosines = np.asarray(second @ first.T, dtype=np.float64)
    same = np.diag(cosines).copy()
    np.fill_diagonal(cosines, -1.0)
    other = float(np.median(cosines.max(axis=1)))
    return Likeness(name, dated, len(same), float(np.median(same)), float(np.quantile(same, 0.1)), other)


def _sides(region: Region, encoder: "Encoder") -> tuple[Rgb, Rgb]:
    size_m, size_px = region.view_size_m, encoder.card.input_px
    with open_raster(region.map_image) as before, open_raster(region.flown_image) as after:
        places = np.random.default_rng(0).permutation(tile_centres_m(before, size_m))[:_PLACES]
        sides = [
            np.stack([raster.view(float(e), float(n), size_m, size_px)[0] for e, n in places])
            for raster in (before, after)
        ]
    return sides[0], sides[1]


def _dated_pairs(index: Path) -> Iterator[tuple[str, list[tuple[Picture, Picture]]]]:
    """Yield a name and (oldest, newest) image pairs for each city; skip a table without years."""
    rows = read_rows(index, "table of images")
    if not rows or not {"location_id", "city", "year", "epsg"} <= set(rows[0]):
        return
    by_place: dict[str, list[tuple[str, str, Picture]]] = defaultdict(list)
    for row, picture in zip(rows, indexed_pictures(index), strict=True):
        by_place[row["location_id"]].append((row["year"], row["city"], picture))
    groups: dict[str, list[tuple[Picture, Picture]]] = defaultdict(list)
    for dated in by_place.values():
        (first, city, before), (last, _, after) = min(dated, key=_year), max(dated, key=_year)
        if first != last:
            groups[f"{city} {first} and {last}"].append((before, after))
    for name, pairs in sorted(groups.items()):
        chosen = np.random.default_rng(0).permutation(len(pairs))[:_PLACES]
        yield f"{index.parent.name}: {name}", [pairs[i] for i in chosen]


def _year(dated: tuple[str, str, Picture]) -> str:
    return dated[0]


def _dated_views(
    pairs: Sequence[tuple[Picture, Picture]], size_m: float, encoder: "Encoder"
) -> tuple[Rgb, Rgb]:
    """Return the views of both images, (N, S, S, 3) each, for the places whose images are large enough."""
    size_px = encoder.card.input_px
    sides: tuple[list[Rgb], list[Rgb]] = ([], [])
    for before, after in pairs:
        with (
            open_raster(before.path, bounds=before.bounds, crs=before.crs) as first,
            open_raster(after.path, bounds=after.bounds, crs=after.crs, frame=first.frame) as second,
        ):
            views = [raster.view(0.0, 0.0, size_m, size_px) for raster in (first, second)]
        if all(valid.all() for _, valid in views):
            for side, (view, _) in zip(sides, views, strict=True):
                side.append(view)
    empty = np.empty((0, size_px, size_px, 3), dtype=np.uint8)
    return tuple(np.stack(side) if side else empty for side in sides)  # type: ignore[return-value]
