# SPDX-License-Identifier: Apache-2.0
"""Faults of a simulated flight: dropouts, kidnaps, late frames, biases of height and compass.

A disturbance is a callable that takes a flight and returns the changed flight. Disturbances can be combined.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.flight_plan import FlightPlan
from geoloc_lab.flight_simulator.sensors import Readings, SensorErrors, read_sensors
from geoloc_lab.flight_simulator.trajectory import Trajectory, fly


@dataclass(frozen=True, eq=False)
class Flown:
    """A flight before it is recorded.

    Attributes:
        trajectory: the true motion of the drone.
        readings: the readings of its sensors.
        frames_late_s: delay from the stamp of an image to its arrival; other messages arrive at once.
    """

    trajectory: Trajectory
    readings: Readings
    frames_late_s: float = 0.0


Disturbance = Callable[[Flown], Flown]


def fly_disturbed(
    plan: FlightPlan, errors: SensorErrors, disturbances: Sequence[Disturbance] = (), seed: int = 0
) -> Flown:
    """Fly a plan with these sensor errors and apply the disturbances in order.

    Raises:
        ParameterError: if a disturbance does not fit the flight.
    """
    trajectory = fly(plan, seed)
    flown = Flown(trajectory, read_sensors(trajectory, errors, seed))
    for disturb in disturbances:
        flown = disturb(flown)
    return flown


@dataclass(frozen=True)
class Dropout:
    """A gap without images, `duration_s` long from `start_s` on; the other sensors keep working."""

    start_s: float
    duration_s: float

    def __post_init__(self) -> None:
        _check_range(self, "start_s", 0.0, 7200.0)
        _check_range(self, "duration_s", 0.0, 7200.0)

    def __call__(self, flown: Flown) -> Flown:
        """Return the flight without the images in the gap.

        Raises:
            ParameterError: if no image would be left.
        """
        at_s = flown.trajectory.time_s[flown.trajectory.frame_ticks]
        kept = (at_s < self.start_s) | (at_s >= self.start_s + self.duration_s)
        if not kept.any():
            raise ParameterError(
                f"a dropout of {self.duration_s:g} s from {self.start_s:g} s on leaves no image of a "
                f"flight of {flown.trajectory.time_s[-1]:.0f} s; shorten the dropout."
            )
        ticks = flown.trajectory.frame_ticks[kept]
        return replace(flown, trajectory=replace(flown.trajectory, frame_ticks=ticks))


@dataclass(frozen=True)
class Kidnap:
    """A jump of the drone by (`east_m`, `north_m`), halfway between the images before and after `at_s`.

    Camera and truth jump with the drone; odometry does not measure the jump.
    """

    at_s: float
    east_m: float
    north_m: float

    def __post_init__(self) -> None:
        _check_range(self, "at_s", 0.0, 7200.0)
        _check_range(self, "east_m", -20_000.0, 20_000.0)
        _check_range(self, "north_m", -20_000.0, 20_000.0)

    def __call__(self, flown: Flown) -> Flown:
        """Return the flight that continues at the other place.

        Raises:
            ParameterError: if the flight has no image before `at_s` or no image after it.
        """
        ticks = flown.trajectory.frame_ticks
        first = int(np.searchsorted(flown.trajectory.time_s[ticks], self.at_s))
        if not 0 < first < len(ticks):
            raise ParameterError(
                f"a kidnap at {self.at_s:g} s needs an image before and one after it; choose a time "
                f"after the first image and up to the last, at {flown.trajectory.time_s[ticks[-1]]:.1f} s."
            )
        jump = int(ticks[first - 1] + ticks[first] + 1) // 2
        shift_m = np.zeros_like(flown.trajectory.position_m)
        shift_m[jump:] = self.east_m, self.north_m, 0.0
        return replace(
            flown,
            trajectory=replace(flown.trajectory, position_m=flown.trajectory.position_m + shift_m),
            readings=replace(flown.readings, truth_m=flown.readings.truth_m + shift_m),
        )


@dataclass(frozen=True)
class LateFrames:
    """A delay of all images by `late_s`; their stamps stay correct, and other messages arrive at once."""

    late_s: float

    def __post_init__(self) -> None:
        _check_range(self, "late_s", 0.0, 60.0)

    def __call__(self, flown: Flown) -> Flown:
        """Return the flight with late images."""
        return replace(flown, frames_late_s=flown.frames_late_s + self.late_s)


@dataclass(frozen=True)
class HeightBias:
    """A height above ground that reads too high by `share` of itself; a negative share reads too low."""

    share: float

    def __post_init__(self) -> None:
        _check_range(self, "share", -0.9, 10.0)

    def __call__(self, flown: Flown) -> Flown:
        """Return the flight with biased heights."""
        height_m = flown.readings.height_m * (1.0 + self.share)
        return replace(flown, readings=replace(flown.readings, height_m=height_m))


@dataclass(frozen=True)
class CompassBias:
    """A heading error of `clockwise_deg`, in the attitude and in odometry, which shares the compass."""

    clockwise_deg: float

    def __post_init__(self) -> None:
        _check_range(self, "clockwise_deg", -180.0, 180.0)

    def __call__(self, flown: Flown) -> Flown:
        """Return the flight with all headings turned clockwise by `clockwise_deg`."""
        turn = Rotation.from_euler("Z", -math.radians(self.clockwise_deg))
        readings = flown.readings
        turned = replace(
            readings,
            attitude=turn * readings.attitude,
            odom_position_m=_turned(turn, readings.odom_position_m),
            odom_attitude=turn * readings.odom_attitude,
        )
        return replace(flown, readings=turned)


def _turned(turn: Rotation, vectors: Float64Array) -> Float64Array:
    return np.asarray(turn.apply(vectors), dtype=np.float64)


def _check_range(disturbance: object, name: str, low: float, high: float) -> None:
    value = getattr(disturbance, name)
    if not low <= value <= high:
        kind = type(disturbance).__name__
        raise ParameterError(f"{name} of a {kind} is {value}; give a value from {low:g} to {high:g}.")
