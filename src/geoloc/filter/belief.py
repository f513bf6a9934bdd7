# SPDX-License-Identifier: Apache-2.0
"""The belief that the filter returns."""

from dataclasses import dataclass
from enum import Enum

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused
from geoloc.filter.hint import WeighedHint
from geoloc.filter.odometry_trust import NO_ODOMETRY, OdometryTrust


class State(str, Enum):
    """State of the filter; the topic `state` shows the value."""

    STARTING = "starting"
    TRACKING = "tracking"
    LOST = "lost"
    ALONE = "alone"
    """Each frame is answered by itself, without a filter."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Belief:
    """Belief about the camera's position at `stamp_ns`.

    Attributes:
        stamp_ns: stamp of the frame.
        east_m, north_m: most likely position in the map's frame, also if it is refused.
        covariance_m2: covariance (2, 2) of the position, east-north, metres².
        state: state of the filter.
        probability: probability that the camera is at this place.
        hypothesis_weights: weights (n,) of the hypotheses of heading and height; see `geoloc.hypotheses`.
        refusal: refusal to answer; None if the position is answered.
        hint: the last hint that was weighed; None if there was none.
        odometry: trust in odometry.
    """

    stamp_ns: int
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    state: State
    probability: float
    hypothesis_weights: Float64Array
    refusal: FrameRefused | None = None
    hint: WeighedHint | None = None
    odometry: OdometryTrust = NO_ODOMETRY
