# SPDX-License-Identifier: Apache-2.0
"""Chooses a photo's attitude, height and true position among header, log and table."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, Quaternion, mount_rotation, rotation_matrix
from geoloc.errors import BagError
from geoloc_lab.flight_logs.flight_log import LoggedPose
from geoloc_lab.photo_flights.attitude import body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.photos import Photo
from geoloc_lab.photo_flights.table import TableRow
from geoloc_lab.photo_flights.turning import turned_deg

_ADD = "add the log of the autopilot (.ulg, .bin) to the flight's folder, or a table queries.csv"


@dataclass(frozen=True)
class Pose:
    """Where a photo was taken, and how.

    Attributes:
        quaternion: attitude of a body whose camera is mounted as `NADIR_MOUNT_RPY_DEG` says.
        height_m: height above ground, or above take-off.
        truth_deg: true latitude and longitude.
        turned_deg: angle by which the file was turned clockwise after exposure; 0 if the attitude is that of
            the file.
        attitude_from, height_from, truth_from: sources, for the report.
    """

    quaternion: Quaternion
    height_m: float
    truth_deg: tuple[float, float]
    turned_deg: float
    attitude_from: str
    height_from: str
    truth_from: str


def pose_of(photo: Photo, row: TableRow | None, logged: LoggedPose | None) -> Pose:
    """Return the pose of a photo.

    Raises:
        BagError: if neither header, log nor table has an attitude, a height or a position, or the photo was
            turned by an angle that is not known.
    """
    height_m, height_from = _height(photo, row, logged)
    truth_deg, truth_from = _truth(photo, row, logged)
    measured, attitude_from = _measured(photo, logged)
    turned = 0.0
    if measured is not None:
        turned = turned_deg(photo, row.turned_deg if row else None)
        measured = measured @ Rotation.from_euler("z", -turned, degrees=True).as_matrix()
    elif row is not None:  # the reconstruction has used the file as it is
        measured, attitude_from = row.rotation, f"from the reconstruction in {row.table}"
    else:
        raise BagError(f"{photo.path} has no gimbal angles; {_ADD}.")
    return Pose(
        body_quaternion(np.asarray(measured)),
        height_m,
        truth_deg,
        turned,
        attitude_from,
        height_from,
        truth_from,
    )


def _measured(photo: Photo, logged: LoggedPose | None) -> tuple[Float64Array | None, str]:
    """Return world_from_optical (3, 3) at exposure as measured on board, None if it was not."""
    if photo.gimbal is not None:
        return gimbal_rotation(photo.gimbal), "measured on board: DJI gimbal angles"
    if logged is not None:
        rotation = rotation_matrix(logged.quaternion) @ mount_rotation(NADIR_MOUNT_RPY_DEG)
        return rotation, "measured on board: attitude of the autopilot, camera straight down"
    return None, ""


def _height(photo: Photo, row: TableRow | None, logged: LoggedPose | None) -> tuple[float, str]:
    if photo.height_above_takeoff_m is not None:
        return photo.height_above_takeoff_m, "height above take-off as height above ground"
    if logged is not None:
        return logged.height_m, "height of the autopilot as height above ground"
    if row is not None:
        return row.height_m, f"height from the reconstruction in {row.table}"
    raise BagError(f"{photo.path} has no height (RelativeAltitude); {_ADD}.")


def _truth(photo: Photo, row: TableRow | None, logged: LoggedPose | None) -> tuple[tuple[float, float], str]:
    if row is not None:
        return row.position_deg, f"camera positions from the reconstruction in {row.table}"
    if photo.position_deg is not None:
        return photo.position_deg, "positions in the photos, by the drone's GNSS"
    if logged is not None:
        return (logged.latitude_deg, logged.longitude_deg), "positions in the log, by the drone's GNSS"
    raise BagError(f"{photo.path} has no position to compare with; {_ADD}.")
