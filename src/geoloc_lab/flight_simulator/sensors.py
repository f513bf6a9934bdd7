# SPDX-License-Identifier: Apache-2.0
"""Simulates the sensors besides the camera: attitude, height, odometry and truth, with their errors."""

import math
from dataclasses import dataclass, fields

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.flight_plan import GRAVITY_MPS2
from geoloc_lab.flight_simulator.trajectory import Trajectory
from geoloc_lab.world.noise import stream

_PERIOD_S = 40.0


@dataclass(frozen=True)
class SensorErrors:
    """Standard deviations of the sensor errors; all 0 for perfect sensors.

    Args:
        heading_bias_deg: constant heading error of a flight.
        heading_drift_deg: slow change of the heading error.
        tilt_error_deg: slow error of roll and pitch.
        attitude_noise_deg: independent error of each attitude sample.
        gyro_noise_radps: noise of each angular rate.
        accelerometer_noise_mps2: noise of each acceleration.
        height_bias: constant relative error of the height.
        height_noise_m: noise of each height.
        odom_scale: constant relative error of the travelled distance.
        odom_turn_deg_per_km: heading error that odometry accumulates per kilometre.
        odom_noise: random walk of the position, metres per square root of the travelled metres.
        truth_noise_m: noise of the reference position.
    """

    heading_bias_deg: float = 1.0
    heading_drift_deg: float = 0.5
    tilt_error_deg: float = 0.3
    attitude_noise_deg: float = 0.05
    gyro_noise_radps: float = 0.002
    accelerometer_noise_mps2: float = 0.05
    height_bias: float = 0.01
    height_noise_m: float = 0.3
    odom_scale: float = 0.01
    odom_turn_deg_per_km: float = 1.0
    odom_noise: float = 0.03
    truth_noise_m: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"{item.name} is {value}; give a standard deviation of 0 or more.")


@dataclass(frozen=True, eq=False)
class Readings:
    """Sensor readings, one row for each tick.

    Args:
        attitude: K rotations from body to east, north, up, with errors.
        rate_radps: (K, 3) angular velocity in the body.
        acceleration_mps2: (K, 3) specific force in the body; at rest gravity, upwards.
        height_m: (K,) height above ground.
        odom_position_m: (K, 3) position since take-off in the odometry frame, whose axes drift.
        odom_attitude: K rotations from body to the odometry frame.
        odom_velocity_mps: (K, 3) velocity in the body.
        truth_m: (K, 3) reference position: east, north, height.
    """

    attitude: Rotation
    rate_radps: Float64Array
    acceleration_mps2: Float64Array
    height_m: Float64Array
    odom_position_m: Float64Array
    odom_attitude: Rotation
    odom_velocity_mps: Float64Array
    truth_m: Float64Array


def read_sensors(trajectory: Trajectory, errors: SensorErrors, seed: int = 0) -> Readings:
    """Return the readings of sensors with these errors; the same seed gives the same readings."""
    rng = stream(seed, "sensors")
    count = len(trajectory.stamp_ns)
    body = trajectory.world_from_body
    velocity = trajectory.velocity_mps
    odom_m, turned = _odometry(trajectory, velocity, errors, rng)
    height_m = trajectory.position_m[:, 2] * (1 + errors.height_bias * rng.standard_normal())
    return Readings(
        attitude=_attitude(trajectory, errors, rng),
        rate_radps=_rates(trajectory) + errors.gyro_noise_radps * rng.standard_normal((count, 3)),
        acceleration_mps2=_force(trajectory, velocity)
        + errors.accelerometer_noise_mps2 * rng.standard_normal((count, 3)),
        height_m=np.maximum(0.1, height_m + errors.height_noise_m * rng.standard_normal(count)),
        odom_position_m=odom_m,
        odom_attitude=turned * body,
        odom_velocity_mps=body.inv().apply(velocity),
        truth_m=trajectory.position_m + errors.truth_noise_m * rng.standard_normal((count, 3)),
    )


def _attitude(trajectory: Trajectory, errors: SensorErrors, rng: np.random.Generator) -> Rotation:
    count, time_s = len(trajectory.stamp_ns), trajectory.time_s
    slow = np.array([errors.tilt_error_deg, errors.tilt_error_deg, errors.heading_drift_deg])
    phase = rng.uniform(0, 2 * np.pi, 3)
    wrong_deg = slow * math.sqrt(2) * np.sin(2 * np.pi * time_s[:, None] / _PERIOD_S + phase)
    wrong_deg[:, 2] += errors.heading_bias_deg * rng.standard_normal()
    wrong_deg += errors.attitude_noise_deg * rng.standard_normal((count, 3))
    return Rotation.from_rotvec(np.radians(wrong_deg)) * trajectory.world_from_body


def _rates(trajectory: Trajectory) -> Float64Array:
    body = trajectory.world_from_body
    steps = (body[:-1].inv() * body[1:]).as_rotvec() / np.diff(trajectory.time_s)[:, None]
    return np.vstack([steps, steps[-1:]])


def _force(trajectory: Trajectory, velocity: Float64Array) -> Float64Array:
    acceleration = np.gradient(velocity, trajectory.time_s, axis=0) + np.array([0.0, 0.0, GRAVITY_MPS2])
    return np.asarray(trajectory.world_from_body.inv().apply(acceleration), dtype=np.float64)


def _odometry(
    trajectory: Trajectory, velocity: Float64Array, errors: SensorErrors, rng: np.random.Generator
) -> tuple[Float64Array, Rotation]:
    """Integrate steps with a scale error, a heading error that grows with distance, and noise."""
    step = np.diff(trajectory.position_m, axis=0, prepend=trajectory.position_m[:1])
    length = np.linalg.norm(step, axis=1)
    per_metre = math.radians(errors.odom_turn_deg_per_km) / 1000 * rng.standard_normal()
    heading = Rotation.from_rotvec(np.outer(np.cumsum(length) * per_metre, [0.0, 0.0, 1.0]))
    scale = 1 + errors.odom_scale * rng.standard_normal()
    noise = (
        errors.odom_noise * np.sqrt(length)[:, None] * rng.standard_normal((len(step), 3)) * (1.0, 1.0, 0.2)
    )
    return np.cumsum(heading.apply(step * scale) + noise, axis=0), heading
