# SPDX-License-Identifier: Apache-2.0
"""The camera's images: one subscription, with the topic and the quality of service that the camera offers."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from geoloc.errors import FrameRefused
from geoloc.nodes.inputs.image_route import ImageRoute, is_reliable
from geoloc.nodes.inputs.losses import RECENT_S, Losses
from geoloc.nodes.inputs.sources import Senders, SourceWatch
from geoloc.nodes.inputs.transport_choice import TransportChoice

_LOOK_S = 0.5
_FEW = 2  # an image may be lost while a subscription begins
_SMALL_SHARE = 0.05
_SEGMENT = "start its driver with geoloc's config/fastdds.xml (docs/troubleshooting.md#frames-do-not-arrive)"
# Humble names the module otherwise, and gives a callback only the message.
_EVENTS: Any = importlib.import_module(
    "rclpy.event_handler" if importlib.util.find_spec("rclpy.event_handler") else "rclpy.qos_event"
)
_GIVES_INFO = hasattr(Subscription, "CallbackType")


class ImageStream:
    """Subscribes to the camera's images, and anew when the camera's publishers change.

    All methods but `wake` belong to the thread of the node's executor.

    Args:
        node: node that subscribes.
        routes: topics that may carry the images, by transport, the preferred one first.
        on_frame: function that receives each image.
        on_refused: function that receives each image of a doubtful source, with the refusal.
        has_room: function that tells whether an image would be worked on at once. While it would not, a
            best-effort image waits in the middleware's queue, where a newer one replaces it. So only images
            that are used are copied, and `imu` does not wait for the other copies.
    """

    def __init__(
        self,
        node: Node,
        routes: Mapping[str, ImageRoute],
        *,
        on_frame: Callable[[Image | CompressedImage], None],
        on_refused: Callable[[Image | CompressedImage, FrameRefused], None],
        has_room: Callable[[], bool],
    ) -> None:
        self._node = node
        self._on_frame, self._on_refused = on_frame, on_refused
        self._routes = routes
        self._choice = TransportChoice(tuple(self._routes), time.monotonic())
        self._route = self._routes[self._choice.current]
        self._quality = self._route.quality([])
        self._subscription: Subscription | None = None
        self._group = _Gate(lambda: self._is_reliable or has_room())
        self._losses, self._senders, self._sources = Losses(), Senders(), SourceWatch()
        self._look()
        # Steady time, because publishers come and go while the clock of a simulation stands.
        self._timer = node.create_timer(_LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def topics(self) -> list[str]:
        """Names of the topics that may be read, after remapping."""
        return [route.topic for route in self._routes.values()]

    def wake(self) -> None:
        """Take the waiting image, once there is room for it; any thread may call this."""
        if self._node.executor is not None:
            self._node.executor.wake()

    def facts(self) -> dict[str, object]:
        """Return the topic and its counts, for /diagnostics."""
        counts = {"lost_in_transport": self._losses.lost_in_transport, "overrun": self._losses.overrun}
        return {
            "image_topic": self._route.topic,
            "image_reliability": self._quality.reliability.name.lower(),
            **{name: count for name, count in counts.items() if count is not None},
        }

    def waits_for(self) -> str:
        """Return a sentence for the time without any image: the topics, and who publishes there."""
        if lost := self.concern():
            return lost
        found = ", ".join(route.in_words(route.publishers()) for route in self._routes.values())
        return (
            f"no image arrives ({found}); check the camera's driver and the launch argument image_topic "
            "(--image-topic of `geoloc up`)."
        )

    def concern(self) -> str | None:
        """Return a sentence if images were lost in transport during the last seconds."""
        arrived, lost = self._losses.recent(time.monotonic())
        if lost < max(_FEW, _SMALL_SHARE * (arrived + lost)):
            return None
        return (
            f"{lost} of {arrived + lost} images on {self._route.topic} were lost in transport in the last "
            f"{RECENT_S:g} s; {self._remedy()}."
        )

    @property
    def _is_reliable(self) -> bool:
        return self._quality.reliability == ReliabilityPolicy.RELIABLE  # type: ignore[no-any-return]

    def _remedy(self) -> str:
        if self._is_reliable:
            return f"{_SEGMENT}, or send fewer or smaller images"
        if self._route.is_overridden and all(map(is_reliable, self._route.publishers())):
            return f"remove {self._route.reliability_parameter} from the parameters"
        return f"make the camera's publisher reliable, or {_SEGMENT}"

    def _look(self) -> None:
        """Subscribe anew if the publishers of the image topics ask for it."""
        publishers = {name: route.publishers() for name, route in self._routes.items()}
        identities = {
            name: {bytes(each.endpoint_gid) for each in found} for name, found in publishers.items()
        }
        name = self._choice.choose(identities, time.monotonic())
        route, quality = self._routes[name], self._routes[name].quality(publishers[name])
        if self._subscription is None or (route, quality) != (self._route, self._quality):
            self._subscribe(route, quality)

    def _subscribe(self, route: ImageRoute, quality: QoSProfile) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._route, self._quality = route, quality
        self._losses.subscribe_anew()
        try:
            self._subscription = self._create_subscription(
                _EVENTS.SubscriptionEventCallbacks(
                    message_lost=self._on_lost, incompatible_qos=lambda _event: self._look()
                )
            )
        except _EVENTS.UnsupportedEventTypeError:  # then the middleware counts no losses
            self._subscription = self._create_subscription(None)

    def _create_subscription(self, events: Any) -> Subscription:  # noqa: ANN401 - see _EVENTS
        return self._node.create_subscription(
            self._route.kind,
            self._route.topic,
            self._on_image if _GIVES_INFO else lambda message: self._on_image(message, {}),
            self._quality,
            callback_group=self._group,
            event_callbacks=events,
        )

    def _on_lost(self, event: Any) -> None:  # noqa: ANN401 - rclpy's QoSMessageLostInfo
        self._losses.lost(event.total_count_change, time.monotonic())

    def _on_image(self, message: Image | CompressedImage, info: Mapping[str, Any]) -> None:
        now_s = time.monotonic()
        sender = self._senders.identify(info)
        self._losses.arrive(sender, info.get("publication_sequence_number"), now_s)
        self._choice.frame(now_s)
        publishers = self._node.count_publishers(self._route.topic)
        try:
            self._sources.check(sender, message.header.frame_id, publishers)
        except FrameRefused as refusal:
            self._on_refused(message, refusal)
        else:
            self._on_frame(message)


class _Gate(CallbackGroup):
    """Callback group whose subscriptions wait while the gate is closed; their events do not."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        super().__init__()
        self._is_open = is_open

    def can_execute(self, entity: object) -> bool:
        """Return whether the executor may take from an entity now."""
        return not isinstance(entity, Subscription) or self._is_open()

    def beginning_execution(self, entity: object) -> bool:
        """Permit the execution."""
        return True

    def ending_execution(self, entity: object) -> None:
        """Ignore the end of an execution."""
