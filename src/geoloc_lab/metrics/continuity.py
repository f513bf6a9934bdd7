# SPDX-License-Identifier: Apache-2.0
"""Availability over time: first fix, outages, recovery after a kidnap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc import geodesy
from geoloc.arrays import BoolArray, Float64Array
from geoloc_lab.bags.truth_samples import jumped
from geoloc_lab.metrics.answers import Answers

RECOVERED_M = 50.0


@dataclass(frozen=True)
class FirstFix:
    """The first fix of a flight; without one, `frames` is -1 and the other attributes are NaN.

    Attributes:
        frames: number of frames refused before the first fix.
        seconds, metres: time and distance flown from the first frame to the first fix.
        error_m: error of the first fix.
        availability_after: share of frames with a fix, from the first fix on.
    """

    frames: int
    seconds: float
    metres: float
    error_m: float
    availability_after: float


@dataclass(frozen=True)
class Outage:
    """The longest run of frames without a fix.

    `seconds` and `metres` are measured from the fix before the run to the fix after it.
    """

    frames: int
    seconds: float
    metres: float


@dataclass(frozen=True)
class Recovery:
    """Recovery after a kidnap: the drone was moved to another place without odometry of the way.

    A kidnap is not recovered from if no fix lies within 50 m of the truth before the next kidnap or the end.

    Attributes:
        stamp_ns: time at which the drone was at the new place.
        seconds: time to the first fix within 50 m of the truth; NaN if not recovered.
        frames: number of frames before that fix; if not recovered, before the next kidnap or the end.
        false_fixes: number of these frames that were answered; their errors exceed 50 m.
    """

    stamp_ns: int
    seconds: float
    frames: int
    false_fixes: int


@dataclass(frozen=True)
class Continuity:
    """First fix, longest outage and recoveries of a flight; `kidnaps` in time order."""

    first_fix: FirstFix
    longest_outage: Outage
    kidnaps: tuple[Recovery, ...]


def continuity(answers: Answers, kidnaps_ns: Sequence[int] | None = None) -> Continuity:
    """Return first fix, longest outage and recoveries of a flight.

    Args:
        answers: the frames with a truth.
        kidnaps_ns: stamps of the kidnaps; None detects them as jumps of the truth.
    """
    stamps_ns = kidnap_stamps_ns(answers) if kidnaps_ns is None else sorted(kidnaps_ns)
    return Continuity(first_fix(answers), longest_outage(answers), recoveries(answers, stamps_ns))


def flown_m(answers: Answers) -> Float64Array:
    """Return the distance flown (n,) since the first frame, excluding the jumps of kidnaps."""
    if len(answers) < 2:
        return np.zeros(len(answers))
    steps_m, jumps = _steps(answers)
    return np.concatenate([[0.0], np.cumsum(np.where(jumps, 0.0, steps_m))])


def kidnap_stamps_ns(answers: Answers) -> list[int]:
    """Return the stamps of the frames before which the truth jumped."""
    if len(answers) < 2:
        return []
    _, jumps = _steps(answers)
    return [int(stamp) for stamp in answers.stamp_ns[1:][jumps]]


def first_fix(answers: Answers) -> FirstFix:
    """Return the first fix of a flight."""
    if not answers.answered.any():
        return FirstFix(-1, math.nan, math.nan, math.nan, math.nan)
    row = int(np.argmax(answers.answered))
    return FirstFix(
        frames=row,
        seconds=float(answers.stamp_ns[row] - answers.stamp_ns[0]) * 1e-9,
        metres=float(flown_m(answers)[row]),
        error_m=float(answers.distance_m[row]),
        availability_after=float(answers.answered[row:].mean()),
    )


def longest_outage(answers: Answers) -> Outage:
    """Return the longest run of frames without a fix, the first of equally long ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], answers.answered, [True]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return Outage(0, 0.0, 0.0)
    longest = int(np.argmax(ends - starts))
    before, after = max(0, int(starts[longest]) - 1), min(len(answers) - 1, int(ends[longest]))
    seconds = float(answers.stamp_ns[after] - answers.stamp_ns[before]) * 1e-9
    travelled_m = flown_m(answers)
    return Outage(
        int(ends[longest] - starts[longest]), seconds, float(travelled_m[after] - travelled_m[before])
    )


def recoveries(answers: Answers, kidnaps_ns: Sequence[int]) -> tuple[Recovery, ...]:
    """Return the recovery after each kidnap; a kidnap after the last frame has none."""
    starts = [int(np.searchsorted(answers.stamp_ns, stamp)) for stamp in kidnaps_ns]
    ends = [*starts, len(answers)][1:]
    return tuple(
        _recovery(answers.take(np.arange(start, end)), stamp)
        for start, end, stamp in zip(starts, ends, kidnaps_ns, strict=True)
        if start < end
    )


def _recovery(after: Answers, stamp_ns: int) -> Recovery:
    near = after.distance_m <= RECOVERED_M
    frames = int(np.argmax(near)) if near.any() else len(after)
    seconds = float(after.stamp_ns[frames] - stamp_ns) * 1e-9 if near.any() else math.nan
    return Recovery(stamp_ns, seconds, frames, int(after.answered[:frames].sum()))


def _steps(answers: Answers) -> tuple[Float64Array, BoolArray]:
    """Return the distances between successive truths, metres, and a mask of jumps, (n - 1,) each."""
    steps_m = geodesy.distance_m(*answers.truth_deg[:-1].T, *answers.truth_deg[1:].T)
    return steps_m, jumped(steps_m, np.diff(answers.stamp_ns) * 1e-9)
