# SPDX-License-Identifier: Apache-2.0
"""Health of a node: a summary every second on `/diagnostics`, refused frames on `refusals`, and the console.

A message on `refusals` carries the stamp of its image, which is also the stamp of `fix`. A summary carries
the node's time. The console says why there is no fix when it begins, and then every 30 s while it lasts.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from geoloc.camera import messages
from geoloc.errors import FrameRefused, GeolocError, Reason
from geoloc.nodes import messages_in, messages_out, topics, wiring
from geoloc.nodes.console import Console
from geoloc.refusal_tally import RefusalTally

_PERIOD_S = 1.0
_SILENT_AFTER_S = 2.0
_CLOCK_STILL_S = 1.0
_PATIENCE_S = 4.0  # silence before the console complains: nodes start one after the other
_REMEMBERED = 256
_REFUSALS_KEPT = 64
_CLOCK = "/clock"
NO_FRAMES = "no_frames"
"""Reason of a condition without a frame; all others are values of `Reason`."""


@dataclass(frozen=True)
class Condition:
    """State of a node.

    Attributes:
        level: level of `DiagnosticStatus`.
        sentence: why there is no fix, or that there is one.
        reason: value of `Reason`, `NO_FRAMES`, or empty if frames are answered.
        is_normal: whether this belongs to every flight, so that the console need not warn.
    """

    level: bytes
    sentence: str
    reason: str = ""
    is_normal: bool = False


class Health:
    """Counts the frames that a node answered and refused, and tells others.

    Args:
        node: node to report on.
        facts: function that returns further values for each summary.
        waits_for: function that returns the sentence for the time in which no frame arrives, with resolved
            topics and their publishers.
        concern: function that returns a sentence about a trouble although frames are answered, or None.
        says_silence: function that returns whether this node says on the console why no frame arrives; if
            not, an earlier node does.
        says_return: whether this node gives the suite's answers, and so says on the console when they return.
    """

    def __init__(
        self,
        node: Node,
        facts: Callable[[], Mapping[str, object]] = dict,
        *,
        waits_for: Callable[[], str] | None = None,
        concern: Callable[[], str | None] = lambda: None,
        says_silence: Callable[[], bool] = lambda: True,
        says_return: bool = False,
    ) -> None:
        self._node = node
        self._facts = facts
        self._waits_for = waits_for or self._waits_for_any
        self._concern = concern
        self._says_silence = says_silence
        self._console = Console(node, says_return=says_return)
        self._lock = threading.Lock()
        self._answered = 0
        self._refused = RefusalTally()
        self._refusals: dict[int, FrameRefused] = {}
        self._last_refusal: FrameRefused | None = None
        self._refused_ns: int | None = None
        self._last_at_s: float | None = None
        self._began_s = time.monotonic()
        self._clock_ns = 0
        self._clock_moved_s = self._began_s
        self._arrivals_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._age_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._compute_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._summaries = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        self._refusing = node.create_publisher(DiagnosticArray, topics.REFUSALS, topics.every_answer())
        # Steady time, because with use_sim_time and no /clock a timer in ROS time would never fire.
        self._timer = node.create_timer(
            _PERIOD_S, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def silent_for_s(self) -> float:
        """Return the time since the last frame; inf before the first."""
        last = self._last_at_s
        return float("inf") if last is None else time.monotonic() - last

    def answered(self, stamp_ns: int, compute_s: float, what: str) -> None:
        """Count an answered frame.

        Args:
            stamp_ns: stamp of the frame.
            compute_s: time that this node worked on it.
            what: result, for the log at level debug.
        """
        age_ms = (self._node.get_clock().now().nanoseconds - stamp_ns) / 1e6
        with self._lock:
            self._record_frame(None)
            self._answered += 1
            self._age_ms.append(age_ms)
            self._compute_ms.append(compute_s * 1e3)
        self._node.get_logger().debug(
            f"frame {stamp_ns}: {what}; {compute_s * 1e3:.1f} ms, done {age_ms:.0f} ms after the stamp"
        )

    def refused(self, stamp_ns: int, refusal: FrameRefused) -> None:
        """Count a refused frame and publish its reason at once."""
        with self._lock:
            self._record_frame(stamp_ns)
            self._refused.add(refusal)
            self._last_refusal = refusal
            self._keep(stamp_ns, refusal)
        self._refusing.publish(messages_out.refusal(self._node, stamp_ns, refusal))
        self._node.get_logger().debug(f"frame {stamp_ns}: refused, {refusal.reason}: {refusal.sentence}")
        is_search = refusal.reason is Reason.SEARCHING
        self._console.no_fix(refusal.sentence, self._answered, is_normal=is_search)

    def refused_before(self, stamp_ns: int) -> None:
        """Record a frame that an earlier node refused; that node has published the reason."""
        with self._lock:
            self._record_frame(stamp_ns)
        self._console.no_fix(None, self._answered)

    def hear_earlier_nodes(self) -> None:
        """Subscribe to `refusals`, for the sentences about frames that an earlier node refused."""
        self._node.create_subscription(DiagnosticArray, topics.REFUSALS, self._hear, topics.every_answer())

    def sum_up(self) -> None:
        """Say on the console, at the end of a flight, how many frames were refused for each reason."""
        with self._lock:
            said = self._refused.sentences()
        for sentence in said:
            self._node.get_logger().info(f"refused in this flight: {sentence}")

    def condition(self) -> Condition:
        """Return the state of the node now."""
        if self.silent_for_s() > _SILENT_AFTER_S:
            return self._silence()
        with self._lock:
            if self._refused_ns is None:
                return Condition(DiagnosticStatus.OK, "frames are answered.")
            refusal = self._refusals.get(self._refused_ns)
        if refusal is None:
            return Condition(DiagnosticStatus.WARN, "an earlier node refused the frame.")
        return Condition(DiagnosticStatus.WARN, refusal.sentence, str(refusal.reason))

    def publish(self) -> None:
        """Publish the summary, and say on the console what is due."""
        self._watch_clock()
        condition, concern = self.condition(), self._concern()
        self._say(condition, concern)
        with self._lock:
            values = self._values()
        if concern is not None:
            values["concern"] = concern
        level, sentence = condition.level, condition.sentence
        if concern is not None and level == DiagnosticStatus.OK:
            level, sentence = DiagnosticStatus.WARN, concern
        status = messages_out.status(self._node, "frames", level, sentence, {**values, **self._facts()})
        stamp = messages_out.header(self._node.get_clock().now().nanoseconds, "")
        self._summaries.publish(DiagnosticArray(header=stamp, status=[status]))

    def _say(self, condition: Condition, concern: str | None) -> None:
        if condition.level == DiagnosticStatus.OK:
            self._console.fix()
        else:
            silent_s = min(self.silent_for_s(), time.monotonic() - self._began_s)
            is_ours = condition.reason == NO_FRAMES and silent_s > self._patience_s() and self._says_silence()
            sentence = condition.sentence if is_ours else None
            self._console.no_fix(sentence, self._answered, is_normal=condition.is_normal)
        self._console.concern(concern)

    def _patience_s(self) -> float:
        """Return the silence that is normal: twice the time between the last two frames, or a few seconds."""
        with self._lock:
            last_two = [*self._arrivals_s][-2:]
        return max(_PATIENCE_S, 2.0 * (last_two[-1] - last_two[0])) if last_two else _PATIENCE_S

    def _record_frame(self, refused_ns: int | None) -> None:
        self._refused_ns = refused_ns
        self._last_at_s = time.monotonic()
        self._arrivals_s.append(self._last_at_s)

    def _keep(self, stamp_ns: int, refusal: FrameRefused) -> None:
        self._refusals[stamp_ns] = refusal
        while len(self._refusals) > _REFUSALS_KEPT:
            del self._refusals[next(iter(self._refusals))]

    def _hear(self, message: DiagnosticArray) -> None:
        for refusal in messages_in.refusals(message):
            with self._lock:
                self._keep(messages.stamp_ns(message), refusal)

    def _watch_clock(self) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns != self._clock_ns:
            self._clock_ns, self._clock_moved_s = now_ns, time.monotonic()

    def _silence(self) -> Condition:
        simulated = self._node.get_clock().ros_time_is_active
        if simulated and self._clock_ns == 0:
            sentence = "use_sim_time is true, but /clock has no messages; start the simulation or the replay"
        elif simulated and time.monotonic() - self._clock_moved_s > _CLOCK_STILL_S:
            sentence = "/clock stands still; the simulation or the replay has paused or ended"
        else:
            return Condition(DiagnosticStatus.ERROR, self._waits_for(), NO_FRAMES)
        # A replay publishes its first time once the nodes are up, so a publisher alone is no reason to warn.
        is_normal = self._clock_ns > 0 or wiring.publishers(self._node, _CLOCK) > 0
        sentence = wiring.with_topics(sentence, self._node, _CLOCK)
        return Condition(DiagnosticStatus.ERROR, sentence, NO_FRAMES, is_normal=is_normal)

    def _waits_for_any(self) -> str:
        names = {subscription.topic_name for subscription in self._node.subscriptions}
        sentence = "no frames arrive; check the topics and their names"
        return wiring.with_topics(sentence, self._node, *sorted(names))

    def _values(self) -> dict[str, object]:
        values: dict[str, object] = {
            "rate_hz": f"{_rate_hz(self._arrivals_s):.2f}",
            "answered": self._answered,
            "refused": self._refused.counts.total(),
        }
        values |= {f"refused_{reason}": count for reason, count in sorted(self._refused.counts.items())}
        for name, samples in (("age_ms", self._age_ms), ("compute_ms", self._compute_ms)):
            if samples:
                p50, p95 = np.percentile(samples, [50, 95])
                values |= {f"{name}_p50": f"{p50:.1f}", f"{name}_p95": f"{p95:.1f}"}
        if self._last_refusal is not None:
            values["last_refusal"] = f"{self._last_refusal.reason}: {self._last_refusal.sentence}"
        return values


def _rate_hz(arrivals_s: "deque[float]") -> float:
    """Return the frames per second over the last five seconds."""
    now = time.monotonic()
    recent = [at for at in arrivals_s if now - at < 5.0]
    return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0


def as_refusal(error: GeolocError, reason: Reason) -> FrameRefused:
    """Convert an error to a refused frame, so that the node continues with the next frame."""
    return error if isinstance(error, FrameRefused) else FrameRefused(reason, str(error))
