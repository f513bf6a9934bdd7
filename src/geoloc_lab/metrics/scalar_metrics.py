# SPDX-License-Identifier: Apache-2.0
"""The metrics that are one number each, for the intervals of a report and the differences of a comparison."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import interval
from geoloc_lab.metrics.consistency import SIGMAS, mean_nees, share_inside
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, aurc_false, aurc_metres
from geoloc_lab.metrics.statistics import mean, quantile, share_within


@dataclass(frozen=True)
class ScalarMetric:
    """A metric that is one number.

    Attributes:
        key: name in JSON.
        label: name in tables.
        unit: "%", "m", or "" for a bare number.
        of: function that computes the metric from a flight; NaN if undefined. Shares are 0 to 1, also if the
            unit is "%".
    """

    key: str
    label: str
    unit: str
    of: Callable[[Answers], float]


def _within(radius_m: float) -> Callable[[Answers], float]:
    return lambda answers: share_within(answers.distance_m, radius_m)


def _beyond(radius_m: float) -> Callable[[Answers], float]:
    return lambda answers: mean(answers.distance_m[answers.answered] > radius_m)


def _inside(sigma: int) -> Callable[[Answers], float]:
    return lambda answers: share_inside(answers.normalised, sigma)


def _quantile(share: float) -> Callable[[Answers], float]:
    return lambda answers: quantile(answers.distance_m[answers.answered], share)


ELLIPSES = tuple(
    ScalarMetric(f"inside_{s}", f"truth inside the {s}σ ellipse", "%", _inside(s)) for s in SIGMAS
)
SCALAR_METRICS: tuple[ScalarMetric, ...] = (
    ScalarMetric("availability", "availability", "%", lambda answers: float(np.mean(answers.answered))),
    *(ScalarMetric(f"within_{r}_m", f"frames within {r} m", "%", _within(r)) for r in (10, 25, 50)),
    ScalarMetric("median_m", "median error", "m", _quantile(0.5)),
    ScalarMetric("p95_m", "p95 error", "m", _quantile(0.95)),
    *(ScalarMetric(f"false_{r}_m", f"fixes with error above {r} m", "%", _beyond(r)) for r in FALSE_BEYOND_M),
    *ELLIPSES,
    ScalarMetric("nees", "NEES (2 if consistent)", "", lambda answers: mean_nees(answers.normalised)),
    ScalarMetric("aurc_m", "AURC of the mean error", "m", aurc_metres),
    ScalarMetric("aurc_false", "AURC of errors above 50 m", "%", aurc_false),
)


def values_of(answers: Answers, metrics: Sequence[ScalarMetric] = SCALAR_METRICS) -> Float64Array:
    """Return the metrics (k,) of a flight; NaN for a flight without frames."""
    if not len(answers):
        return np.full(len(metrics), math.nan)
    return np.array([metric.of(answers) for metric in metrics], dtype=np.float64)


def intervals_of(
    answers: Answers, metrics: Sequence[ScalarMetric] = SCALAR_METRICS
) -> Mapping[str, tuple[float, float]]:
    """Return the 95 % bootstrap interval of every metric by its key."""
    low, high = interval(lambda rows: values_of(answers.take(rows), metrics), len(answers))
    return {metric.key: (float(a), float(b)) for metric, a, b in zip(metrics, low, high, strict=True)}
