# SPDX-License-Identifier: Apache-2.0
"""`camera_node`: turns each camera frame into a view, the ground below as the map shows it.

If heading or height may be wrong (`heading_error_deg`, `height_error`), `view/image` is a stack of turned and
scaled views, one below the other. `view/offset` belongs to the first view, with the assumed heading and
height.

For a refused frame the node publishes `view/offset` with NaN, so that `retrieval_node` can publish
`STATUS_NO_FIX` with the frame's stamp. The reason is on `/diagnostics`.
"""

import math
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from geometry_msgs.msg import Vector3Stamped
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Header

from geoloc.arrays import Float64Array
from geoloc.camera import messages
from geoloc.camera.rig import CameraRig
from geoloc.errors import FrameRefused, GeolocError, Reason
from geoloc.nodes import messages_in, messages_out, topics
from geoloc.nodes.diagnostics import Health, as_refusal
from geoloc.nodes.inputs.heights import HeightInput
from geoloc.nodes.inputs.mount import TfMount
from geoloc.nodes.latest import LatestWorker
from geoloc.nodes.parameters import declare
from geoloc.nodes.runner import GeolocNode, run
from geoloc.nodes.settings import CameraNodeSettings
from geoloc.nodes.sources import SourceWatch

_LONGEST_WAIT_S = 1.0
_POLL_S = 0.005


class CameraNode(GeolocNode):
    """Gathers attitude, height and calibration, and turns the newest frame into a view."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as rclpy's Node takes them
        super().__init__("camera_node", **options)
        self._settings = declare(self, CameraNodeSettings)
        self._rig = CameraRig(self._settings.rig)
        self._tf = TfMount(self) if self._settings.use_tf else None
        self._body_frame = self._settings.base_frame
        self._camera_info: CameraInfo | None = None
        self._attitude_came = threading.Event()
        self._health = Health(self, lambda: {"dropped": self._worker.dropped})
        self._views = self.create_publisher(Image, topics.VIEW_IMAGE, topics.newest_whole())
        self._offsets = self.create_publisher(Vector3Stamped, topics.VIEW_OFFSET, topics.every_answer())
        self._worker: LatestWorker[Image | CompressedImage] = LatestWorker(self._work, "camera")
        self._subscribe()

    def close(self) -> None:
        """Stop the worker."""
        self._worker.stop()

    def _subscribe(self) -> None:
        small = topics.sensor_stream()
        self.create_subscription(CameraInfo, topics.CAMERA_INFO, self._on_camera_info, small)
        self.create_subscription(Imu, topics.IMU, self._on_imu, small)
        self._heights = HeightInput(self, self._rig, topics.ALTITUDE, small)
        self._image_topic = ""
        self._sources = SourceWatch()
        wanted = self._settings.image_transport
        for transport, kind, topic in (
            ("raw", Image, topics.IMAGE),
            ("compressed", CompressedImage, topics.IMAGE_COMPRESSED),
        ):
            if wanted in (transport, "auto"):
                self.create_subscription(
                    kind,
                    topic,
                    partial(self._on_image, self.resolve_topic_name(topic)),
                    topics.newest_only(),
                    qos_overriding_options=QoSOverridingOptions.with_default_policies(),
                )

    def _on_camera_info(self, message: CameraInfo) -> None:
        message.header = Header()
        if message == self._camera_info:
            return
        self._camera_info = message
        try:
            self._rig.set_intrinsics(messages.intrinsics(message, rectified=self._settings.rectified))
        except FrameRefused as refusal:
            self._rig.reject(refusal)

    def _on_imu(self, message: Imu) -> None:
        self._body_frame = self._settings.base_frame or message.header.frame_id
        try:
            self._rig.add_attitude(messages.stamp_ns(message), messages.quaternion(message))
        except FrameRefused as refusal:
            self._rig.reject(refusal)
        self._attitude_came.set()

    def _on_image(self, topic: str, message: Image | CompressedImage, info: dict[str, Any]) -> None:
        self._image_topic = self._image_topic or topic
        if topic != self._image_topic:
            return  # a camera that publishes raw and compressed is one source, read once
        try:
            self._sources.check(info, message.header.frame_id, self.count_publishers(topic))
        except FrameRefused as refusal:
            self._refuse(message, refusal)
        else:
            self._worker.put(message)

    def _work(self, message: Image | CompressedImage) -> None:
        self._await_attitude(message)
        started_s = time.perf_counter()
        try:
            image_rgb = messages_in.camera_image(message)
            view = self._rig.view(messages.stamp_ns(message), image_rgb, self._mount(message))
        except GeolocError as error:
            self._refuse(message, as_refusal(error, Reason.BAD_IMAGE))
            return
        frame_id = message.header.frame_id
        self._offsets.publish(
            messages_out.offset(
                view.stamp_ns, frame_id, view.offset_east_m, view.offset_north_m, view.height_m
            )
        )
        self._views.publish(messages_out.stacked_views(view.stamp_ns, frame_id, view.images))
        self._health.answered(view.stamp_ns, time.perf_counter() - started_s)

    def _await_attitude(self, message: Image | CompressedImage) -> None:
        """Wait, in message time, for the attitude after the frame, and for TF at its stamp."""
        latest_ns = self.get_clock().now().nanoseconds + self._settings.attitude_wait_s * 1e9
        give_up_s = time.monotonic() + _LONGEST_WAIT_S
        while not self._attitude_is_there(message) and time.monotonic() < give_up_s:
            if self.get_clock().now().nanoseconds >= latest_ns:
                return
            self._attitude_came.wait(_POLL_S)
            self._attitude_came.clear()

    def _attitude_is_there(self, message: Image | CompressedImage) -> bool:
        header = message.header
        return self._rig.ready(messages.stamp_ns(message)) and (
            self._tf is None or self._tf.ready(self._body_frame, header.frame_id, header.stamp)
        )

    def _mount(self, message: Image | CompressedImage) -> Float64Array | None:
        if self._tf is None:
            return None
        return self._tf.body_from_optical(self._body_frame, message.header.frame_id, message.header.stamp)

    def _refuse(self, message: Image | CompressedImage, refusal: FrameRefused) -> None:
        stamp_ns = messages.stamp_ns(message)
        self._health.refused(stamp_ns, refusal)
        self._offsets.publish(
            messages_out.offset(stamp_ns, message.header.frame_id, math.nan, math.nan, math.nan)
        )


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until SIGINT or SIGTERM."""
    run(CameraNode, args)


if __name__ == "__main__":
    main()
