# SPDX-License-Identifier: Apache-2.0
"""What a simulated live flight has measured: frames sent, fixes heard, and the figures from both."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from loop import Loop

from geoloc.geodesy import LocalFrame

_MS = 1e6


@dataclass(frozen=True)
class Sent:
    """A frame that the camera published: its stamp, and the machine's time just before."""

    stamp_ns: int
    wall_ns: int


@dataclass(frozen=True)
class Answer:
    """A frame with its fix: when it was sent, when the fix came, and how far it is off the true place."""

    sent: Sent
    wall_ns: int
    error_m: float

    @property
    def latency_ms(self) -> float:
        """Milliseconds from publishing the frame to receiving its fix."""
        return (self.wall_ns - self.sent.wall_ns) / _MS


@dataclass(frozen=True)
class FlightLog:
    """The frames of one camera and what one suite answered.

    Attributes:
        sent: frames in the order of publishing.
        answers: answers by the frame's stamp; a frame without a fix has none.
        strays: number of fixes with a position whose stamp no frame has.
        health: last values on /diagnostics by node.
    """

    sent: Sequence[Sent]
    answers: dict[int, Answer]
    strays: int = 0
    health: dict[str, dict[str, str]] = field(default_factory=dict)

    def between(self, from_ns: int, until_ns: int) -> "FlightLog":
        """Return the log of the frames that were sent in a span of the machine's time."""
        sent = [frame for frame in self.sent if from_ns <= frame.wall_ns < until_ns]
        answers = {one.stamp_ns: self.answers[one.stamp_ns] for one in sent if one.stamp_ns in self.answers}
        return FlightLog(sent, answers, self.strays, self.health)

    def after_first_fix(self) -> "FlightLog":
        """Return the log from the first answered frame on; the whole log if none is answered."""
        first = next((frame for frame in self.sent if frame.stamp_ns in self.answers), None)
        return self if first is None else self.between(first.wall_ns, self.sent[-1].wall_ns + 1)

    def counted(self, key: str) -> int:
        """Return the sum of a count over the nodes' last summaries; 0 where no node counts it."""
        return sum(int(values.get(key, "0")) for values in self.health.values())


@dataclass(frozen=True)
class Figures:
    """The figures of a log: counts, milliseconds from publishing a frame to its fix, metres.

    Figures of answers are NaN where no frame is answered.
    """

    sent: int
    answered: int
    seconds: float
    p50_ms: float = math.nan
    p95_ms: float = math.nan
    p99_ms: float = math.nan
    max_ms: float = math.nan
    median_m: float = math.nan
    p95_m: float = math.nan
    max_m: float = math.nan

    @property
    def share(self) -> float:
        """Answered frames of those sent; 0 if none was sent."""
        return self.answered / self.sent if self.sent else 0.0

    @property
    def per_s(self) -> float:
        """Answered frames a second."""
        return self.answered / self.seconds if self.seconds > 0 else 0.0


def figures(log: FlightLog) -> Figures:
    """Return the figures of all frames of a log."""
    frames = len(log.sent)
    span_s = (log.sent[-1].wall_ns - log.sent[0].wall_ns) / 1e9 if frames > 1 else 0.0
    seconds = span_s * frames / max(1, frames - 1)
    if not log.answers:
        return Figures(frames, 0, seconds)
    latency = np.percentile([one.latency_ms for one in log.answers.values()], [50, 95, 99, 100])
    error = np.percentile([one.error_m for one in log.answers.values()], [50, 95, 100])
    return Figures(frames, len(log.answers), seconds, *latency.tolist(), *error.tolist())


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Read the lines of a process's log; a last line that is not complete is left out."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_log(sent: Iterable[Path], heard: Path, loop: Loop, lead: float, frame: LocalFrame) -> FlightLog:
    """Read the logs of the cameras of one drone and of its probe.

    Args:
        sent: logs of camera.py.
        heard: log of probe.py.
        loop: the loop that the drone flew.
        lead: its head start.
        frame: local frame of the scene.
    """
    lines = [line for file in sent for line in read_lines(file)]
    frames = sorted((Sent(line["stamp_ns"], line["wall_ns"]) for line in lines), key=lambda one: one.wall_ns)
    by_stamp = {one.stamp_ns: one for one in frames}
    answers: dict[int, Answer] = {}
    health: dict[str, dict[str, str]] = {}
    strays = 0
    for line in read_lines(heard):
        if line["kind"] == "health":
            health[line["name"]] = line["values"]
        elif line["found"]:
            origin = by_stamp.get(line["stamp_ns"])
            if origin is None:
                strays += 1
                continue
            east, north = frame.to_local(line["latitude"], line["longitude"])
            true_east, true_north = loop.place(loop.turn(origin.stamp_ns, lead))
            away_m = math.hypot(float(east) - true_east, float(north) - true_north)
            answers.setdefault(origin.stamp_ns, Answer(origin, line["wall_ns"], away_m))
    return FlightLog(frames, answers, strays, health)
