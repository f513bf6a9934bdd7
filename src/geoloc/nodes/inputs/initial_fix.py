# SPDX-License-Identifier: Apache-2.0
"""The topic `initial_fix`: positions from GNSS or the pilot, and a log of what became of them.

A stream of hints is logged once, and again every `_REPEAT_S` as long as nothing else happens to it.
"""

import time

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import NavSatFix, NavSatStatus

from geoloc.arrays import Float64Array
from geoloc.camera import messages
from geoloc.errors import HintRefused
from geoloc.filter import HintVerdict, WeighedHint
from geoloc.localizer import Localizer
from geoloc.nodes.inputs.latched import LatchedInput

_REPEAT_S = 30.0
_SAME_S = 0.2  # a latched message comes through both subscriptions
_NS_PER_S = 1_000_000_000


class InitialFix:
    """Passes hints to the localizer, and counts and logs what became of them.

    Args:
        node: node that subscribes.
        localizer: localizer that weighs the hints.
        topic: name of the topic.
        quality: quality of service for every publisher.
        latched: quality of service for publishers that keep their last message.
    """

    def __init__(
        self, node: Node, localizer: Localizer, topic: str, quality: QoSProfile, latched: QoSProfile
    ) -> None:
        self._node = node
        self._localizer = localizer
        self._last_message: tuple[NavSatFix, float] | None = None
        self._told_ns: int | None = None
        self._said: tuple[str, float] = ("", 0.0)
        self._sentence = ""
        self._received = self._refused = self._contradicted = self._in_a_row = 0
        self._input = LatchedInput(
            node,
            NavSatFix,
            topic,
            self._on_message,
            quality,
            latched,
            QoSOverridingOptions.with_default_policies(),
        )

    def facts(self) -> dict[str, object]:
        """Return the counts for `/diagnostics`; empty before the first hint."""
        if not self._received:
            return {}
        return {
            "hints_received": self._received,
            "hints_refused": self._refused,
            "hints_contradicted": self._contradicted,
            "last_hint": self._sentence,
        }

    def tell(self, hint: WeighedHint | None) -> None:
        """Log what became of the last hint, unless that was done before."""
        if hint is None or hint.stamp_ns == self._told_ns:
            return
        self._told_ns = hint.stamp_ns
        contradicted = hint.verdict is HintVerdict.CONTRADICTED
        self._in_a_row = self._in_a_row + 1 if contradicted else 0
        self._contradicted += contradicted
        self._say(_sentence(hint, self._in_a_row), is_warning=contradicted)

    def _on_message(self, message: NavSatFix) -> None:
        now_s, last = time.monotonic(), self._last_message
        self._last_message = (message, now_s)
        if last is not None and now_s - last[1] < _SAME_S and message == last[0]:
            return
        self._received += 1
        try:
            remark = self._add(message)
        except HintRefused as refusal:
            self._refused += 1
            remark = str(refusal)
        if remark:
            self._say(remark, is_warning=True)

    def _add(self, message: NavSatFix) -> str:
        """Pass a hint on and return the remark about its covariance."""
        now_ns = self._node.get_clock().now().nanoseconds
        stamp_ns = messages.stamp_ns(message) or now_ns  # 0 if typed by hand
        if stamp_ns > now_ns + _NS_PER_S:
            raise HintRefused(
                f"the initial fix is stamped {(stamp_ns - now_ns) / _NS_PER_S:.0f} s ahead of this node's "
                "clock; check both clocks and use_sim_time, or stamp it 0."
            )
        return self._localizer.add_hint(stamp_ns, *_position(message)).remark

    def _say(self, sentence: str, *, is_warning: bool) -> None:
        self._sentence = sentence
        words, now_s = "".join(filter(str.isalpha, sentence)), time.monotonic()
        if words == self._said[0] and now_s - self._said[1] < _REPEAT_S:
            return  # only its numbers differ
        self._said = (words, now_s)
        # Two calls, because rclpy allows each line of code one severity.
        if is_warning:
            self._node.get_logger().warning(sentence)
        else:
            self._node.get_logger().info(sentence)


def _position(message: NavSatFix) -> tuple[float, float, Float64Array | None]:
    """Return latitude, longitude and covariance (2, 2) east-north of a `NavSatFix`; None if unknown.

    Raises:
        HintRefused: if the status of the message is `STATUS_NO_FIX`.
    """
    if message.status.status == NavSatStatus.STATUS_NO_FIX:
        raise HintRefused("the initial fix has STATUS_NO_FIX; send one with a position.")
    known = message.position_covariance_type != NavSatFix.COVARIANCE_TYPE_UNKNOWN
    covariance = np.array(message.position_covariance, dtype=np.float64).reshape(3, 3)[:2, :2]
    return message.latitude, message.longitude, covariance if known else None


def _sentence(hint: WeighedHint, in_a_row: int) -> str:
    sigma = f"a standard deviation of {hint.sigma_m:.1f} m"
    if hint.verdict is HintVerdict.CONTRADICTED:
        return (
            f"the initial fix contradicts the track ({in_a_row} in a row): it lies {hint.distance_m:.0f} m "
            f"away with {sigma}, and is cast off; check its source, or call ~/relocalize if the track is "
            "wrong."
        )
    if hint.verdict is HintVerdict.AGREED:
        return f"the initial fix agrees with the track: it lies {hint.distance_m:.1f} m away with {sigma}."
    what = "starts the track" if hint.verdict is HintVerdict.STARTED else "narrows the search"
    return f"the initial fix {what}, with {sigma}."
