# SPDX-License-Identifier: Apache-2.0
"""What may be tuned in the filter; the defaults are meant to fly."""

from dataclasses import dataclass

from geoloc.settings import check, setting


@dataclass(frozen=True)
class FilterSettings:
    """How the belief moves, and when it is sure.

    Raises:
        ParameterError: for a value outside its range.
    """

    max_speed_mps: float = setting(
        25.0,
        "over ground; odometry that is faster has jumped, and without odometry the drone may fly anywhere "
        "this fast",
        unit="m/s",
        low=0.1,
        high=1000.0,
    )
    odom_error: float = setting(
        0.15,
        "share of the distance by which odometry may be wrong, along and across: 0.15 across is a heading "
        "wrong by 9 degrees, as compasses in the field are; it is learnt in flight",
        low=1e-3,
        high=1.0,
    )
    odom_heading_known: bool = setting(
        True,
        "the axes of odom are east and north (REP-103), or as far off as imu (heading_error_deg); false: "
        "their turn is learnt in flight",
    )
    confidence: float = setting(0.99, "least probability of a place that is answered", low=0.5, high=0.999999)
    lost_sigma_m: float = setting(
        40.0,
        "standard deviation from which a track is given up, and the whole map searched",
        unit="m",
        low=1.0,
        high=1e4,
    )
    memory_s: float = setting(
        2.0, "how much older than the newest a frame may be and still count", unit="s", low=0.0, high=60.0
    )
    full_search_every: int = setting(
        20, "frames after which a tracked place is compared with the whole map", low=1, high=1_000_000
    )

    def __post_init__(self) -> None:
        check(self)
