# SPDX-License-Identifier: Apache-2.0
"""Subscription to heights in the message type that is published; see `geoloc.camera.heights`."""

import importlib
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from geoloc.camera import heights, messages
from geoloc.camera.rig import CameraRig
from geoloc.errors import FrameRefused, Reason

_LOOK_S = 0.5


class HeightInput:
    """Gives the heights that are published on a topic to a rig.

    Twice a second the publishers are asked for their type; until there is one, a Range is expected. Frames
    are refused while several types are published, or one that holds no height above the rig's reference. A
    message without a stamp gets the node's time at reception.

    Args:
        node: node that subscribes.
        rig: rig that gets the heights.
        topic: name of the topic, before remapping.
        quality: QoS profile of the subscription.
    """

    def __init__(self, node: Node, rig: CameraRig, topic: str, quality: QoSProfile) -> None:
        self._node, self._rig, self._topic, self._quality = node, rig, topic, quality
        self._reference = rig.settings.altitude_reference
        self._subscription: Subscription[Any] | None = None
        self._kind = self._fault = ""
        if self._reference != "takeoff":
            self._listen(heights.RANGE)
        # Steady time, because with use_sim_time and no /clock a timer in ROS time would never fire.
        self._timer = node.create_timer(_LOOK_S, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Ask for the types that are published now, and subscribe to another type if it changed."""
        published = self._node.get_publishers_info_by_topic(self._topic)
        try:
            self._follow(sorted({publisher.topic_type for publisher in published}))
        except FrameRefused as refusal:
            self._stop()
            self._rig.reject(refusal)
            if refusal.sentence != self._fault:
                self._fault = refusal.sentence
                self._node.get_logger().warning(refusal.sentence)
        else:
            self._fault = ""

    def _follow(self, kinds: list[str]) -> None:
        topic = self._node.resolve_topic_name(self._topic)
        if len(kinds) > 1:
            raise _refused(f"{topic} is published with several types ({', '.join(kinds)}); stop all but one.")
        if self._fault and not kinds:
            raise _refused(f"nothing publishes {topic} any more; start the height sensor.")
        for kind in kinds:
            heights.check_kind(kind, self._reference)
            if self._subscription is None:
                self._listen(kind)
            elif kind != self._kind:
                self._stop()  # The next look subscribes: DDS may still hold the topic with the old type.

    def _listen(self, kind: str) -> None:
        self._subscription = self._node.create_subscription(
            _message_class(kind), self._topic, partial(self._take, kind), self._quality
        )
        self._kind = kind

    def _stop(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription, self._kind = None, ""

    def _take(self, kind: str, message: Any) -> None:  # noqa: ANN401 - of that kind
        stamped = hasattr(message, "header")
        stamp_ns = messages.stamp_ns(message) if stamped else self._node.get_clock().now().nanoseconds
        try:
            height_m = heights.height_m(kind, message, self._reference)
            self._rig.add_height(stamp_ns, height_m, may_slant=heights.may_slant(kind))
        except FrameRefused as refusal:
            self._rig.reject(refusal)


def _message_class(kind: str) -> type[Any]:
    """Return the message class of a type such as `std_msgs/msg/Float64`.

    Raises:
        FrameRefused: if its package is not installed.
    """
    package, _, name = kind.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)  # type: ignore[no-any-return]
    except ImportError as error:
        raise _refused(
            f"altitude is a {kind}, but {package} cannot be imported; install {package} for your ROS 2."
        ) from error


def _refused(sentence: str) -> FrameRefused:
    return FrameRefused(Reason.BAD_HEIGHT, sentence)
