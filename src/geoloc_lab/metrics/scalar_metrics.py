# SPDX-License-Identifier: Apache-2.0
"""The figures that a report gives an interval to, and that two reports are compared by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import BoolArray, Float64Array, FloatArray
from geoloc_lab.metrics import consistency, risk
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import interval


@dataclass(frozen=True)
class ScalarMetric:
    """One number of a flight.

    Attributes:
        key: its name in JSON.
        label: its name for a reader.
        unit: "%", "m" or "" for a bare number.
        of: computes it; NaN where it is not defined. Shares are of 1, whatever the unit says.
    """

    key: str
    label: str
    unit: str
    of: Callable[[Answers], float]


def _within(radius_m: float) -> Callable[[Answers], float]:
    return lambda answers: float(np.mean(answers.distance_m <= radius_m))  # NaN, no fix, is a miss


def _beyond(radius_m: float) -> Callable[[Answers], float]:
    return lambda answers: _mean(answers.distance_m[answers.answered] > radius_m)


def _inside(sigma: int) -> Callable[[Answers], float]:
    return lambda answers: consistency.share_inside(answers.normalised, sigma)


def _nees(answers: Answers) -> float:
    return _mean(answers.normalised[np.isfinite(answers.normalised)])


def _quantile(share: float) -> Callable[[Answers], float]:
    def of(answers: Answers) -> float:
        distance_m = answers.distance_m[answers.answered]
        return float(np.quantile(distance_m, share)) if distance_m.size else math.nan

    return of


ELLIPSES = tuple(
    ScalarMetric(f"inside_{s}", f"inside the {s}σ ellipse", "%", _inside(s)) for s in consistency.SIGMAS
)
SCALAR_METRICS: tuple[ScalarMetric, ...] = (
    ScalarMetric("availability", "availability", "%", lambda answers: float(np.mean(answers.answered))),
    *(ScalarMetric(f"within_{r}_m", f"within {r} m, of all frames", "%", _within(r)) for r in (10, 25, 50)),
    ScalarMetric("median_m", "median error", "m", _quantile(0.5)),
    ScalarMetric("p95_m", "p95 error", "m", _quantile(0.95)),
    *(
        ScalarMetric(f"false_{r}_m", f"fixes more than {r} m off", "%", _beyond(r))
        for r in risk.FALSE_BEYOND_M
    ),
    *ELLIPSES,
    ScalarMetric("nees", "NEES (2 is honest)", "", _nees),
    ScalarMetric("aurc_m", "AURC, error", "m", risk.aurc_metres),
    ScalarMetric("aurc_false", "AURC, fixes more than 50 m off", "%", risk.aurc_false),
)


def values_of(answers: Answers, metrics: Sequence[ScalarMetric] = SCALAR_METRICS) -> Float64Array:
    """Return the figures (k,) of a flight; NaN for a flight without frames."""
    if not len(answers):
        return np.full(len(metrics), math.nan)
    return np.array([metric.of(answers) for metric in metrics], dtype=np.float64)


def intervals_of(
    answers: Answers, metrics: Sequence[ScalarMetric] = SCALAR_METRICS
) -> Mapping[str, tuple[float, float]]:
    """Return the bootstrap 95 % interval of every figure, by its key."""
    low, high = interval(lambda rows: values_of(answers.take(rows), metrics), len(answers))
    return {metric.key: (float(a), float(b)) for metric, a, b in zip(metrics, low, high, strict=True)}


def _mean(values: FloatArray | BoolArray) -> float:
    return float(np.mean(values)) if values.size else math.nan
