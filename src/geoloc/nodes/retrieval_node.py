# SPDX-License-Identifier: Apache-2.0
"""`retrieval_node`: localizes each descriptor, and publishes a position with its covariance or no fix.

For every frame that camera_node processes, the node publishes one `fix` with the frame's stamp: `STATUS_FIX`,
or `STATUS_NO_FIX` if any node refused the frame. It publishes `geopoint` and `pose` only with a position. If
no frames arrive, `fix` is `STATUS_NO_FIX` once a second with the node's time, so silence means a dead node.
It does so also if that time stands still or is set back, because a repeated stamp is the lesser evil.

`odom` and `initial_fix` inform the filter; the service `~/relocalize` makes it forget and search the whole
map. Unless `refine` is off, `view/image` refines a sure position; a fix without a usable view is unrefined.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from geometry_msgs.msg import Vector3Stamped
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from geoloc.camera import messages
from geoloc.encoder.card import load_card
from geoloc.errors import FrameRefused, GeolocError, Reason
from geoloc.filter import State
from geoloc.installed import find_model
from geoloc.integrity import sigma_m
from geoloc.localizer import Fix, Localizer
from geoloc.mapping.directory import open_map
from geoloc.nodes import messages_in, topics, wiring
from geoloc.nodes.answers import Answers
from geoloc.nodes.diagnostics import Health, as_refusal
from geoloc.nodes.inputs.initial_fix import InitialFix
from geoloc.nodes.latest import LatestWorker
from geoloc.nodes.parameters import declare
from geoloc.nodes.runner import GeolocNode, run
from geoloc.nodes.settings import RetrievalNodeSettings
from geoloc.nodes.stamped_cache import StampedCache
from geoloc.nodes.state import StatePublisher
from geoloc.query import Query

_CONSOLE_S = 5.0
_NO_FIX_EVERY_S = 1.0
_VIEWS = 16  # a view comes before its descriptor; only the views of dropped frames remain in the cache


class RetrievalNode(GeolocNode):
    """Localizes the newest descriptor on one map.

    Attributes:
        hints: positions from other sources, and what became of them.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as rclpy's Node takes them
        super().__init__("retrieval_node", **options)
        self._settings = declare(self, RetrievalNodeSettings)
        card = load_card(find_model(self._settings.model))
        self._map = open_map(Path(self._settings.map), card)
        settings = replace(self._settings.localizer, calibration=card.calibration)
        self._localizer = Localizer(self._map, None, settings)
        self._odometry_received = 0
        self._offsets: StampedCache[Vector3Stamped] = StampedCache()
        self._views: StampedCache[Image] = StampedCache(_VIEWS)
        self._refused_before = 0
        self._frame_id = ""
        inference = wiring.Upstream(self, "descriptors", topics.DESCRIPTOR, "inference_node")
        self._health = Health(
            self,
            self._facts,
            waits_for=inference.waits_for,
            concern=self._concern,
            says_silence=inference.is_missing,
            says_return=True,
        )
        self._state = StatePublisher(self, self._health, lambda: self._localizer.state)
        self._answers = Answers(self, self._settings, self._map.frame)
        self.hints = InitialFix(
            self, self._localizer, topics.INITIAL_FIX, topics.any_publisher(), topics.latched()
        )
        self._worker: LatestWorker[Image] = LatestWorker(self._work, "retrieval")
        self._subscribe()
        self.get_logger().info(
            f"ready: {len(self._map.tiles)} tiles of {self._settings.map}, model {self._map.model_id}; "
            f"listens to {wiring.listening(self)}"
        )

    def close(self) -> None:
        """Stop the worker, and sum up the refusals."""
        self._worker.stop()
        self._health.sum_up()

    def _subscribe(self) -> None:
        self._health.hear_earlier_nodes()
        self.create_subscription(Vector3Stamped, topics.VIEW_OFFSET, self._on_offset, topics.every_answer())
        self.create_subscription(Image, topics.DESCRIPTOR, self._on_descriptor, topics.every_answer())
        if self._settings.localizer.refine != "off":
            self.create_subscription(Image, topics.VIEW_IMAGE, self._on_view, topics.newest_whole())
        self.create_subscription(Odometry, topics.ODOM, self._on_odometry, topics.sensor_stream())
        self.create_service(Trigger, "~/relocalize", self._on_relocalize)
        # Steady time, because silence must be reported even if the clock of a simulation has stopped.
        self.create_timer(
            _NO_FIX_EVERY_S, self._report_silence, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _on_offset(self, message: Vector3Stamped) -> None:
        if math.isnan(message.vector.x):
            self._forward_refusal(message)
        else:
            self._offsets.put(messages.stamp_ns(message), message)

    def _on_descriptor(self, message: Image) -> None:
        if message.width == 0:
            self._forward_refusal(message)
        else:
            self._worker.put(message)

    def _on_view(self, message: Image) -> None:
        self._views.put(messages.stamp_ns(message), message)

    def _on_odometry(self, message: Odometry) -> None:
        self._odometry_received += 1
        self._localizer.add_odometry(messages.stamp_ns(message), *messages.odometry_m(message))

    def _on_relocalize(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        before = self._localizer.state
        self._localizer.forget()
        response.success = before is not State.ALONE
        if before is State.ALONE:
            response.message = "nothing to forget: filter is false, so each frame is searched for by itself"
        elif math.isinf(self._health.silent_for_s()):
            response.message = (
                "nothing to forget: no frame has come yet; the first one is searched for in the whole map"
            )
        else:
            response.message = f"searching the whole map; the state was {before}"
        self.get_logger().warning(f"~/relocalize was called: {response.message}.")
        return response

    def _work(self, message: Image) -> None:
        stamp_ns, frame_id = messages.stamp_ns(message), message.header.frame_id
        offset = self._offsets.take(stamp_ns, self._settings.offset_wait_s)
        started_s = time.perf_counter()
        fix = self._answer(message, offset, stamp_ns)
        self._publish(fix, frame_id)
        self.hints.tell(self._localizer.hint)
        if fix.reason is None:
            what = f"{_position(fix)}, sigma {sigma_m(fix.covariance_m2):.1f} m"
            self._health.answered(stamp_ns, time.perf_counter() - started_s, what)
        else:
            self._health.refused(stamp_ns, FrameRefused(fix.reason, fix.sentence))

    def _answer(self, message: Image, offset: Vector3Stamped | None, stamp_ns: int) -> Fix:
        try:
            rows = messages_in.descriptor(message)
            if offset is None:
                raise FrameRefused(
                    Reason.NO_OFFSET,
                    f"no view/offset came with the stamp of this descriptor within "
                    f"{self._settings.offset_wait_s:g} s; check that camera_node runs in this namespace.",
                )
            views, to_camera = messages_in.views_to_refine(self._views.take(stamp_ns, 0.0)), offset.vector
            offset_m, height_m = (to_camera.x, to_camera.y), to_camera.z
            return self._localizer.answer(Query(stamp_ns, rows, offset_m, views, height_m))
        except GeolocError as error:
            return Fix.refused(stamp_ns, as_refusal(error, Reason.BAD_DESCRIPTOR))

    def _publish(self, fix: Fix, frame_id: str) -> None:
        self._frame_id = frame_id
        self._answers.publish(fix, frame_id)
        self._log(fix)

    def _log(self, fix: Fix) -> None:
        """Log the position, at most once every few seconds; `Health` says why there is none."""
        self._state.note(fix)
        if fix.has_position:
            self.get_logger().info(_position(fix), throttle_duration_sec=_CONSOLE_S)

    def _forward_refusal(self, message: Vector3Stamped | Image) -> None:
        """Publish no fix for a frame that an earlier node refused; that node has published the reason."""
        self._refused_before += 1
        self._health.refused_before(messages.stamp_ns(message))
        self._publish_no_fix(messages.stamp_ns(message), message.header.frame_id)

    def _report_silence(self) -> None:
        if self._health.silent_for_s() > self._settings.silence_s:
            self._publish_no_fix(self.get_clock().now().nanoseconds, self._frame_id)

    def _publish_no_fix(self, stamp_ns: int, frame_id: str) -> None:
        self._publish(Fix.none(stamp_ns), frame_id)

    def _concern(self) -> str | None:
        """Return what the flight shows to be wrong with odometry or attitude."""
        found = self._localizer.odometry.concern, self._localizer.refinement.attitude.concern
        return " ".join(filter(None, found)) or None

    def _facts(self) -> dict[str, object]:
        counted = {
            "state": self._localizer.state,
            "dropped": self._worker.dropped,
            "refused_by_earlier_nodes": self._refused_before,
            "odometry_received": self._odometry_received,
        }
        counted |= self.hints.facts() | self._localizer.odometry.facts()
        return counted | self._localizer.refinement.facts() | self._estimates() | self._map_facts()

    def _estimates(self) -> dict[str, object]:
        """Return the estimates of heading and height, if the settings allow for an error in them."""
        estimates: dict[str, object] = {}
        if self._localizer.settings.hypotheses.heading_error_deg:
            turn_deg = self._localizer.heading_offset_deg
            estimates["heading_offset_deg"] = "unknown" if math.isnan(turn_deg) else f"{turn_deg:.0f}"
        if self._localizer.settings.hypotheses.height_error:
            estimates["height_scale"] = f"{self._localizer.height_scale:.2f}"
        return estimates

    def _map_facts(self) -> dict[str, object]:
        left, bottom, right, top = self._map.manifest.bounds_m
        return {
            "map": self._settings.map,
            "tiles": len(self._map.tiles),
            "area_km2": f"{(right - left) * (top - bottom) / 1e6:.2f}",
            "view_size_m": f"{self._map.view_size_m:g}",
            "pitch_m": f"{self._map.pitch_m:g}",
            "model": self._map.model_id,
            "model_and_map_agree": True,
        }


def _position(fix: Fix) -> str:
    return f"{fix.latitude_deg:.6f}, {fix.longitude_deg:.6f}"


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until SIGINT or SIGTERM."""
    run(RetrievalNode, args)


if __name__ == "__main__":
    main()
