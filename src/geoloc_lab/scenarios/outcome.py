# SPDX-License-Identifier: Apache-2.0
"""Computes the outcome of one or more flights, and checks it against targets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoloc_lab.metrics.answers import Answers, joined
from geoloc_lab.metrics.consistency import NOMINAL, chi2_band, consistency_of
from geoloc_lab.metrics.continuity import FirstFix, continuity
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, false_fixes
from geoloc_lab.reports.text import metres, percent

_ELLIPSE_TOLERANCE = 0.05


@dataclass(frozen=True)
class Outcome:
    """Metrics of one or more flights; NaN where a metric cannot be computed.

    Attributes:
        flights, frames, fixes: numbers of flights, of frames with a truth, and of fixes.
        availability: share of frames with a fix, counted from each flight's first fix on.
        median_m, p95_m: quantiles of the error of the fixes.
        false: share of the fixes whose error is larger than a limit, by limit in metres.
        frames_to_fix: number of frames up to and including the first fix, median over the flights; infinite
            for a flight without a fix.
        inside: share of the fixes inside their 1σ, 2σ, 3σ ellipse, by number of sigmas.
        nees: mean normalized estimation error squared; 2 if the covariances are consistent.
        nees_of_right: NEES of the fixes within 50 m, so that a few false fixes do not dominate.
        band: 95 % interval of the NEES of consistent covariances, for the effective number of fixes.
        back_s: time from each kidnap to the first fix within 50 m; NaN if no such fix followed.
    """

    flights: int
    frames: int
    fixes: int
    availability: float
    median_m: float
    p95_m: float
    false: Mapping[int, float]
    frames_to_fix: float
    inside: Mapping[int, float]
    nees: float
    nees_of_right: float
    band: tuple[float, float]
    back_s: tuple[float, ...]


@dataclass(frozen=True)
class TargetCheck:
    """A target, the measured value, and whether the target is met."""

    figure: str
    measured: str
    target: str
    met: bool


def outcome_of(flights: Sequence[Answers]) -> Outcome:
    """Return the metrics of flights that have at least one frame each."""
    answers = joined(flights)
    each = [consistency_of(flight) for flight in flights]
    course = [continuity(flight) for flight in flights]
    since = [
        flight.answered[one.first_fix.frames :]
        for flight, one in zip(flights, course, strict=True)
        if one.first_fix.frames >= 0
    ]
    fixed_m = answers.distance_m[answers.answered]
    together = consistency_of(answers)
    return Outcome(
        flights=len(flights),
        frames=len(answers),
        fixes=int(fixed_m.size),
        availability=float(np.concatenate(since).mean()) if since else 0.0,
        median_m=float(np.median(fixed_m)) if fixed_m.size else math.nan,
        p95_m=float(np.quantile(fixed_m, 0.95)) if fixed_m.size else math.nan,
        false={beyond: false_fixes(answers, beyond).rate for beyond in FALSE_BEYOND_M},
        frames_to_fix=float(np.median([_frames_to(one.first_fix) for one in course])),
        inside=together.inside,
        nees=together.nees,
        nees_of_right=together.nees_of_right,
        band=chi2_band(sum(one.effective_fixes for one in each)),
        back_s=tuple(recovery.seconds for one in course for recovery in one.kidnaps),
    )


def check_targets(outcome: Outcome) -> list[TargetCheck]:
    """Check an outcome against the targets."""
    low, high = outcome.band
    beyond = max(FALSE_BEYOND_M)
    return [
        _check("availability after the first fix", outcome.availability, 0.95, fine_percent, at_least=True),
        _check("median error", outcome.median_m, 8.0, only_metres),
        _check("p95 error", outcome.p95_m, 25.0, only_metres),
        _check(f"fixes more than {beyond} m off", outcome.false[beyond], 0.001, fine_percent),
        _check("frames to the first fix, median", outcome.frames_to_fix, 10.0, lambda n: f"{n:.0f}"),
        *(
            TargetCheck(
                f"inside the {sigma}σ ellipse",
                fine_percent(share),
                f"{fine_percent(NOMINAL[sigma])} ± 5",
                abs(share - NOMINAL[sigma]) <= _ELLIPSE_TOLERANCE,
            )
            for sigma, share in outcome.inside.items()
        ),
        TargetCheck("NEES", f"{outcome.nees:.2f}", f"{low:.2f} to {high:.2f}", low <= outcome.nees <= high),
    ]


def fine_percent(share: float) -> str:
    """Return a share of 1 in per cent; below 1 % with two decimals, for targets such as 0.10 %."""
    return percent(share, fine_below_one=True)


def only_metres(value: float) -> str:
    """Return a distance in metres, also above 10 km, so that a column of the table has one unit."""
    return metres(value, in_km=False)


def _check(
    figure: str, value: float, limit: float, form: Callable[[float], str], *, at_least: bool = False
) -> TargetCheck:
    met = value >= limit if at_least else value <= limit
    return TargetCheck(figure, form(value), f"{'≥' if at_least else '≤'} {form(limit)}", met)


def _frames_to(first: FirstFix) -> float:
    return math.inf if first.frames < 0 else first.frames + 1.0
