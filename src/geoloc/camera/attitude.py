# SPDX-License-Identifier: Apache-2.0
"""Rotations of the camera: its mount on the drone, and its attitude between two samples."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation, Slerp

from geoloc.arrays import Float64Array

Quaternion = tuple[float, float, float, float]

NADIR_MOUNT_RPY_DEG = (0.0, 90.0, 0.0)
"""Mount of a camera that looks straight down, the top of its image forward; see `mount_rotation`."""

# Columns: the optical axes right, down and forward, in the axes of camera_link (forward, left, up).
LINK_FROM_OPTICAL: Float64Array = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def mount_rotation(mount_rpy_deg: ArrayLike) -> Float64Array:
    """Return `body_from_optical`, the rotation from the camera's optical frame to the drone's body.

    `mount_rpy_deg` has the convention of a URDF joint from base_link to camera_link, but in degrees: roll,
    pitch, yaw about the *fixed* body axes x (forward), y (left), z (up), in this order. The x axis of
    camera_link is the optical axis, and its z axis points to the top of the image. A camera at [0, 0, 0]
    therefore looks forward, level and upright; positive pitch turns it down, positive yaw turns it left.

    ==============================================  ==============
    camera                                          mount_rpy_deg
    ==============================================  ==============
    straight down, top of the image forward         [0, 90, 0]
    straight down, top of the image to the right    [0, 90, -90]
    straight down, top of the image backward        [0, 90, 180]
    straight down, top of the image to the left     [0, 90, 90]
    forward and down, 30 degrees from straight down [0, 60, 0]
    forward, level                                  [0, 0, 0]
    ==============================================  ==============

    Args:
        mount_rpy_deg: roll, pitch, yaw (3,), degrees.

    Returns:
        (3, 3) float; the columns are the optical axes right, down and forward in body axes forward, left, up.
    """
    return np.asarray(Rotation.from_euler("xyz", mount_rpy_deg, degrees=True).as_matrix() @ LINK_FROM_OPTICAL)


def rotation_matrix(quaternion: Quaternion) -> Float64Array:
    """Return the rotation matrix (3, 3) of a unit quaternion (x, y, z, w), the order of a TF transform."""
    return np.asarray(Rotation.from_quat(quaternion).as_matrix())


def between(first: Quaternion, second: Quaternion, share: float) -> Float64Array:
    """Interpolate between two attitudes at a constant turn rate, along the shorter arc (slerp).

    Args:
        first: unit quaternion (x, y, z, w) at share 0.
        second: unit quaternion (x, y, z, w) at share 1.
        share: position between the two, 0 to 1.

    Returns:
        Rotation matrix (3, 3).
    """
    return np.asarray(Slerp([0.0, 1.0], Rotation.from_quat([first, second]))(share).as_matrix())


def tilt_rad(world_from_optical: Float64Array) -> float:
    """Return the angle between the optical axis and straight down, 0 to pi radians."""
    return float(np.arccos(np.clip(-world_from_optical[2, 2], -1.0, 1.0)))
