# SPDX-License-Identifier: Apache-2.0
"""The topic `camera_info`: once is enough, also if it came before the node, and it must be the image's."""

import threading

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from geoloc.camera import messages
from geoloc.camera.calibrations import Calibrations
from geoloc.camera.rig import CameraRig
from geoloc.errors import FrameRefused
from geoloc.nodes.inputs.latched import LatchedInput


class CalibrationInput:
    """Gives the calibration that is published to a rig, and says once if it may be another camera's.

    Args:
        node: node that subscribes.
        rig: rig that gets the intrinsics.
        topic: name of the topic, before remapping.
        image_topic: name of the topic of the images, before remapping.
        quality: quality of service for every publisher.
        latched: quality of service for publishers that keep their last message.
        rectified: whether images are already undistorted.
    """

    def __init__(
        self,
        node: Node,
        rig: CameraRig,
        topic: str,
        image_topic: str,
        quality: QoSProfile,
        latched: QoSProfile,
        *,
        rectified: bool,
    ) -> None:
        self._node, self._rig, self._rectified = node, rig, rectified
        self._last: dict[str, CameraInfo] = {}
        self._lock = threading.Lock()
        self._known = Calibrations(node.resolve_topic_name(image_topic), rectified=rectified)
        self._said: set[str] = set()
        self._input = LatchedInput(node, CameraInfo, topic, self._on_message, quality, latched)

    def select(self, frame_id: str, width: int, height: int) -> None:
        """Give the rig the calibration of an image, and say once what differs between the two.

        Raises:
            FrameRefused: BAD_CAMERA_INFO if the calibration is another camera's.
        """
        with self._lock:
            intrinsics = self._known.of_image(frame_id, width, height)
        if intrinsics is not None:
            self._rig.set_intrinsics(intrinsics)
        remark = self._known.remark
        if remark and remark not in self._said:
            self._said.add(remark)
            self._node.get_logger().warning(remark)

    def facts(self) -> dict[str, object]:
        """Return what differs between calibration and images, for `/diagnostics`; empty if nothing does."""
        return {"camera_info": self._known.remark} if self._known.remark else {}

    def _on_message(self, message: CameraInfo) -> None:
        frame_id = message.header.frame_id
        message.header = Header()
        if message == self._last.get(frame_id):
            return
        self._last = {frame_id: message}
        try:
            intrinsics = messages.intrinsics(message, rectified=self._rectified)
        except FrameRefused as refusal:
            self._rig.reject(refusal)
        else:
            with self._lock:
                self._known.add(frame_id, intrinsics)
