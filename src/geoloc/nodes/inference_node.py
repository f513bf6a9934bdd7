# SPDX-License-Identifier: Apache-2.0
"""`inference_node`: computes the descriptor of each view; a stack of n views gives n rows.

For a refused view the node publishes an empty `descriptor`, so that `retrieval_node` can publish
`STATUS_NO_FIX` with the frame's stamp. The reason is on `refusals`.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from geoloc.camera import messages
from geoloc.encoder import load_encoder
from geoloc.errors import GeolocError, Reason
from geoloc.installed import find_model
from geoloc.nodes import messages_in, messages_out, topics, wiring
from geoloc.nodes.diagnostics import Health, as_refusal
from geoloc.nodes.latest import LatestWorker
from geoloc.nodes.parameters import declare
from geoloc.nodes.runner import GeolocNode, run
from geoloc.nodes.settings import InferenceNodeSettings


class InferenceNode(GeolocNode):
    """Describes the newest view."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as rclpy's Node takes them
        super().__init__("inference_node", **options)
        settings = declare(self, InferenceNodeSettings)
        self._encoder = load_encoder(
            find_model(settings.model), settings.encoder.backend, settings.encoder.threads
        )
        self._warm_up()
        camera = wiring.Upstream(self, "views", topics.VIEW_IMAGE, "camera_node")
        self._health = Health(
            self,
            lambda: {"dropped": self._worker.dropped, "model": self._encoder.card.id},
            waits_for=camera.waits_for,
            says_silence=camera.is_missing,
        )
        self._answers = self.create_publisher(Image, topics.DESCRIPTOR, topics.every_answer())
        self._worker: LatestWorker[Image] = LatestWorker(self._work, "inference")
        # Subscribe last: a replay starts when a subscriber exists, and now the node can answer.
        self.create_subscription(Image, topics.VIEW_IMAGE, self._worker.put, topics.newest_whole())
        self.get_logger().info(f"ready: model {self._encoder.card.id}; listens to {wiring.listening(self)}")

    def close(self) -> None:
        """Stop the worker, and sum up the refusals."""
        self._worker.stop()
        self._health.sum_up()

    def _warm_up(self) -> None:
        """Describe a blank view, so that the backend allocates and compiles before the first frame."""
        size_px = self._encoder.card.input_px
        self._encoder.describe(np.zeros((1, size_px, size_px, 3), dtype=np.uint8))

    def _work(self, message: Image) -> None:
        started_s = time.perf_counter()
        stamp_ns, frame_id = messages.stamp_ns(message), message.header.frame_id
        try:
            views = messages_in.stacked_views(message, self._encoder.card.input_px)
            rows = self._encoder.describe(views)
        except GeolocError as error:
            self._health.refused(stamp_ns, as_refusal(error, Reason.BAD_DESCRIPTOR))
            self._answers.publish(messages_out.descriptor(stamp_ns, frame_id, np.empty((1, 0), np.float32)))
            return
        self._answers.publish(messages_out.descriptor(stamp_ns, frame_id, rows))
        self._health.answered(stamp_ns, time.perf_counter() - started_s, f"descriptors: {len(rows)}")


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until SIGINT or SIGTERM."""
    run(InferenceNode, args)


if __name__ == "__main__":
    main()
