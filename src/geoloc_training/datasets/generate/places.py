# SPDX-License-Identifier: Apache-2.0
"""Places of a generated data set, from a multi-date set, a folder of orthophotos or the procedural world."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.errors import ParameterError, RasterError
from geoloc.geodesy import LocalFrame
from geoloc_lab.world.world import World
from geoloc_training.datasets.imagery.dated_index import INDEX
from geoloc_training.datasets.imagery.ground import Ground, pyramid
from geoloc_training.datasets.imagery.images import load_multiyear, load_orthophotos
from geoloc_training.items import GeoLocation

CELL_M = 153.6  # width of the images of the multi-date set; other imagery is cut into cells of this width
_WORLD_GSD_M = 0.6
_NOWHERE = LocalFrame(0.0, 0.0)  # nominal position of images without a georeference


@dataclass(frozen=True)
class Place:
    """A place on a ground, with the dates of its map and of its drone views.

    Attributes:
        name: name, unique in a set.
        group: group that stays in one part of the split (a city, an image set).
        ground: imagery of the place.
        east_m: centre of the place, east of the ground's left edge.
        south_m: centre of the place, south of the ground's top edge.
        extent_m: width of the square around the centre that views may show.
        location: centre of the place on WGS 84.
        map_date: date of the satellite image.
        drone_dates: all other dates, or `map_date` if the imagery has one date.
    """

    name: str
    group: str
    ground: Ground
    east_m: float
    south_m: float
    extent_m: float
    location: GeoLocation
    map_date: str
    drone_dates: tuple[str, ...]

    @property
    def cross_date(self) -> bool:
        """Return True if map and drone views show different dates."""
        return self.map_date not in self.drone_dates


def find_places(
    imagery: Path | None,
    wanted: int | None,
    seed: int,
    groups: Collection[str] = (),
    map_date: str | None = None,
    gsd_m: float | None = None,
) -> list[Place]:
    """Return places in random order.

    Args:
        imagery: folder with `index.csv` and `images/` (several dates of a place), or with `images/` only
            (orthophotos of one date, with nominal positions); None for the procedural world.
        wanted: number of places, or None for all.
        seed: seed of the order and of the world.
        groups: cities to use, for a multi-date set only; all if empty.
        map_date: date of the satellite images; None for the newest date of each place.
        gsd_m: metres per pixel of orthophotos.

    Raises:
        ParameterError: there are too few places, a place lacks the date, or orthophotos come without `gsd_m`.
        RasterError: the folder or an image cannot be read.
    """
    if wanted is not None and wanted < 1:
        raise ParameterError(f"places is {wanted}; ask for 1 or more.")
    if imagery is None:
        if wanted is None:
            raise ParameterError("the procedural world needs a number of places; give places.")
        found = _world_places(wanted, seed)
    elif _is_multiyear(imagery):
        found = _multiyear_places(imagery, groups, map_date)
    else:
        found = _orthophoto_places(imagery, gsd_m)
    if wanted is not None and len(found) < wanted:
        raise ParameterError(
            f"{imagery} has {len(found)} places, fewer than the requested {wanted}; ask for fewer."
        )
    order = np.random.default_rng([seed, 1]).permutation(len(found))
    return [found[i] for i in order[:wanted]]


def _is_multiyear(imagery: Path) -> bool:
    index = imagery / INDEX
    if not imagery.is_dir():
        raise RasterError(f"{imagery} is not a folder; give the folder that holds images/.")
    if not index.is_file():
        return False
    with index.open(encoding="utf-8") as lines:
        return "location_id" in lines.readline()


def _multiyear_places(imagery: Path, groups: Collection[str], map_date: str | None) -> list[Place]:
    places = []
    for ground in load_multiyear(imagery, sorted(groups) or None):
        if ground.location is None:
            raise RasterError(
                f"{imagery / INDEX} has no position of {ground.name}; add center_lat and center_lon, or "
                "epsg, left, bottom, right and top."
            )
        newest = max(ground.dates)
        if map_date is not None and map_date not in ground.dates and len(ground.dates) > 1:
            raise ParameterError(
                f"{ground.name} has no date {map_date}, only {', '.join(sorted(ground.dates))}; "
                "choose another map_date, or leave it out for the newest date."
            )
        chosen = map_date if map_date in ground.dates else newest
        others = tuple(sorted(date for date in ground.dates if date != chosen))
        east_m, south_m = ground.extent_m
        places.append(
            Place(
                name=ground.name,
                group=ground.group,
                ground=ground,
                east_m=east_m / 2,
                south_m=south_m / 2,
                extent_m=min(east_m, south_m),
                location=ground.location,
                map_date=str(chosen),
                drone_dates=others or (str(chosen),),
            )
        )
    return places


def _orthophoto_places(imagery: Path, gsd_m: float | None) -> list[Place]:
    if gsd_m is None or not gsd_m > 0:
        raise ParameterError(
            f"{imagery} holds orthophotos without an index of dates; give their metres per pixel as gsd_m."
        )
    grounds = load_orthophotos(imagery, gsd_m, group=imagery.name, white_is_nodata=True)
    places: list[Place] = []
    for row, ground in enumerate(grounds):
        places += [p for p in _cells(ground, row, ("0",)) if _covered(p)]
    return places


def _covered(place: Place) -> bool:
    if place.ground.valid is None:
        return True
    gsd_m, half_m = place.ground.gsd_m, place.extent_m / 2
    rows = slice(round((place.south_m - half_m) / gsd_m), round((place.south_m + half_m) / gsd_m))
    columns = slice(round((place.east_m - half_m) / gsd_m), round((place.east_m + half_m) / gsd_m))
    return bool((place.ground.valid[0][rows, columns] > 0).mean() > 0.9)


def _world_places(wanted: int, seed: int) -> list[Place]:
    side_m = CELL_M * max(2, math.ceil(math.sqrt(wanted)))
    world = World(seed, side_m, _WORLD_GSD_M)
    dates = {str(date): pyramid(world.render(date)) for date in (0, 1, 2)}
    return _cells(Ground(f"world-{seed}", "world", _WORLD_GSD_M, dates), 0, ("1", "2"))


def _cells(ground: Ground, row: int, drone_dates: tuple[str, ...]) -> list[Place]:
    """Cut a ground with map date "0" into cells; nominal positions put row after row 10 km further north."""
    width_m, height_m = ground.extent_m
    places = []
    for south in range(int(height_m / CELL_M + 1e-6)):
        for east in range(int(width_m / CELL_M + 1e-6)):
            east_m, south_m = (east + 0.5) * CELL_M, (south + 0.5) * CELL_M
            latitude, longitude = _NOWHERE.to_geodetic(east_m, 10_000.0 * row - south_m)
            places.append(
                Place(
                    name=f"{ground.name}_{south}_{east}",
                    group=ground.group,
                    ground=ground,
                    east_m=east_m,
                    south_m=south_m,
                    extent_m=CELL_M,
                    location=GeoLocation(float(latitude), float(longitude)),
                    map_date="0",
                    drone_dates=drone_dates,
                )
            )
    return places
