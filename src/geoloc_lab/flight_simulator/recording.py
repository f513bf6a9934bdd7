# SPDX-License-Identifier: Apache-2.0
"""Records a simulated flight as a bag: trajectory, images and sensor readings from a flight plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG
from geoloc.progress import progress_bar
from geoloc_lab.bags.writing import BagRecorder
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, Ground
from geoloc_lab.flight_simulator.disturbances import Disturbance, fly_disturbed
from geoloc_lab.flight_simulator.flight_plan import FlightPlan
from geoloc_lab.flight_simulator.sensors import Readings, SensorErrors
from geoloc_lab.flight_simulator.trajectory import Trajectory


@dataclass(frozen=True)
class Drone:
    """A drone: its camera, its sensor errors, and the altitude of the ground above the ellipsoid."""

    camera: AerialCamera = field(default_factory=AerialCamera)
    errors: SensorErrors = field(default_factory=SensorErrors)
    ground_altitude_m: float = 0.0


def write_bag(
    path: Path,
    ground: Ground,
    plan: FlightPlan,
    drone: Drone | None = None,
    *,
    seed: int = 0,
    disturbances: Sequence[Disturbance] = (),
    compressed: bool = True,
    storage: str = "mcap",
    overwrite: bool = False,
    progress: bool = True,
) -> Trajectory:
    """Fly a plan over a raster and record the flight.

    Args:
        path: folder of the bag.
        ground: an open raster.
        plan: waypoints in the raster's local frame.
        drone: camera and sensors.
        seed: seed of gusts, noise and sensor errors.
        disturbances: faults, applied in this order.
        compressed: whether to record JPEG (`CompressedImage`) instead of raw images (`Image`).
        storage: "mcap" or "sqlite3".
        overwrite: whether to replace an existing bag.
        progress: whether to show a progress bar.

    Returns:
        The true trajectory.

    Raises:
        ParameterError: if the camera would see beyond the raster; then no file is written.
        BagError: if the bag cannot be written.
    """
    drone = drone or Drone()
    flown = fly_disturbed(plan, drone.errors, disturbances, seed)
    trajectory, readings = flown.trajectory, flown.readings
    late_ticks = round(flown.frames_late_s * plan.imu_rate_hz)
    frames = drone.camera.frames(ground, trajectory, seed)
    next_tick = 0
    with (
        BagRecorder(path, storage=storage, overwrite=overwrite) as bag,
        progress_bar(label=path.name, unit="frame", total=len(trajectory.frame_ticks), shown=progress) as bar,
    ):
        for tick, picture in frames:
            arrived = min(tick + late_ticks + 1, len(trajectory.stamp_ns))
            _record_sensors(bag, ground, drone, trajectory, readings, range(next_tick, arrived))
            stamp_ns = int(trajectory.stamp_ns[tick])
            late_ns = round(flown.frames_late_s * 1e9)
            bag.camera_info(stamp_ns, drone.camera.intrinsics, late_ns=late_ns)
            bag.image(stamp_ns, picture, compressed=compressed, late_ns=late_ns)
            next_tick = arrived
            bar.update()
        _record_sensors(bag, ground, drone, trajectory, readings, range(next_tick, len(trajectory.stamp_ns)))
    return trajectory


def write_drone_file(
    path: Path, errors: SensorErrors, mount_rpy_deg: tuple[float, float, float] = NADIR_MOUNT_RPY_DEG
) -> Path:
    """Write how a drone measures attitude and height as a ROS parameter file, as a pilot would state it."""
    attitude_deg = math.hypot(errors.tilt_error_deg, errors.attitude_noise_deg)
    text = f"/**:\n  ros__parameters:\n    attitude_error_deg: {attitude_deg:.3f}\n"
    text += "    altitude_axis: vertical\n"
    if mount_rpy_deg != NADIR_MOUNT_RPY_DEG:
        text += f"    mount_rpy_deg: {[float(angle) for angle in mount_rpy_deg]}\n"
    path.write_text(text, encoding="utf-8")
    return path


def _record_sensors(
    bag: BagRecorder, ground: Ground, drone: Drone, trajectory: Trajectory, readings: Readings, ticks: range
) -> None:
    aux = set(trajectory.aux_ticks[np.searchsorted(trajectory.aux_ticks, ticks.start) :].tolist())
    attitude, odom = readings.attitude[ticks.start : ticks.stop].as_quat(), readings.odom_attitude
    tilt, heading = drone.errors.tilt_error_deg, drone.errors.heading_bias_deg
    for tick in ticks:
        stamp_ns = int(trajectory.stamp_ns[tick])
        bag.imu(
            stamp_ns,
            attitude[tick - ticks.start],
            readings.rate_radps[tick],
            readings.acceleration_mps2[tick],
            (tilt, tilt, heading),
        )
        if tick in aux:
            east_m, north_m, up_m = readings.truth_m[tick]
            latitude, longitude = ground.frame.to_geodetic(east_m, north_m)
            bag.altitude(stamp_ns, float(readings.height_m[tick]), drone.errors.height_noise_m)
            bag.odometry(
                stamp_ns,
                readings.odom_position_m[tick],
                odom[tick].as_quat(),
                readings.odom_velocity_mps[tick],
            )
            bag.truth(
                stamp_ns,
                float(latitude),
                float(longitude),
                drone.ground_altitude_m + up_m,
                drone.errors.truth_noise_m,
            )
