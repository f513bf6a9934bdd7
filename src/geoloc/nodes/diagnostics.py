# SPDX-License-Identifier: Apache-2.0
"""Health of a node on `/diagnostics`: a summary every second, and each refused frame at once.

The message of a refused frame carries the stamp of its image, which is also the stamp of `fix`, and the value
`reason`. A summary carries the node's time.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from geoloc.errors import FrameRefused, GeolocError, Reason
from geoloc.nodes import messages_out, topics

_PERIOD_S = 1.0
_STALE_AFTER_S = 2.0
_REMEMBERED = 256
_REMINDER_S = 30.0


class Health:
    """Counts the frames that a node answered and refused, and publishes the counts.

    Args:
        node: node to report on; its name is the name of the status.
        extra: function that returns further values for each summary.
        waits_for: function that returns the sentence for the time without a frame.
        concern: function that returns a sentence if frames are lost although others are answered.
    """

    def __init__(
        self,
        node: Node,
        extra: Callable[[], Mapping[str, object]] = dict,
        *,
        waits_for: Callable[[], str] = lambda: "no frames arrive; check the topics and their names.",
        concern: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._node = node
        self._extra = extra
        self._waits_for, self._concern = waits_for, concern
        self._lock = threading.Lock()
        self._answered = 0
        self._refused: Counter[str] = Counter()
        self._last_refusal: FrameRefused | None = None
        self._last_was_refused = False
        self._last_at_s: float | None = None
        self._arrivals_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._age_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._compute_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        # Steady time, because with use_sim_time and no /clock a timer in ROS time would never fire.
        self._timer = node.create_timer(
            _PERIOD_S, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def silent_for_s(self) -> float:
        """Return the time since the last frame; inf before the first."""
        last = self._last_at_s
        return float("inf") if last is None else time.monotonic() - last

    def answered(self, stamp_ns: int, compute_s: float) -> None:
        """Count an answered frame, with the time that this node worked on it."""
        age_ms = (self._node.get_clock().now().nanoseconds - stamp_ns) / 1e6
        with self._lock:
            self._touch(refused=False)
            self._answered += 1
            self._age_ms.append(age_ms)
            self._compute_ms.append(compute_s * 1e3)

    def refused(self, stamp_ns: int, refusal: FrameRefused) -> None:
        """Count a refused frame and publish its reason at once."""
        with self._lock:
            self._touch(refused=True)
            self._refused[str(refusal.reason)] += 1
            self._last_refusal = refusal
        values = {"reason": refusal.reason, "stamp_ns": stamp_ns}
        self._send(stamp_ns, DiagnosticStatus.WARN, refusal.sentence, values)

    def refused_before(self) -> None:
        """Record a frame that an earlier node refused; that node has published the reason."""
        with self._lock:
            self._touch(refused=True)
            self._last_refusal = None

    def publish(self) -> None:
        """Publish the summary."""
        with self._lock:
            level, sentence = self._verdict()
            values = self._values()
        if concern := self._concern():
            values["concern"] = concern
            self._node.get_logger().warning(concern, throttle_duration_sec=_REMINDER_S)
        self._send(self._node.get_clock().now().nanoseconds, level, sentence, {**values, **self._extra()})

    def _touch(self, *, refused: bool) -> None:
        self._last_was_refused = refused
        self._last_at_s = time.monotonic()
        self._arrivals_s.append(self._last_at_s)

    def _verdict(self) -> tuple[bytes, str]:
        if self.silent_for_s() > _STALE_AFTER_S:
            clock = self._node.get_clock()
            if clock.ros_time_is_active and clock.now().nanoseconds == 0:
                return (
                    DiagnosticStatus.ERROR,
                    "use_sim_time is true, but /clock has no messages; start the simulation or the replay.",
                )
            return DiagnosticStatus.STALE, self._waits_for()
        if self._last_was_refused:
            refusal = self._last_refusal
            return (
                DiagnosticStatus.WARN,
                refusal.sentence if refusal else "an earlier node refused the frame.",
            )
        if concern := self._concern():
            return DiagnosticStatus.WARN, concern
        return DiagnosticStatus.OK, "frames are answered."

    def _values(self) -> dict[str, object]:
        values: dict[str, object] = {
            "rate_hz": f"{_rate_hz(self._arrivals_s):.2f}",
            "answered": self._answered,
            "refused": sum(self._refused.values()),
        }
        values |= {f"refused_{reason}": count for reason, count in sorted(self._refused.items())}
        for name, samples in (("age_ms", self._age_ms), ("compute_ms", self._compute_ms)):
            if samples:
                p50, p95 = np.percentile(samples, [50, 95])
                values |= {f"{name}_p50": f"{p50:.1f}", f"{name}_p95": f"{p95:.1f}"}
        if self._last_refusal is not None:
            values["last_refusal"] = f"{self._last_refusal.reason}: {self._last_refusal.sentence}"
        return values

    def _send(self, stamp_ns: int, level: bytes, sentence: str, values: Mapping[str, object]) -> None:
        status = DiagnosticStatus(
            level=level,
            name=self._node.get_fully_qualified_name().lstrip("/"),
            message=sentence,
            hardware_id="geoloc",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        stamp = messages_out.header(stamp_ns, "")
        self._publisher.publish(DiagnosticArray(header=stamp, status=[status]))


def _rate_hz(arrivals_s: "deque[float]") -> float:
    """Return the frames per second over the last five seconds."""
    now = time.monotonic()
    recent = [at for at in arrivals_s if now - at < 5.0]
    return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0


def as_refusal(error: GeolocError, reason: Reason) -> FrameRefused:
    """Convert an error to a refused frame, so that the node continues with the next frame."""
    return error if isinstance(error, FrameRefused) else FrameRefused(reason, str(error))
