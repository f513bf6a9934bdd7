# SPDX-License-Identifier: Apache-2.0
"""Computes the attitude of a camera from gimbal angles or from a reconstruction.

`world_from_optical` is the rotation (3, 3) from optical axes (right, down, forward) to east, north, up.
"""

import math

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, Quaternion, mount_rotation
from geoloc_lab.photo_flights.photos import Gimbal


def gimbal_rotation(gimbal: Gimbal) -> Float64Array:
    """Return world_from_optical (3, 3) for DJI's gimbal angles."""
    yaw, pitch = math.radians(gimbal.yaw_deg), math.radians(gimbal.pitch_deg)
    forward = np.array([math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)])
    right = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
    level = np.column_stack([right, np.cross(forward, right), forward])
    return np.asarray(level @ Rotation.from_euler("z", gimbal.roll_deg, degrees=True).as_matrix())


def aimed_rotation(pitch_deg: float, aim_azimuth_deg: float, up_azimuth_deg: float) -> Float64Array:
    """Return world_from_optical (3, 3) of a camera from its pitch and two bearings.

    Args:
        pitch_deg: pitch of the optical axis; -90 looks straight down.
        aim_azimuth_deg: bearing towards which the optical axis leans; it has no effect on a camera that
            looks straight down.
        up_azimuth_deg: bearing of the top of the image on the ground.
    """
    pitch, aim, up = (math.radians(angle) for angle in (pitch_deg, aim_azimuth_deg, up_azimuth_deg))
    forward = np.array([math.sin(aim) * math.cos(pitch), math.cos(aim) * math.cos(pitch), math.sin(pitch)])
    top = np.array([math.sin(up), math.cos(up), 0.0])
    top[2] = -(top @ forward) / forward[2]
    down = -top / np.linalg.norm(top)
    return np.column_stack([np.cross(down, forward), down, forward])


def body_quaternion(world_from_optical: Float64Array) -> Quaternion:
    """Return the attitude (x, y, z, w) of a body whose camera is mounted as `NADIR_MOUNT_RPY_DEG` says."""
    world_from_body = world_from_optical @ mount_rotation(NADIR_MOUNT_RPY_DEG).T
    x, y, z, w = Rotation.from_matrix(world_from_body).as_quat()
    return float(x), float(y), float(z), float(w)
