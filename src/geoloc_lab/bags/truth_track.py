# SPDX-License-Identifier: Apache-2.0
"""The reference track of a flight: true positions, interpolated between samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc import geodesy
from geoloc.arrays import BoolArray, Float64Array, Int64Array
from geoloc.errors import BagError

_NS_PER_S = 1_000_000_000
_JUMP_M, _JUMP_MPS = 50.0, 100.0


def jumped(distance_m: Float64Array | float, seconds: Float64Array | float) -> BoolArray:
    """Return True where two truth samples are too far apart to belong to one flight.

    The distance must exceed 50 m, and the speed 100 m/s. The result has the shape of the arguments.
    """
    distance, time_s = np.asarray(distance_m), np.asarray(seconds)
    return np.asarray((distance > _JUMP_M) & (distance > _JUMP_MPS * time_s))


@dataclass(frozen=True)
class TruthTrack:
    """Reference positions of the camera, in stamp order.

    Attributes:
        stamps_ns: (n,) integer nanoseconds, strictly increasing.
        latitude_deg, longitude_deg: (n,) positions, WGS 84.
        max_gap_s: longest gap that `at` interpolates across; it never interpolates across a jump.
        source: origin of the track, for the report.

    Raises:
        BagError: for an empty track, or stamps that do not increase.
    """

    stamps_ns: Int64Array
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    max_gap_s: float = 2.0
    source: str = "truth"

    def __post_init__(self) -> None:
        if self.stamps_ns.size == 0:
            raise BagError(f"{self.source} holds no truth position other than NaN; give --truth a CSV file.")
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise BagError(f"{self.source} has stamps that do not increase; sort its rows and drop repeats.")

    @classmethod
    def of(
        cls, rows: Sequence[tuple[int, float, float]], source: str, max_gap_s: float = 2.0
    ) -> "TruthTrack":
        """Make a track from (stamp_ns, latitude, longitude) rows in any order; rows with NaN are dropped."""
        known = {row[0]: row for row in rows if math.isfinite(row[1]) and math.isfinite(row[2])}
        ordered = [known[stamp] for stamp in sorted(known)]
        stamps = np.array([row[0] for row in ordered], dtype=np.int64)
        latitude, longitude = (np.array([row[i] for row in ordered], dtype=np.float64) for i in (1, 2))
        return cls(stamps, latitude, longitude, max_gap_s, source)

    def at(self, stamp_ns: int) -> tuple[float, float]:
        """Return latitude and longitude interpolated at a stamp; NaN in a gap, at a jump, or off the ends."""
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after < self.stamps_ns.size and self.stamps_ns[after] == stamp_ns:
            return float(self.latitude_deg[after]), float(self.longitude_deg[after])
        if after in (0, self.stamps_ns.size):
            return math.nan, math.nan
        start, end = int(self.stamps_ns[after - 1]), int(self.stamps_ns[after])
        if end - start > self.max_gap_s * _NS_PER_S:
            return math.nan, math.nan
        (south, west), (north, east) = (
            (float(self.latitude_deg[i]), float(self.longitude_deg[i])) for i in (after - 1, after)
        )
        if jumped(float(geodesy.distance_m(south, west, north, east)), (end - start) / _NS_PER_S):
            return math.nan, math.nan
        share = (stamp_ns - start) / (end - start)
        return (1 - share) * south + share * north, (1 - share) * west + share * east
