# SPDX-License-Identifier: Apache-2.0
"""Subscription to a topic that some publishers latch: what they sent before the node began arrives, too."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

_LOOK_S = 0.5
# Humble names the module otherwise.
_EVENTS: Any = importlib.import_module(
    "rclpy.event_handler" if importlib.util.find_spec("rclpy.event_handler") else "rclpy.qos_event"
)


class LatchedInput:
    """Subscribes for every publisher, and a second time for those that keep their last message.

    A volatile subscription gets nothing that was published before it. A latched one from the start would make
    every volatile publisher warn that its quality of service does not fit, so there is one only from the time
    when a publisher offers it. A message of a latched publisher may arrive twice.

    Args:
        node: node that subscribes.
        kind: message class of the topic.
        topic: name of the topic, before remapping.
        callback: function that receives each message.
        quality: quality of service for every publisher.
        latched: quality of service for publishers that keep their last message.
        overriding: the user's `qos_overrides` for the first subscription; None permits none.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        quality: QoSProfile,
        latched: QoSProfile,
        overriding: QoSOverridingOptions | None = None,
    ) -> None:
        self._node, self._kind, self._topic = node, kind, topic
        self._callback, self._latched = callback, latched
        node.create_subscription(kind, topic, callback, quality, qos_overriding_options=overriding)
        # Steady time, because publishers come and go while the clock of a simulation stands.
        self._timer = node.create_timer(_LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look(self) -> None:
        """Subscribe a second time once a publisher keeps its last message."""
        publishers = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(self._topic))
        if not any(_keeps(each.qos_profile) for each in publishers):
            return
        self._timer.cancel()
        # A volatile publisher beside the latched one is heard by the first subscription: no warning.
        events = _EVENTS.SubscriptionEventCallbacks(incompatible_qos=lambda _event: None)
        self._node.create_subscription(
            self._kind, self._topic, self._callback, self._latched, event_callbacks=events
        )


def _keeps(theirs: QoSProfile) -> bool:
    reliable = theirs.reliability == ReliabilityPolicy.RELIABLE
    return bool(reliable and theirs.durability == DurabilityPolicy.TRANSIENT_LOCAL)
