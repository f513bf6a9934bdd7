# SPDX-License-Identifier: Apache-2.0
"""Settings of the filter; the defaults suit most flights."""

from dataclasses import dataclass

from geoloc.settings import check, setting


@dataclass(frozen=True)
class FilterSettings:
    """Motion model and confidence of the filter.

    Raises:
        ParameterError: if a value is outside its range.
    """

    max_speed_mps: float = setting(
        25.0,
        "largest speed over ground; faster odometry counts as a jump; without odometry, any velocity up to "
        "this speed is expected",
        unit="m/s",
        low=0.1,
        high=1000.0,
    )
    odom_error: float = setting(
        0.15,
        "relative error of odometry along and across its displacement; 0.15 across is a heading error of "
        "9 degrees; the filter estimates the error in flight",
        low=1e-3,
        high=1.0,
    )
    odom_heading_known: bool = setting(
        True,
        "whether the axes of odom are east and north (REP-103), to within heading_error_deg; if false, the "
        "filter estimates their heading in flight",
    )
    confidence: float = setting(
        0.99, "least probability at which a position is answered", low=0.5, high=0.999999
    )
    lost_sigma_m: float = setting(
        40.0,
        "standard deviation above which the filter gives up a track and searches the whole map",
        unit="m",
        low=1.0,
        high=1e4,
    )
    memory_s: float = setting(
        2.0,
        "largest age of a frame, relative to the newest one, at which it is still used",
        unit="s",
        low=0.0,
        high=60.0,
    )
    full_search_every: int = setting(
        20,
        "number of frames after which a tracked position is compared with the whole map",
        low=1,
        high=1_000_000,
    )

    def __post_init__(self) -> None:
        check(self)
