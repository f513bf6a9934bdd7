# SPDX-License-Identifier: Apache-2.0
"""Prepares the regions that scenarios fly over: one image for the map, another for the camera.

The procedural world is rendered at two dates. Real imagery has one date only, so the camera's image simulates
another season and sensor (`SeasonChange`). Existing images are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from geoloc.arrays import BoolArray
from geoloc.errors import RasterError
from geoloc.raster.views import write_geotiff
from geoloc_lab.evaluation.distractors import Picture, indexed_pictures, is_white, placed_pictures
from geoloc_lab.scenarios.finished_steps import checksum
from geoloc_lab.world.season_change import SeasonChange, changed
from geoloc_lab.world.world import write_world

WORLD_SEED = 23  # used neither by the demo nor to train the shipped model
WORLD_SIZE_M = 1600.0
_BLOCK_PX = 10
_ORTHO = "massachusetts_ortho"
_TOWN, _COUNTRY = "19678630_15.jpg", "17428750_15.jpg"


@dataclass(frozen=True)
class Region:
    """A place with its two images.

    Attributes:
        imagery: kind of imagery; the table summarizes the trials of one kind in a row.
        name: name of the map's folder.
        source: origin of the imagery, as the reports state it.
        map_image: GeoTIFF that the map is built from.
        flown_image: GeoTIFF that the camera sees, in the same frame.
        view_size_m: size of tiles and views.
        height_m: flight height above ground.
        others: imagery of other places, added to the map if a scenario asks for it.
    """

    imagery: str
    name: str
    source: str
    map_image: Path
    flown_image: Path
    view_size_m: float
    height_m: float
    others: tuple[Picture, ...] = ()

    @property
    def margin_m(self) -> float:
        """Distance that a flight keeps from the edges, so that a banked camera sees only imagery."""
        return 1.6 * self.height_m


def world_region(folder: Path, seed: int = WORLD_SEED) -> Region:
    """Return the region of a procedural world; render its two dates if they are missing."""
    images = folder / f"world-{seed}-{WORLD_SIZE_M:g}m"
    date0, date1 = images / "date0.tif", images / "date1.tif"
    if not (date0.is_file() and date1.is_file()):
        write_world(images, seed, WORLD_SIZE_M)
    return Region("world", "world", f"procedural world {seed}", date0, date1, 90.0, 110.0)


@dataclass(frozen=True)
class Ortho:
    """The regions of real imagery: a town, and countryside for flights over ground with little texture."""

    town: Region
    country: Region


def ortho_regions(data: Path, folder: Path, say: Callable[[str], None]) -> Ortho | None:
    """Return the regions of the Massachusetts imagery in `data`; create their images if they are missing.

    Args:
        data: folder with massachusetts_ortho/.
        folder: folder for the images of the regions.
        say: called with a sentence if the imagery is missing; then the result is None.

    Raises:
        BagError: for a table of images that cannot be read.
        RasterError: for an image that cannot be read, or has no valid part.
    """
    index = data / _ORTHO / "index.csv"
    if not index.is_file():
        say(f"{index} does not exist, so scenarios over real imagery are left out; give its folder by --data")
        return None
    pictures = indexed_pictures(index)
    missing = [name for name in (_TOWN, _COUNTRY) if name not in {picture.path.name for picture in pictures}]
    if missing:
        say(f"{index} lacks {', '.join(missing)}, so scenarios over real imagery are left out")
        return None
    by_name = {picture.path.name: picture for picture in pictures}
    return Ortho(
        _ortho_region(by_name[_TOWN], folder, _others(data, pictures), SeasonChange(seed=1)),
        _ortho_region(by_name[_COUNTRY], folder, (), SeasonChange(seed=2)),
    )


def _ortho_region(picture: Picture, folder: Path, others: tuple[Picture, ...], how: SeasonChange) -> Region:
    name = picture.path.stem
    images = folder / f"{_ORTHO}-{name}-season-{how.seed}-{checksum(repr(how))[:8]}"
    map_image, flown_image = images / "map.tif", images / "flown.tif"
    if not (map_image.is_file() and flown_image.is_file()):
        images.mkdir(parents=True, exist_ok=True)
        _write_sides(picture, map_image, flown_image, how)
    source = f"Massachusetts ortho {name}, flown in another season (seed {how.seed})"
    return Region("ortho", f"ortho-{name}", source, map_image, flown_image, 120.0, 150.0, others)


def _write_sides(picture: Picture, map_image: Path, flown_image: Path, how: SeasonChange) -> None:
    """Write the largest rectangle without nodata (white), unchanged and in another season."""
    if picture.bounds is None or picture.crs is None:
        raise RasterError(f"{picture.path} has no bounds; give them in its index.csv.")
    left, _, right, top = picture.bounds
    pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise RasterError(f"{picture.path} cannot be read as an image; copy it again.")
    rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    rows, columns = largest_rectangle(~is_white(rgb))
    cut, gsd_m = np.ascontiguousarray(rgb[rows, columns]), (right - left) / rgb.shape[1]
    corner = (left + columns.start * gsd_m, top - rows.start * gsd_m)
    for path, side in ((flown_image, changed(cut, gsd_m, how)), (map_image, cut)):
        partial = path.with_suffix(".partial.tif")
        write_geotiff(partial, side, crs=picture.crs, left=corner[0], top=corner[1], gsd_m=gsd_m)
        partial.replace(path)


def largest_rectangle(mask: BoolArray) -> tuple[slice, slice]:
    """Return rows and columns of the largest rectangle of True in a mask (H, W), to the nearest 10 px.

    Raises:
        RasterError: if no block of 10 × 10 pixels is True.
    """
    height, width = (side // _BLOCK_PX for side in mask.shape)
    blocks = mask[: height * _BLOCK_PX, : width * _BLOCK_PX]
    whole = np.asarray(blocks.reshape(height, _BLOCK_PX, width, _BLOCK_PX).all(axis=(1, 3)))
    best, found = 0, (0, 0, 0, 0)
    run = np.zeros(width, dtype=np.int64)  # by column, number of consecutive True rows that end here
    for row in range(height):
        run = np.where(whole[row], run + 1, 0)
        for first in range(width):
            lowest = np.minimum.accumulate(run[first:])
            areas = lowest * np.arange(1, width - first + 1)
            last = int(areas.argmax())
            if areas[last] > best:
                best, found = int(areas[last]), (row, int(lowest[last]), first, last + 1)
    if not best:
        raise RasterError("the image is white throughout and shows no place; choose another.")
    row, tall, first, wide = found
    rows = slice((row + 1 - tall) * _BLOCK_PX, (row + 1) * _BLOCK_PX)
    return rows, slice(first * _BLOCK_PX, (first + wide) * _BLOCK_PX)


def _others(data: Path, pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Return all imagery except the two regions: the rest of the table, then the other tables."""
    rest = [replace(p, white_is_nodata=True) for p in pictures if p.path.name not in (_TOWN, _COUNTRY)]
    tables = [index for index in sorted(data.glob("*/index.csv")) if index.parent.name != _ORTHO]
    return (*rest, *(picture for index in tables for picture in placed_pictures(index)))
