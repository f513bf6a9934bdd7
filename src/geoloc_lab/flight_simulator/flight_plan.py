# SPDX-License-Identifier: Apache-2.0
"""Defines flight plans (waypoints, height, speed, gusts of a simulated flight) and waypoint patterns."""

import math
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError

Bounds = tuple[float, float, float, float]

PATTERNS = ("tour", "survey", "straight", "orbit", "back")
GRAVITY_MPS2 = 9.81
_TOUR_LEG_M = 260.0
_TOUR_POINTS = 40
_BACK_LEG_M = 500.0

_RANGES = {
    "height_m": (5.0, 3000.0),
    "speed_mps": (1.0, 60.0),
    "max_bank_deg": (1.0, 40.0),
    "gust_deg": (0.0, 10.0),
    "gust_limit_deg": (0.0, 20.0),
    "gust_period_s": (0.2, 60.0),
    "height_wander_m": (0.0, 100.0),
    "frame_rate_hz": (0.1, 60.0),
    "imu_rate_hz": (10.0, 1000.0),
    "aux_rate_hz": (0.5, 200.0),
    "max_duration_s": (0.5, 7200.0),
}


@dataclass(frozen=True)
class FlightPlan:
    """A flight along waypoints in a raster's local frame.

    Args:
        waypoints_m: two or more (east, north) pairs; the flight starts at the first, heading to the second.
        height_m: height above ground.
        speed_mps: speed over ground.
        max_bank_deg: steepest bank in a turn.
        gust_deg: root mean square of pitch and roll caused by gusts.
        gust_limit_deg: largest tilt by gusts.
        gust_period_s: duration of a gust.
        height_wander_m: root mean square of the slow deviation from `height_m`.
        frame_rate_hz: images per second.
        imu_rate_hz: attitude samples per second; images are taken at its ticks.
        aux_rate_hz: altitude, odometry and truth samples per second; every image adds one.
        max_duration_s: longest duration of the flight.

    Raises:
        ParameterError: for a value outside its range, or values that contradict each other.
    """

    waypoints_m: tuple[tuple[float, float], ...]
    height_m: float = 110.0
    speed_mps: float = 15.0
    max_bank_deg: float = 20.0
    gust_deg: float = 2.5
    gust_limit_deg: float = 10.0
    gust_period_s: float = 3.0
    height_wander_m: float = 2.0
    frame_rate_hz: float = 2.0
    imu_rate_hz: float = 100.0
    aux_rate_hz: float = 10.0
    max_duration_s: float = 1800.0

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ParameterError(
                    f"{name} of the flight is {value}; give a value from {lowest:g} to {highest:g}."
                )
        points = np.array(self.waypoints_m, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
            raise ParameterError(
                f"the waypoints of the flight are {self.waypoints_m}; give two or more pairs "
                "(east_m, north_m) of finite numbers."
            )
        if (np.linalg.norm(np.diff(points, axis=0), axis=1) < 1.0).any():
            raise ParameterError("two consecutive waypoints are less than 1 m apart; leave one of them out.")
        if self.frame_rate_hz > self.imu_rate_hz:
            raise ParameterError(
                f"frame_rate_hz {self.frame_rate_hz:g} is above imu_rate_hz {self.imu_rate_hz:g}; "
                "lower the first or raise the second."
            )

    @property
    def turn_radius_m(self) -> float:
        """Radius of the tightest turn at this speed and bank."""
        return self.speed_mps**2 / (GRAVITY_MPS2 * math.tan(math.radians(self.max_bank_deg)))


def pattern_waypoints(
    pattern: str, bounds_m: Bounds, *, margin_m: float = 250.0, spacing_m: float = 160.0, seed: int = 0
) -> tuple[tuple[float, float], ...]:
    """Return the waypoints of a named pattern over a raster.

    Args:
        pattern: "tour" (wandering), "survey" (parallel lines), "straight" (corner to corner), "orbit", or
            "back" (a leg out and, after a turn of 180 degrees, a leg back beside it).
        bounds_m: left, bottom, right, top of the raster in its local frame.
        margin_m: distance to keep from the edges, since the camera sees beyond the drone's position.
        spacing_m: distance between the lines of a survey, or between the legs out and back.
        seed: seed of a tour; the other patterns ignore it.

    Raises:
        ParameterError: for an unknown pattern, or a raster too small for the margin.
    """
    left, bottom, right, top = bounds_m
    low, high = np.array([left + margin_m, bottom + margin_m]), np.array([right - margin_m, top - margin_m])
    if pattern not in PATTERNS:
        raise ParameterError(f"the flight pattern {pattern!r} is unknown; use one of {', '.join(PATTERNS)}.")
    if not (spacing_m > 0 and margin_m >= 0):
        raise ParameterError(
            f"spacing_m is {spacing_m} and margin_m is {margin_m}; give a positive spacing and a margin of "
            "0 or more."
        )
    if (high - low < 20.0).any():
        raise ParameterError(
            f"the raster is {right - left:.0f} m by {top - bottom:.0f} m, too small to fly in with a margin "
            f"of {margin_m:g} m; take a larger raster or give a smaller margin."
        )
    points = _MAKERS[pattern](low, high, spacing_m, seed)
    return tuple((float(east), float(north)) for east, north in points)


def _straight(low: Float64Array, high: Float64Array, spacing_m: float, seed: int) -> Float64Array:
    return np.stack([low, high])


def _survey(low: Float64Array, high: Float64Array, spacing_m: float, seed: int) -> Float64Array:
    lines = np.linspace(low[1], high[1], max(2, 1 + int((high[1] - low[1]) / spacing_m)))
    ends = [(low[0], high[0]) if k % 2 == 0 else (high[0], low[0]) for k in range(len(lines))]
    return np.array([(east, north) for north, pair in zip(lines, ends, strict=True) for east in pair])


def _orbit(low: Float64Array, high: Float64Array, spacing_m: float, seed: int) -> Float64Array:
    angle = np.linspace(0, 2 * np.pi, 49)
    radius = float((high - low).min()) / 2
    ring: Float64Array = (low + high) / 2 + radius * np.stack([np.sin(angle), np.cos(angle)], 1)
    return ring


def _back(low: Float64Array, high: Float64Array, spacing_m: float, seed: int) -> Float64Array:
    middle, half = (low + high) / 2, (high - low) / 2
    reach, aside = min(_BACK_LEG_M / 2, float(half[0])), min(spacing_m / 2, float(half[1]))
    corners = np.array([(-reach, -aside), (reach, -aside), (reach, aside), (-reach, aside)])
    return np.asarray(middle + corners)


def _tour(low: Float64Array, high: Float64Array, spacing_m: float, seed: int) -> Float64Array:
    """Return a random walk: a leg towards the middle, then uneven legs that turn and stay inside."""
    rng = np.random.default_rng(seed)
    middle, half = (low + high) / 2, (high - low) / 2
    angle = rng.uniform(0, 2 * np.pi)
    points = [middle + 0.6 * half * (np.sin(angle), np.cos(angle))]
    heading = math.atan2(*(middle - points[0]))
    leg_m = min(_TOUR_LEG_M, float(half.min()) * 0.5)
    while len(points) < _TOUR_POINTS:
        step = leg_m * rng.uniform(0.7, 1.3) * np.array([math.sin(heading), math.cos(heading)])
        if ((points[-1] + step > low) & (points[-1] + step < high)).all():
            points.append(points[-1] + step)
            heading += rng.normal(0, 0.7)
        else:
            heading += 0.35 if rng.uniform() < 0.7 else -0.35
    return np.array(points)


_MAKERS = {"tour": _tour, "survey": _survey, "straight": _straight, "orbit": _orbit, "back": _back}
