# SPDX-License-Identifier: Apache-2.0
"""Rotations: how a camera is mounted, and how its attitude runs between two samples."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation, Slerp

from geoloc.arrays import Float64Array

Quaternion = tuple[float, float, float, float]

NADIR_MOUNT_RPY_DEG = (0.0, 90.0, 0.0)
"""Mount of a camera that looks straight down, the top of its picture forward; see `mount_rotation`."""

# Columns: optical right, down and forward in the axes of camera_link (forward, left, up).
LINK_FROM_OPTICAL: Float64Array = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def mount_rotation(mount_rpy_deg: ArrayLike) -> Float64Array:
    """Return `body_from_optical`, the rotation from the camera's optical frame to the drone's body.

    `mount_rpy_deg` is what a URDF joint from base_link to camera_link says, in degrees: roll, pitch, yaw
    about the *fixed* body axes x (forward), y (left), z (up), in this order. camera_link has x along the
    optical axis and z towards the top of the picture, so [0, 0, 0] is a camera that looks forward, level and
    upright. From there positive pitch turns it down and positive yaw turns it left.

    ==============================================  ==============
    camera                                          mount_rpy_deg
    ==============================================  ==============
    straight down, top of the picture forward       [0, 90, 0]
    straight down, top of the picture to the right  [0, 90, -90]
    straight down, top of the picture backward      [0, 90, 180]
    straight down, top of the picture to the left   [0, 90, 90]
    forward and down, 30 degrees from straight down [0, 60, 0]
    forward, level                                  [0, 0, 0]
    ==============================================  ==============

    Args:
        mount_rpy_deg: (3,) degrees.

    Returns:
        (3, 3) float: columns are the picture's right, down and forward in body axes forward, left, up.
    """
    return np.asarray(Rotation.from_euler("xyz", mount_rpy_deg, degrees=True).as_matrix() @ LINK_FROM_OPTICAL)


def rotation_matrix(quaternion: Quaternion) -> Float64Array:
    """Return the (3, 3) rotation of a unit quaternion (x, y, z, w), as of a TF transform."""
    return np.asarray(Rotation.from_quat(quaternion).as_matrix())


def between(first: Quaternion, second: Quaternion, share: float) -> Float64Array:
    """Turn steadily from one attitude to another, the short way round.

    Args:
        first: unit quaternion (x, y, z, w) at share 0.
        second: likewise, at share 1.
        share: how far along, 0 to 1.

    Returns:
        (3, 3) rotation.
    """
    return np.asarray(Slerp([0.0, 1.0], Rotation.from_quat([first, second]))(share).as_matrix())


def tilt_rad(world_from_optical: Float64Array) -> float:
    """Return the angle between the optical axis and straight down, 0 to pi."""
    return float(np.arccos(np.clip(-world_from_optical[2, 2], -1.0, 1.0)))
