# SPDX-License-Identifier: Apache-2.0
"""Risk–coverage curves, their area (AURC), and the rate of false fixes.

A useful σ is large where the error is large. Fixes are accepted in order of σ, smallest first. The risk
of the accepted fixes is plotted over their share of all frames (coverage). AURC is the mean of that risk over
all numbers of accepted fixes (Geifman et al. 2019).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from geoloc.arrays import BoolArray, Float64Array
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import effective_count, proportion_interval

FALSE_BEYOND_M = (50, 100)


@dataclass(frozen=True)
class FalseFixes:
    """Number of fixes with an error above `beyond_m`, and their share of all fixes; NaN without a fix.

    `low` and `high` are the 95 % interval by Clopper and Pearson for the effective number of fixes, which is
    computed from the autocorrelation of the ranks of their errors.
    """

    beyond_m: int
    count: int
    fixes: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Area:
    """Area under the risk–coverage curve by two measures of risk; smaller is better, NaN without a fix.

    Attributes:
        metres: area with the mean error in metres as the risk.
        false: area with the share of fixes with an error above 50 m as the risk.
    """

    metres: float
    false: float


@dataclass(frozen=True)
class Risk:
    """How well σ separates good fixes from bad ones.

    Attributes:
        aurc: area with the claimed σ.
        best: area with the fixes ordered by their errors, the smallest possible.
        blind: area with the same σ for all fixes, which is their mean risk.
    """

    aurc: Area
    best: Area
    blind: Area


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """Share of all frames accepted and their risk, (n,) each, with a row for each fix, smallest σ first."""

    coverage: Float64Array
    mean_error_m: Float64Array
    false_rate: Float64Array


def risk_of(answers: Answers) -> Risk:
    """Return the areas under the risk–coverage curves of a flight."""
    distance_m, sigma_m = _fixes(answers)
    orders = (sigma_m, distance_m, np.zeros(distance_m.size))
    return Risk(*(Area(_area(distance_m, order), _area(_false(distance_m), order)) for order in orders))


def aurc_metres(answers: Answers) -> float:
    """Return the AURC of a flight with the error in metres as the risk."""
    return _area(*_fixes(answers))


def aurc_false(answers: Answers) -> float:
    """Return the AURC of a flight with the share of fixes with an error above 50 m as the risk."""
    distance_m, sigma_m = _fixes(answers)
    return _area(_false(distance_m), sigma_m)


def risk_curve(answers: Answers) -> RiskCurve:
    """Return the risk–coverage curve of a flight; its last coverage is the availability."""
    distance_m, sigma_m = _fixes(answers)
    return RiskCurve(
        np.arange(1, distance_m.size + 1) / max(1, len(answers)),
        selective_risk(distance_m, sigma_m),
        selective_risk(_false(distance_m), sigma_m),
    )


def false_fixes(answers: Answers, beyond_m: int) -> FalseFixes:
    """Return the number and share of fixes with an error above `beyond_m` metres."""
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
    """Return the effective number of fixes with these errors (n,), in time order.

    The autocorrelation is that of the ranks, because one error of kilometres would dominate the others.
    """
    return effective_count(stats.rankdata(distance_m)) if distance_m.size else 0.0


def selective_risk(risk: Float64Array, sigma_m: Float64Array) -> Float64Array:
    """Return the mean risk of the 1, 2, … n fixes of smallest σ; fixes of equal σ count with their mean."""
    order = np.argsort(sigma_m, kind="stable")
    _, group = np.unique(sigma_m[order], return_inverse=True)
    shared = np.bincount(group, risk[order]) / np.maximum(1, np.bincount(group))
    return np.asarray(np.cumsum(shared[group]) / np.arange(1, risk.size + 1), dtype=np.float64)


def _area(risk: Float64Array, sigma_m: Float64Array) -> float:
    return float(selective_risk(risk, sigma_m).mean()) if risk.size else math.nan


def _false(distance_m: Float64Array) -> Float64Array:
    return (distance_m > FALSE_BEYOND_M[0]).astype(np.float64)


def _fixes(answers: Answers) -> tuple[Float64Array, Float64Array]:
    """Return error and σ of each fix; σ is infinite without a covariance."""
    fixed: BoolArray = answers.answered
    return answers.distance_m[fixed], np.nan_to_num(answers.sigma_m[fixed], nan=math.inf)
