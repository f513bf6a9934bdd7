# SPDX-License-Identifier: Apache-2.0
"""What it costs to answer more: risk over coverage, the surest frames answered first, and false fixes.

A suite that knows what it does not know makes its errors where it claims the largest σ. Frames are answered
in order of σ; the risk of the answered part is drawn over its share of all frames, and AURC is the mean of
that risk over all lengths of the answered part (Geifman et al. 2019).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from geoloc.arrays import BoolArray, Float64Array
from geoloc_lab.metrics.answers import (
    Answers,
)
from geoloc_lab.metrics.bootstrap import effective_count, proportion_interval

FALSE_BEYOND_M = (50, 100)


@dataclass(frozen=True)
class FalseFixes:
    """Answers farther off than `beyond_m`, among all answers; the interval is Clopper and Pearson's.

    It counts the effective number of fixes, by the autocorrelation of the ranks of their errors. NaN without
    a fix.
    """

    beyond_m: int
    count: int
    fixes: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Area:
    """Area under the risk–coverage curve, by two measures of risk; smaller is better, NaN without a fix.

    Attributes:
        metres: with the error in metres as the risk.
        false: with the share of fixes more than 50 m off as the risk.
    """

    metres: float
    false: float


@dataclass(frozen=True)
class Risk:
    """How well σ tells good answers from bad ones.

    Attributes:
        aurc: with the flight's own σ.
        best: the same fixes, were σ to order them perfectly.
        blind: … were σ to say nothing: the mean risk of all fixes.
    """

    aurc: Area
    best: Area
    blind: Area


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """One row for each fix, surest first: share of all frames answered so far (n,), and their risk (n,)."""

    coverage: Float64Array
    mean_error_m: Float64Array
    false_rate: Float64Array


def risk_of(answers: Answers) -> Risk:
    """Return the areas of a flight."""
    distance_m, sigma_m = _fixes(answers)
    orders = (sigma_m, distance_m, np.zeros(distance_m.size))
    return Risk(*(Area(_area(distance_m, order), _area(_false(distance_m), order)) for order in orders))


def aurc_metres(answers: Answers) -> float:
    """Return the area of a flight by its own σ, with the error in metres as the risk."""
    return _area(*_fixes(answers))


def aurc_false(answers: Answers) -> float:
    """Return the area of a flight by its own σ, with the share of fixes more than 50 m off as the risk."""
    distance_m, sigma_m = _fixes(answers)
    return _area(_false(distance_m), sigma_m)


def risk_curve(answers: Answers) -> RiskCurve:
    """Return the curve of a flight; it ends at the flight's availability."""
    distance_m, sigma_m = _fixes(answers)
    return RiskCurve(
        np.arange(1, distance_m.size + 1) / max(1, len(answers)),
        selective_risk(distance_m, sigma_m),
        selective_risk(_false(distance_m), sigma_m),
    )


def false_fixes(answers: Answers, beyond_m: int) -> FalseFixes:
    """Return how often an answer is farther off than `beyond_m` metres."""
    distance_m = answers.distance_m[answers.answered]
    count = int(np.sum(distance_m > beyond_m))
    if not distance_m.size:
        return FalseFixes(beyond_m, 0, 0, math.nan, math.nan, math.nan)
    rate = count / distance_m.size
    trials = independent_fixes(distance_m)
    return FalseFixes(
        beyond_m, count, int(distance_m.size), rate, *proportion_interval(rate * trials, trials)
    )


def independent_fixes(distance_m: Float64Array) -> float:
    """Return how many independent trials successive fixes with these errors (n,) are worth.

    Ranks, because one error of kilometres would drown what the others say about how long trouble lasts.
    """
    return effective_count(stats.rankdata(distance_m)) if distance_m.size else 0.0


def selective_risk(risk: Float64Array, sigma_m: Float64Array) -> Float64Array:
    """Return the mean risk of the surest 1, 2, … n fixes; equal σ share their risk, in whatever order."""
    order = np.argsort(sigma_m, kind="stable")
    _, group = np.unique(sigma_m[order], return_inverse=True)
    shared = np.bincount(group, risk[order]) / np.maximum(1, np.bincount(group))
    return np.asarray(np.cumsum(shared[group]) / np.arange(1, risk.size + 1), dtype=np.float64)


def _area(risk: Float64Array, sigma_m: Float64Array) -> float:
    return float(selective_risk(risk, sigma_m).mean()) if risk.size else math.nan


def _false(distance_m: Float64Array) -> Float64Array:
    return (distance_m > FALSE_BEYOND_M[0]).astype(np.float64)


def _fixes(answers: Answers) -> tuple[Float64Array, Float64Array]:
    """Return error and σ of each fix; one that claims no σ comes last."""
    fixed: BoolArray = answers.answered
    return answers.distance_m[fixed], np.nan_to_num(answers.sigma_m[fixed], nan=math.inf)
