# SPDX-License-Identifier: Apache-2.0
"""The suite's state on `state`, each second whatever the clock does: for a mission computer or a display."""

import math
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from geoloc.fix import Fix
from geoloc.integrity import sigma_m
from geoloc.nodes import messages_out, topics
from geoloc.nodes.diagnostics import Health

_PERIOD_S = 1.0


class StatePublisher:
    """Publishes whether the suite answers, and if not, why.

    Args:
        node: node that gives the answers.
        health: health of that node; level and sentence are its condition.
        state: function that returns the filter's state.
    """

    def __init__(self, node: Node, health: Health, state: Callable[[], object]) -> None:
        self._node = node
        self._health = health
        self._state = state
        self._logged_state = str(state())
        self._fix_at_s = -math.inf
        self._sigma_m = math.nan
        self._publisher = node.create_publisher(DiagnosticStatus, topics.STATE, topics.every_answer())
        self._timer = node.create_timer(
            _PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def note(self, fix: Fix) -> None:
        """Record an answer, also one without a position."""
        if fix.has_position:
            self._fix_at_s, self._sigma_m = time.monotonic(), float(sigma_m(fix.covariance_m2))
        state = str(self._state())
        if state != self._logged_state:
            self._node.get_logger().debug(f"state: from {self._logged_state} to {state}")
            self._logged_state = state

    def _publish(self) -> None:
        condition = self._health.condition()
        values = {
            "state": self._state(),
            "reason": condition.reason,
            "last_fix_age_s": f"{time.monotonic() - self._fix_at_s:.1f}",
            "sigma_m": f"{self._sigma_m:.2f}",
        }
        self._publisher.publish(
            messages_out.status(self._node, "state", condition.level, condition.sentence, values)
        )
