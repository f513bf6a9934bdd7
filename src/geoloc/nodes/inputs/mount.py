# SPDX-License-Identifier: Apache-2.0
"""Mount of the camera from TF, for a gimbal, or if the URDF already describes it."""

import importlib
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time as ClockTime

from geoloc.arrays import Float64Array
from geoloc.camera.attitude import rotation_matrix
from geoloc.errors import FrameRefused, ParameterError, Reason, clause


class TfMount:
    """Looks up the rotation from the camera's optical frame to the frame whose attitude the IMU measures.

    Listens to `/tf` and `/tf_static`, which remappings may rename. When ROS time jumps back, dynamic
    transforms are forgotten, because TF would ignore older ones.

    Args:
        node: node that listens to TF.

    Raises:
        ParameterError: if tf2_ros is not installed.
    """

    def __init__(self, node: Node) -> None:
        try:
            self._tf2: Any = importlib.import_module("tf2_ros")
        except ImportError as error:
            raise ParameterError(
                f"use_tf is true, but tf2_ros cannot be imported ({clause(error)}); source ROS 2, "
                "or set use_tf to false and give mount_rpy_deg."
            ) from error
        self._buffer = self._tf2.Buffer()
        self._listener = self._tf2.TransformListener(self._buffer, node)
        back = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
        self._jumps = node.get_clock().create_jump_callback(
            back, post_callback=lambda _: self._buffer.clear()
        )

    def ready(self, body_frame: str, camera_frame: str, stamp: Time) -> bool:
        """Return whether TF connects the two frames at a stamp."""
        if not (body_frame and camera_frame):  # tf2 logs an error for an empty name
            return False
        return bool(self._buffer.can_transform(body_frame, camera_frame, ClockTime.from_msg(stamp)))

    def body_from_optical(self, body_frame: str, camera_frame: str, stamp: Time) -> Float64Array:
        """Return the rotation (3, 3) from the optical frame to the body frame at a stamp.

        Raises:
            FrameRefused: NO_ATTITUDE if TF does not connect the two frames at that time.
        """
        try:
            found = self._buffer.lookup_transform(body_frame, camera_frame, ClockTime.from_msg(stamp))
        except self._tf2.TransformException as error:
            raise FrameRefused(
                Reason.NO_ATTITUDE,
                f"TF has no transform from '{camera_frame}' to '{body_frame}' at the image's stamp "
                f"({clause(error)}); publish it, or set use_tf to false and give mount_rpy_deg.",
            ) from error
        turn = found.transform.rotation
        return rotation_matrix((turn.x, turn.y, turn.z, turn.w))
