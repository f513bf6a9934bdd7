# SPDX-License-Identifier: Apache-2.0
"""Compares the place of a truth with that of the map, to catch swapped columns and another area."""

from typing import TYPE_CHECKING

import numpy as np

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.errors import BagError
from geoloc_lab.bags.truth_track import TruthTrack

if TYPE_CHECKING:
    from geoloc.mapping.directory import MapDirectory

_FAR_M = 10_000.0


def place_remarks(truth: TruthTrack, map_directory: "MapDirectory") -> list[str]:
    """Return a sentence if the truth lies far from the map, so that every answer would be false.

    Raises:
        BagError: if it lies on the map once latitude and longitude are swapped.
    """
    latitude, longitude = truth.latitude_deg, truth.longitude_deg
    away_m = _nearest_m(map_directory, latitude, longitude)
    if away_m < _FAR_M:
        return []
    if np.all(np.abs(longitude) <= 90.0) and _nearest_m(map_directory, longitude, latitude) < _FAR_M:
        raise BagError(
            f"{truth.source} is {away_m / 1e3:.0f} km from the map, but on it with latitude and longitude "
            "swapped; swap them in the file, or in what publishes them."
        )
    return [
        f"the truth is {away_m / 1e3:.0f} km from the map, so no answer can be right; if that is not meant, "
        "check map and truth."
    ]


def _nearest_m(map_directory: "MapDirectory", latitude: Float64Array, longitude: Float64Array) -> float:
    """Return the least distance of positions from a circle around the map's tiles."""
    tiles, frame = map_directory.tiles, map_directory.frame
    radius_m = float(np.max(np.hypot(tiles["east_m"], tiles["north_m"])))
    apart_m = geodesy.distance_m(frame.latitude_deg, frame.longitude_deg, latitude, longitude)
    return max(0.0, float(np.min(apart_m)) - radius_m)
