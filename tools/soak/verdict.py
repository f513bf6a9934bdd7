# SPDX-License-Identifier: Apache-2.0
"""Judges a soaked flight: did the fixes return, were they near the truth, did memory stay flat?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from flightlog import FlightLog, figures

GRACE_S = 5.0
"""Seconds after a disturbance from which the fixes must have returned."""

LEAST_SHARE = 0.9
"""Part of the undisturbed run's answers that must come after a disturbance."""

FARTHEST_M = 50.0
_WARM_S, _LONG_S = 10.0, 20.0
_GROWTH, _GROWTH_MB = 1.2, 20.0
_NS = 1e9


@dataclass(frozen=True)
class Disturbance:
    """Something that happened to a flight, in nanoseconds of the machine's time.

    Attributes:
        name: what happened.
        began_ns: its begin.
        over_ns: its end; after a kill, the node's process runs again.
        from_end: whether the recovery is counted from its end, as after a pause, in which no fix can come.
    """

    name: str
    began_ns: int
    over_ns: int
    from_end: bool = False


Memory = Mapping[int, tuple[str, Sequence[tuple[float, float]]]]
"""By process id: node, and (seconds, MB) once a second."""


@dataclass(frozen=True)
class Flown:
    """A flight of one suite, from its first fix on.

    Attributes:
        name: the scenario, with the namespace if it has several suites.
        log: frames and answers.
        began_ns: begin of the measurement.
        ended_ns: its end.
        disturbances: in order of time.
        memory: resident memory of every process that was a node.
        dead: nodes that ended although nobody ended them.
        found: what the scenario itself found wrong, as sentences without a subject.
        by_rate: whether to compare answers per second instead of answers per frame, because the camera sends
            more frames than the nodes can answer.
    """

    name: str
    log: FlightLog
    began_ns: int
    ended_ns: int
    disturbances: Sequence[Disturbance] = ()
    memory: Memory = field(default_factory=dict)
    dead: Sequence[str] = ()
    found: Sequence[str] = ()
    by_rate: bool = False


@dataclass(frozen=True)
class Baseline:
    """The undisturbed run: answered part of the frames, answers per second."""

    share: float
    per_s: float


@dataclass(frozen=True)
class Row:
    """A row of the table; figures are NaN where there are none, memory is MB of all nodes together."""

    scenario: str
    after: str
    sent: int
    answered: int
    per_s: float
    p50_ms: float
    p95_ms: float
    recovery_s: float
    worst_m: float
    rss_first_mb: float = math.nan
    rss_last_mb: float = math.nan
    rss_max_mb: float = math.nan

    @property
    def share(self) -> float:
        """Answered frames of those sent."""
        return self.answered / self.sent if self.sent else 0.0


def baseline(flown: Flown) -> Baseline:
    """Return what an undisturbed flight answers."""
    found = figures(flown.log.between(flown.began_ns, flown.ended_ns))
    return Baseline(found.share, found.per_s)


def spans(flown: Flown) -> Iterator[tuple[Disturbance | None, int, int]]:
    """Yield each disturbance and the span in which answers are due; None is the span before the first."""
    later = [one.began_ns for one in flown.disturbances] + [flown.ended_ns]
    if later[0] - flown.began_ns > _NS:
        yield None, flown.began_ns, later[0]
    for number, one in enumerate(flown.disturbances):
        yield one, one.over_ns + round(GRACE_S * _NS), later[number + 1]


def recovery_s(log: FlightLog, disturbance: Disturbance) -> float:
    """Return the seconds until the first fix of a frame that was sent after the disturbance; inf if none."""
    came = [one.wall_ns for one in log.answers.values() if one.sent.wall_ns >= disturbance.over_ns]
    counted_from_ns = disturbance.over_ns if disturbance.from_end else disturbance.began_ns
    return (min(came) - counted_from_ns) / _NS if came else math.inf


def rows(flown: Flown) -> list[Row]:
    """Return a row for the undisturbed begin of a flight, and one for each disturbance."""
    found = []
    for disturbance, begin_ns, end_ns in spans(flown):
        part = flown.log.between(begin_ns, end_ns)
        got = figures(part)
        span_s = (end_ns - begin_ns) / _NS
        found.append(
            Row(
                flown.name,
                disturbance.name if disturbance else "",
                got.sent,
                got.answered,
                got.answered / span_s if span_s > 0 else 0.0,
                got.p50_ms,
                got.p95_ms,
                recovery_s(flown.log, disturbance) if disturbance else math.nan,
                got.max_m,
                *rss_mb(flown.memory, begin_ns, end_ns),
            )
        )
    return found


def rss_mb(memory: Memory, begin_ns: int, end_ns: int) -> tuple[float, float, float]:
    """Return first, last and largest resident memory of all nodes together in a span, NaN without samples."""
    together: dict[int, float] = {}
    for _, samples in memory.values():
        for at_s, mb in samples:
            if begin_ns <= at_s * _NS < end_ns:
                together[round(at_s)] = together.get(round(at_s), 0.0) + mb
    series = [together[at] for at in sorted(together)]
    return (series[0], series[-1], max(series)) if series else (math.nan, math.nan, math.nan)


def complaints(flown: Flown, base: Baseline) -> Iterator[str]:
    """Yield a sentence for everything that a flight did not hold."""
    for row in rows(flown):
        where = f"{flown.name}, {f'after {row.after}' if row.after else 'before any disturbance'}"
        yield from _missing(where, row, base, by_rate=flown.by_rate)
    worst = max((one.error_m for one in flown.log.answers.values()), default=0.0)
    if worst > FARTHEST_M:
        yield f"{flown.name}: a fix was {worst:.0f} m off; {FARTHEST_M:.0f} m are allowed."
    if flown.log.strays:
        yield f"{flown.name}: {flown.log.strays} fixes had a stamp that no frame has."
    for node in flown.dead:
        yield f"{flown.name}: {node} ended although nobody ended it."
    for node, first_mb, last_mb in grown(flown.memory, flown.began_ns):
        yield f"{flown.name}: memory of {node} grew from {first_mb:.0f} to {last_mb:.0f} MB."
    for sentence in flown.found:
        yield f"{flown.name}: {sentence}"


def _missing(where: str, row: Row, base: Baseline, *, by_rate: bool) -> Iterator[str]:
    if row.sent == 0:
        yield f"{where}: no frame was sent in the time that is judged."
    elif by_rate and row.per_s < LEAST_SHARE * base.per_s:
        yield f"{where}: {row.per_s:.1f} fixes a second; undisturbed {base.per_s:.1f}."
    elif not by_rate and row.share < LEAST_SHARE * base.share:
        yield (
            f"{where}: {row.answered} of {row.sent} frames were answered ({100 * row.share:.0f} %); "
            f"undisturbed {100 * base.share:.0f} %."
        )


def grown(memory: Memory, began_ns: int) -> Iterator[tuple[str, float, float]]:
    """Yield node, first and last memory (MB) of each process whose memory grew.

    The medians of its first and last quarter are compared, from the begin of the measurement on and without
    the seconds of its own start; short-lived processes are not judged.
    """
    for name, samples in memory.values():
        since_s = max(began_ns / _NS, samples[0][0] + _WARM_S) if samples else 0.0
        series = [mb for at_s, mb in samples if at_s >= since_s]
        if len(series) < _LONG_S:
            continue
        quarter = len(series) // 4
        first_mb, last_mb = float(np.median(series[:quarter])), float(np.median(series[-quarter:]))
        if last_mb > _GROWTH * first_mb + _GROWTH_MB:
            yield name, first_mb, last_mb


HEAD = (
    f"{'scenario':<16}{'after':<36}{'fixes/sent':>12}{'1/s':>6}{'p50':>6}{'p95 ms':>8}"
    f"{'back s':>8}{'worst m':>9}{'RSS first':>11}{'last':>6}{'max MB':>8}"
)


def line(row: Row) -> str:
    """Return a row of the table that `HEAD` begins."""
    return (
        f"{row.scenario:<16}{row.after:<36}{f'{row.answered}/{row.sent}':>12}{_text(row.per_s, 1):>6}"
        f"{_text(row.p50_ms):>6}{_text(row.p95_ms):>8}{_text(row.recovery_s, 1):>8}{_text(row.worst_m, 1):>9}"
        f"{_text(row.rss_first_mb):>11}{_text(row.rss_last_mb):>6}{_text(row.rss_max_mb):>8}"
    )


def _text(value: float, digits: int = 0) -> str:
    return "–" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.{digits}f}"
