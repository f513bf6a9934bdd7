# SPDX-License-Identifier: Apache-2.0
"""What may be tuned in the filter; the defaults are meant to fly."""

import math
from dataclasses import dataclass

from geoloc.errors import ParameterError

_RANGES = {
    "max_speed_mps": (0.1, 1000.0),
    "odom_error": (1e-3, 1.0),
    "confidence": (0.5, 0.999999),
    "lost_sigma_m": (1.0, 10_000.0),
    "memory_s": (0.0, 60.0),
    "full_search_every": (1, 1_000_000),
}


@dataclass(frozen=True)
class FilterSettings:
    """How the belief moves, and when it is sure.

    Attributes:
        max_speed_mps: over ground; odometry that moves faster has jumped, and without odometry the drone
            may fly anywhere this fast.
        odom_error: share of the distance by which odometry may be wrong, along and across; 0.15 across is a
            heading wrong by 9 degrees, as compasses in the field are. It is learnt on the way.
        odom_heading_known: whether the axes of odometry are east and north, as REP-103 asks of a local frame,
            or as far off as the heading of the attitude; if not, their turn is learnt on the way.
        confidence: least probability of the place that is answered.
        lost_sigma_m: standard deviation from which a track is given up, and the whole map searched.
        memory_s: how much older than the newest a frame may be and still count.
        full_search_every: frames after which a tracked place is compared with the whole map again.

    Raises:
        ParameterError: for a value outside its range.
    """

    max_speed_mps: float = 25.0
    odom_error: float = 0.15
    odom_heading_known: bool = True
    confidence: float = 0.99
    lost_sigma_m: float = 40.0
    memory_s: float = 2.0
    full_search_every: int = 20

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ParameterError(f"{name} is {value}; it must be from {low:g} to {high:g}")
