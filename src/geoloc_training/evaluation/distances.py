# SPDX-License-Identifier: Apache-2.0
"""Distance metrics of the best entries: SDM, MA, Dis and the error of the top entry in metres.

Locations are rows of (latitude, longitude) in degrees on WGS 84, or of (x, y) in metres in a plane. If a
gallery has fewer than K entries, a metric uses all of them.
"""

from collections.abc import Sequence

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import ParameterError
from geoloc.geodesy import distance_m
from geoloc_training.items import GeoLocation, Item, Location

_EARTH_RADIUS_KM = 6378.137
_SDM_PER_DEGREE = 5000.0
_SDM_PER_METRE = 0.001


def coordinates(items: Sequence[Item]) -> Float64Array:
    """Return the locations of items as rows (N, 2): latitude and longitude, or x and y.

    Raises:
        ParameterError: an item has no location.
    """
    return np.array([_row(item.location, item) for item in items], np.float64).reshape(-1, 2)


def geographic(items: Sequence[Item]) -> bool:
    """Return True if every item has a location on WGS 84."""
    return all(isinstance(item.location, GeoLocation) for item in items)


def _row(location: Location | None, item: Item) -> tuple[float, float]:
    if location is None:
        raise ParameterError(
            f"{item.path} has no location, but distances need it; complete the data set's table of positions."
        )
    if isinstance(location, GeoLocation):
        return location.latitude_deg, location.longitude_deg
    return location.x_m, location.y_m


def sdm_degrees(
    queries: Float64Array, gallery: Float64Array, best: Int64Array, k: int, float32_compat: bool = False
) -> float:
    """Return DenseUAV's SDM@K: Σ w_i exp(-5000 d_i) / Σ w_i, w_i = 1 - i/K, d in degrees, mean over queries.

    Args:
        queries: latitude and longitude of the queries (Q, 2).
        gallery: latitude and longitude of the gallery (G, 2).
        best: best entries of each query, best first, (Q, ≥ K).
        k: K.
        float32_compat: whether to round coordinates to float32 first, as the published script does; at 120°
            east this adds 0.8 m of noise.
    """
    best = best[:, :k]
    kind: type[np.float32 | np.float64] = np.float32 if float32_compat else np.float64
    offsets = np.subtract(gallery[best], queries[:, None], dtype=kind, casting="unsafe")
    degrees = np.sqrt((offsets**2).sum(axis=-1))
    return _weighted(1 / np.exp(degrees * _SDM_PER_DEGREE), 1 - np.arange(best.shape[1]) / k)


def sdm_metres(queries: Float64Array, gallery: Float64Array, best: Int64Array, k: int) -> float:
    """Return GTA-UAV's SDM@K, the mean of Σ (K - i) exp(-0.001 d_i) / Σ (K - i), d in metres in the plane."""
    best = best[:, :k]
    return _weighted(
        np.exp(-_SDM_PER_METRE * plane_m(queries, gallery, best)), k - np.arange(best.shape[1], dtype=float)
    )


def _weighted(closeness: Float64Array, weights: Float64Array) -> float:
    return float((closeness * weights).sum(axis=1).mean() / weights.sum())


def mean_distance(queries: Float64Array, gallery: Float64Array, best: Int64Array, k: int) -> float:
    """Return GTA-UAV's Dis@K, the mean distance of the best K entries in the plane, metres."""
    return float(plane_m(queries, gallery, best[:, :k]).mean())


def plane_m(queries: Float64Array, gallery: Float64Array, best: Int64Array) -> Float64Array:
    """Return the distances (Q, K) from each query to its best entries in the plane, metres."""
    return np.asarray(np.hypot(*np.moveaxis(gallery[best] - queries[:, None], -1, 0)), np.float64)


def haversine_m(queries: Float64Array, gallery: Float64Array, best: Int64Array) -> Float64Array:
    """Return great-circle distances (Q, K) on DenseUAV's sphere with radius 6378.137 km, metres."""
    here, there = np.radians(queries)[:, None], np.radians(gallery)[best]
    half = np.sin((there - here) / 2) ** 2
    chord = half[..., 0] + np.cos(here[..., 0]) * np.cos(there[..., 0]) * half[..., 1]
    return np.asarray(_EARTH_RADIUS_KM * 2 * np.arcsin(np.sqrt(np.clip(chord, 0, 1))) * 1000, np.float64)


def geodesic_m(queries: Float64Array, gallery: Float64Array, best: Int64Array) -> Float64Array:
    """Return the geodesic distances (Q, K) on WGS 84 from each query to its best entries, metres."""
    here, there = queries[:, None], gallery[best]
    return distance_m(here[..., 0], here[..., 1], there[..., 0], there[..., 1])


def within(top1_m: Float64Array, threshold_m: float) -> float:
    """Return the share of queries with a best entry nearer than a threshold (MA@m, L@m, GTA-UAV's curve)."""
    return float((top1_m < threshold_m).mean())
