# SPDX-License-Identifier: Apache-2.0
"""Computes the true motion along a flight plan, with coordinated turns, gusts and slow height changes."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array, Int64Array
from geoloc_lab.flight_simulator.flight_plan import GRAVITY_MPS2, FlightPlan
from geoloc_lab.world.noise import stream

START_NS = 1_700_000_000_000_000_000
_ROLL_LAG_S = 0.6
_LOOK_AHEAD_S = 2.5


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The true motion of the drone, one row for each tick of the IMU.

    Args:
        stamp_ns: (K,) int64 stamps, nanoseconds.
        position_m: (K, 3) east and north in the raster's local frame, and height above ground.
        world_from_body: K rotations from body (forward, left, up) to east, north, up.
        frame_ticks: (F,) rows at which an image is taken.
        aux_ticks: (A,) rows at which altitude, odometry and truth are sampled, including all frame ticks.
    """

    stamp_ns: Int64Array
    position_m: Float64Array
    world_from_body: Rotation
    frame_ticks: Int64Array
    aux_ticks: Int64Array

    @property
    def time_s(self) -> Float64Array:
        """Seconds since take-off, (K,)."""
        return np.asarray((self.stamp_ns - self.stamp_ns[0]) * 1e-9, dtype=np.float64)

    @property
    def velocity_mps(self) -> Float64Array:
        """Velocity (K, 3) east, north, up."""
        return np.asarray(np.gradient(self.position_m, self.time_s, axis=0), dtype=np.float64)


def fly(plan: FlightPlan, seed: int = 0) -> Trajectory:
    """Fly a plan; the same plan and seed give the same flight."""
    step_s = 1.0 / plan.imu_rate_hz
    track, heading_rad, bank_rad = _steer(plan, step_s)
    time_s: Float64Array = np.arange(len(track), dtype=np.float64) * step_s
    rng = stream(seed, "gusts")
    roll, pitch, crab = (_gust(rng, time_s, plan) for _ in range(3))
    height_m = plan.height_m + plan.height_wander_m * _wander(rng, time_s, 25.0)
    # Roll right is positive about the forward axis, nose down positive about the left one.
    angles = np.stack([np.pi / 2 - heading_rad + 0.5 * crab, pitch, bank_rad + roll], 1)
    ticks = np.arange(len(track))
    frames = ticks[:: max(1, round(plan.imu_rate_hz / plan.frame_rate_hz))]
    aux = ticks[:: max(1, round(plan.imu_rate_hz / plan.aux_rate_hz))]
    return Trajectory(
        stamp_ns=START_NS + np.round(ticks * (1e9 / plan.imu_rate_hz)).astype(np.int64),
        position_m=np.column_stack([track, height_m]),
        world_from_body=Rotation.from_euler("ZYX", angles),
        frame_ticks=frames,
        aux_ticks=np.union1d(aux, frames),
    )


def _steer(plan: FlightPlan, step_s: float) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Steer towards a point ahead on the legs; return track (K, 2), headings (K,) and banks (K,)."""
    points = np.array(plan.waypoints_m, dtype=np.float64)
    limit = math.radians(plan.max_bank_deg)
    speed, ahead_m = plan.speed_mps, plan.speed_mps * _LOOK_AHEAD_S
    east, north = points[0]
    heading = math.atan2(*(points[1] - points[0]))
    bank, leg = 0.0, 0
    rows: list[tuple[float, float, float, float]] = []
    while len(rows) * step_s < plan.max_duration_s:
        rows.append((east, north, heading, bank))
        leg, done = _leg(points, leg, east, north, plan)
        if done:
            break
        bearing = _bearing_ahead(points[leg], points[leg + 1], east, north, ahead_m)
        error = math.remainder(bearing - heading, 2 * math.pi)
        turn_rate = 2 * speed * math.sin(max(-1.5, min(1.5, error))) / ahead_m
        wanted = max(-limit, min(limit, math.atan(speed * turn_rate / GRAVITY_MPS2)))
        bank += (wanted - bank) * min(1.0, step_s / _ROLL_LAG_S)
        heading += GRAVITY_MPS2 * math.tan(bank) / speed * step_s
        east += speed * math.sin(heading) * step_s
        north += speed * math.cos(heading) * step_s
    table = np.array(rows)
    return table[:, :2], table[:, 2], table[:, 3]


def _leg(points: Float64Array, leg: int, east: float, north: float, plan: FlightPlan) -> tuple[int, bool]:
    """Return the leg to follow and whether the flight has ended; switch legs early enough to turn."""
    start, end = points[leg], points[leg + 1]
    direction = (end - start) / np.linalg.norm(end - start)
    left_m = float((end[0] - east) * direction[0] + (end[1] - north) * direction[1])
    if leg + 2 == len(points):
        return leg, left_m <= 0
    onward = points[leg + 2] - end
    turn = math.acos(max(-1.0, min(1.0, float(direction @ onward) / float(np.linalg.norm(onward)))))
    early_m = min(plan.turn_radius_m * math.tan(min(turn, 2.4) / 2), 0.5 * float(np.linalg.norm(end - start)))
    return (leg + 1 if left_m <= early_m else leg), False


def _bearing_ahead(
    start: Float64Array, end: Float64Array, east: float, north: float, ahead_m: float
) -> float:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    along = (east - start[0]) * ux + (north - start[1]) * uy
    across = (east - start[0]) * uy - (north - start[1]) * ux
    reach = along + math.sqrt(max(ahead_m**2 - across**2, (0.3 * ahead_m) ** 2))
    return math.atan2(start[0] + ux * reach - east, start[1] + uy * reach - north)


def _wander(rng: np.random.Generator, time_s: Float64Array, period_s: float) -> Float64Array:
    """Return a smooth random signal (K,) with a long-term root mean square of 1."""
    frequency = rng.uniform(0.5, 1.8, 6) / period_s
    phase = rng.uniform(0, 2 * np.pi, 6)
    return np.asarray(
        np.sin(2 * np.pi * time_s[:, None] * frequency + phase).sum(1) / math.sqrt(3), dtype=np.float64
    )


def _gust(rng: np.random.Generator, time_s: Float64Array, plan: FlightPlan) -> Float64Array:
    angle_deg = plan.gust_deg * _wander(rng, time_s, plan.gust_period_s)
    return np.asarray(
        np.radians(np.clip(angle_deg, -plan.gust_limit_deg, plan.gust_limit_deg)), dtype=np.float64
    )
