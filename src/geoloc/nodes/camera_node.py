# SPDX-License-Identifier: Apache-2.0
"""`camera_node`: turns each camera frame into a view, the ground below as the map shows it.

If heading or height may be wrong (`heading_error_deg`, `height_error`), `view/image` is a stack of turned and
scaled views, one below the other. `view/offset` belongs to the first view, with the assumed heading and
height.

For a refused frame the node publishes `view/offset` with NaN, so that `retrieval_node` can publish
`STATUS_NO_FIX` with the frame's stamp. The reason is on `refusals`.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import Vector3Stamped
from sensor_msgs.msg import CompressedImage, Image, Imu

from geoloc.arrays import Float64Array
from geoloc.camera import messages
from geoloc.camera.levels import Levels
from geoloc.camera.repeats import RepeatedImages
from geoloc.camera.rig import CameraRig
from geoloc.camera.views import View
from geoloc.errors import FrameRefused, GeolocError, Reason
from geoloc.nodes import messages_in, messages_out, topics, wiring
from geoloc.nodes.diagnostics import Health, as_refusal
from geoloc.nodes.inputs.calibration import CalibrationInput
from geoloc.nodes.inputs.heights import HeightInput
from geoloc.nodes.inputs.image_route import ImageRoute, QosOverride
from geoloc.nodes.inputs.image_stream import ImageStream
from geoloc.nodes.inputs.mount import TfMount
from geoloc.nodes.latest import LatestWorker
from geoloc.nodes.parameters import declare, declare_under
from geoloc.nodes.runner import GeolocNode, run
from geoloc.nodes.settings import CameraNodeSettings

_LONGEST_WAIT_S = 1.0
_POLL_S = 0.005
_REMEMBERED = 256


class CameraNode(GeolocNode):
    """Gathers attitude, height and calibration, and turns the newest frame into a view."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as rclpy's Node takes them
        super().__init__("camera_node", **options)
        self._settings = declare(self, CameraNodeSettings)
        self._rig = CameraRig(self._settings.rig)
        self._tf = TfMount(self) if self._settings.use_tf else None
        self._body_frame = self._settings.base_frame
        self._levels, self._repeats = Levels(), RepeatedImages()
        self._attitude_came = threading.Event()
        self._imu_ages_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._health = Health(
            self,
            self._facts,
            waits_for=lambda: self._images.waits_for(),
            concern=lambda: self._images.concern(),
        )
        self._views = self.create_publisher(Image, topics.VIEW_IMAGE, topics.newest_whole())
        self._offsets = self.create_publisher(Vector3Stamped, topics.VIEW_OFFSET, topics.every_answer())
        self._worker: LatestWorker[Image | CompressedImage] = LatestWorker(
            self._work, "camera", lambda: self._images.wake()
        )
        self._subscribe()
        self.get_logger().info(f"ready: listens to {wiring.listening(self, *self._images.topics)}")

    def close(self) -> None:
        """Stop the worker, and sum up the refusals."""
        self._worker.stop()
        self._health.sum_up()

    def _subscribe(self) -> None:
        small = topics.sensor_stream()
        self._calibration = CalibrationInput(
            self,
            self._rig,
            topics.CAMERA_INFO,
            topics.IMAGE,
            small,
            topics.latched(),
            rectified=self._settings.rectified,
        )
        self.create_subscription(Imu, topics.IMU, self._on_imu, small)
        self._heights = HeightInput(self, self._rig, topics.ALTITUDE, small)
        self._images = ImageStream(
            self,
            self._image_routes(),
            on_frame=self._worker.put,
            on_refused=self._refuse,
            has_room=self._worker.is_idle,
        )

    def _image_routes(self) -> dict[str, ImageRoute]:
        """Return the image topics that may be read, the one that costs less first."""
        kinds = {"compressed": (topics.IMAGE_COMPRESSED, CompressedImage), "raw": (topics.IMAGE, Image)}
        wanted = self._settings.image_transport
        return {
            transport: ImageRoute(self, topic, kind, partial(declare_under, self, QosOverride))
            for transport, (topic, kind) in kinds.items()
            if wanted in (transport, "auto")
        }

    def _on_imu(self, message: Imu) -> None:
        self._body_frame = self._settings.base_frame or message.header.frame_id
        try:
            self._rig.add_attitude(messages.stamp_ns(message), messages.quaternion(message))
        except FrameRefused as refusal:
            self._rig.reject(refusal)
        age_ns = self.get_clock().now().nanoseconds - messages.stamp_ns(message)
        self._imu_ages_ms.append(age_ns / 1e6)
        self._attitude_came.set()

    def _work(self, message: Image | CompressedImage) -> None:
        self._await_attitude(message)
        started_s = time.perf_counter()
        try:
            view = self._view(message)
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
        what = f"views: {len(view.images)}, height {view.height_m:.1f} m"
        self._health.answered(view.stamp_ns, time.perf_counter() - started_s, what)

    def _view(self, message: Image | CompressedImage) -> View:
        messages.check_stamp(messages.stamp_ns(message))
        image_rgb, mount = messages_in.camera_image(message, self._levels), self._mount(message)
        try:
            self._calibration.select(message.header.frame_id, image_rgb.shape[1], image_rgb.shape[0])
            view = self._rig.view(messages.stamp_ns(message), image_rgb, mount)
            self._repeats.check(image_rgb, view)
            return view
        except FrameRefused as refusal:
            raise wiring.naming_input(refusal, self) from None

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

    def _facts(self) -> dict[str, object]:
        facts = {
            "dropped": self._worker.dropped,
            **self._images.facts(),
            **self._calibration.facts(),
            **self._rig.attitude_facts(),
        }
        if self._imu_ages_ms:
            facts["imu_age_ms_p95"] = f"{np.percentile(self._imu_ages_ms, 95):.1f}"
        return facts

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
