# SPDX-License-Identifier: Apache-2.0
"""The loop that a simulated live drone flies: its place follows from the stamp alone, in closed form.

Every process computes the same place from the same stamp, so errors can be measured without a common start.
"""

import math
from dataclasses import dataclass

_NS = 1_000_000_000


@dataclass(frozen=True)
class Loop:
    """A circle about the world's centre, flown clockwise at constant height, level, with constant heading.

    The camera has pictures of `poses` places only. A frame shows the place nearest to the drone's, so its
    picture is up to `largest_error_m` away from the true place.

    Attributes:
        radius_m: radius of the circle.
        speed_mps: speed over ground.
        poses: number of places with a picture, evenly spaced.
        height_m: height above ground.
        heading_deg: direction of the nose, clockwise from north.
    """

    radius_m: float
    speed_mps: float
    poses: int
    height_m: float = 110.0
    heading_deg: float = 30.0

    @property
    def period_ns(self) -> int:
        """Nanoseconds of one round."""
        return round(2 * math.pi * self.radius_m / self.speed_mps * _NS)

    @property
    def largest_error_m(self) -> float:
        """Largest distance from the drone to the place that its picture shows."""
        return 2 * self.radius_m * math.sin(math.pi / self.poses / 2)

    def turn(self, stamp_ns: int, lead: float = 0.0) -> float:
        """Return the part of the round that is flown at a stamp, from 0 to 1; `lead` is a head start."""
        return (stamp_ns % self.period_ns / self.period_ns + lead) % 1.0

    def place(self, turn: float) -> tuple[float, float]:
        """Return metres (east, north) of the world's centre."""
        angle = 2 * math.pi * turn
        return self.radius_m * math.sin(angle), self.radius_m * math.cos(angle)

    def velocity_mps(self, turn: float) -> tuple[float, float]:
        """Return the velocity (east, north)."""
        angle = 2 * math.pi * turn
        return self.speed_mps * math.cos(angle), -self.speed_mps * math.sin(angle)

    def pose(self, turn: float) -> int:
        """Return the number of the picture whose place is nearest."""
        return round(turn * self.poses) % self.poses

    @property
    def yaw_rad(self) -> float:
        """Heading as ROS counts it: counter-clockwise from east."""
        return math.radians(90.0 - self.heading_deg)


WIDE = Loop(radius_m=40.0, speed_mps=12.0, poses=300)
"""For pictures up to 1920 x 1080; a round takes 21 s."""

NARROW = Loop(radius_m=4.0, speed_mps=1.0, poses=32)
"""For 4K, of which memory holds few pictures; a round takes 25 s."""


def loop_for(width: int) -> Loop:
    """Return the loop of a camera with pictures of this width."""
    return WIDE if width <= 1920 else NARROW
