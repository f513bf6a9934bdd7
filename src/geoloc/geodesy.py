# SPDX-License-Identifier: Apache-2.0
"""Geodesy: WGS 84 degrees, metres east and north of a map's centre, and geodesic distances."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from pyproj import CRS, Geod, Transformer

from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError

_WGS84 = CRS.from_epsg(4326)
_GEOD = Geod(ellps="WGS84")
_MAX_LATITUDE_DEG = 89.0


@dataclass(frozen=True)
class LocalFrame:
    """Metres east and north of a point: a transverse Mercator projection centred there.

    Grid north is true north on the centre's meridian. Away from it the two differ by the meridian
    convergence, 0.05° at 5 km east in mid latitudes, and metres stretch by 3e-7 at 5 km. Both are far below
    the resolution of a view.

    Attributes:
        latitude_deg: WGS 84 latitude of the origin, within ±89.
        longitude_deg: WGS 84 longitude of the origin, within ±180.

    Raises:
        ParameterError: if the origin is not a place on Earth outside the poles.
    """

    latitude_deg: float
    longitude_deg: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latitude_deg) and abs(self.latitude_deg) <= _MAX_LATITUDE_DEG):
            raise ParameterError(
                f"latitude {self.latitude_deg} cannot be the origin of a local frame; give degrees within "
                f"±{_MAX_LATITUDE_DEG:g}."
            )
        if not (math.isfinite(self.longitude_deg) and abs(self.longitude_deg) <= 180.0):
            raise ParameterError(
                f"longitude {self.longitude_deg} cannot be the origin of a local frame; give degrees within "
                "±180."
            )

    @property
    def proj(self) -> str:
        """The projection as a PROJ string, exact to the last digit of the origin."""
        return (
            f"+proj=tmerc +lat_0={self.latitude_deg!r} +lon_0={self.longitude_deg!r} +k=1 +x_0=0 +y_0=0 "
            "+datum=WGS84 +units=m +no_defs"
        )

    @cached_property
    def crs(self) -> CRS:
        """The projection as a pyproj CRS: (east, north) in metres."""
        return CRS.from_proj4(self.proj)

    @cached_property
    def _from_geodetic(self) -> Transformer:
        return Transformer.from_crs(_WGS84, self.crs, always_xy=True)

    def to_local(
        self, latitude_deg: ArrayLike, longitude_deg: ArrayLike
    ) -> tuple[Float64Array, Float64Array]:
        """Convert WGS 84 degrees to metres (east, north); arguments broadcast, scalars give 0-d arrays."""
        lat, lon = _pair(latitude_deg, longitude_deg)
        east, north = self._from_geodetic.transform(lon, lat)
        return np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)

    def to_geodetic(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Convert metres east and north to WGS 84 (latitude, longitude) degrees; inverse of `to_local`."""
        east, north = _pair(east_m, north_m)
        lon, lat = self._from_geodetic.transform(east, north, direction="INVERSE")
        return np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)


def distance_m(
    latitude1_deg: ArrayLike, longitude1_deg: ArrayLike, latitude2_deg: ArrayLike, longitude2_deg: ArrayLike
) -> Float64Array:
    """Return the length in metres of the WGS 84 geodesic; arguments broadcast, NaN stays NaN."""
    _, length_m = _inverse(latitude1_deg, longitude1_deg, latitude2_deg, longitude2_deg)
    return length_m


def offset_m(
    reference_latitude_deg: ArrayLike,
    reference_longitude_deg: ArrayLike,
    latitude_deg: ArrayLike,
    longitude_deg: ArrayLike,
) -> tuple[Float64Array, Float64Array]:
    """Return metres (east, north) from a reference to a position; arguments broadcast.

    The length of the geodesic is resolved by its azimuth at the reference, so at any range
    `hypot(*offset_m(...)) == distance_m(...)`.
    """
    azimuth_rad, length_m = _inverse(
        reference_latitude_deg, reference_longitude_deg, latitude_deg, longitude_deg
    )
    return length_m * np.sin(azimuth_rad), length_m * np.cos(azimuth_rad)


def _inverse(
    lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike
) -> tuple[Float64Array, Float64Array]:
    values = (np.asarray(value, dtype=np.float64) for value in (lon1, lat1, lon2, lat2))
    start_lon, start_lat, end_lon, end_lat = (np.array(value) for value in np.broadcast_arrays(*values))
    azimuth_deg, _, length_m = _GEOD.inv(start_lon, start_lat, end_lon, end_lat)
    return np.radians(np.asarray(azimuth_deg, dtype=np.float64)), np.asarray(length_m, dtype=np.float64)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Float64Array, Float64Array]:
    # Copy, because PROJ transforms contiguous float64 arrays in place.
    a, b = np.broadcast_arrays(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return np.array(a), np.array(b)
