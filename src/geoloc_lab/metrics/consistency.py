# SPDX-License-Identifier: Apache-2.0
"""Consistency of the claimed covariance with the errors: NEES, coverage of ellipses, integrity risk.

If an error e is Gaussian with the claimed covariance Σ, e'Σ⁻¹e follows χ² with two degrees of freedom. Its
mean (NEES, normalized estimation error squared, Bar-Shalom) is then 2, and 39.3 / 86.5 / 98.9 % of the errors
lie inside the 1σ / 2σ / 3σ ellipse.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from geoloc.arrays import Float64Array
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import CONFIDENCE, effective_count
from geoloc_lab.metrics.risk import FALSE_BEYOND_M
from geoloc_lab.metrics.statistics import mean

SIGMAS = (1, 2, 3)
NOMINAL: Mapping[int, float] = {sigma: 1.0 - math.exp(-(sigma**2) / 2.0) for sigma in SIGMAS}
DIMENSIONS = 2


@dataclass(frozen=True)
class Consistency:
    """How well the claimed covariance describes the errors; NaN if no fix claims one.

    Attributes:
        fixes: number of fixes with a claimed covariance.
        unclaimed: number of fixes without one (NaN); the other attributes ignore them.
        impossible: number of claimed matrices that are not a covariance (zero, singular, negative). They
            count as outside every ellipse. The NEES, which they would make infinite, ignores them.
        nees: mean normalized squared error; 2 is consistent, more is over-confident.
        nees_of_right: NEES of the fixes within 50 m of the truth, which no false fix dominates.
        band_low, band_high: 95 % band of a consistent NEES: χ² with 2m degrees of freedom over m, where m is
            the effective number of fixes (see `geoloc_lab.metrics.bootstrap`).
        effective_fixes: m, the effective number of fixes.
        verdict: "honest" inside the band, "over-confident" above, "over-cautious" below, or "unknown".
        inside: share of fixes whose truth lies inside the 1σ, 2σ, 3σ ellipse.
        integrity_risk: share of all frames whose fix has the truth outside its 3σ ellipse.
    """

    fixes: int
    unclaimed: int
    impossible: int
    nees: float
    nees_of_right: float
    band_low: float
    band_high: float
    effective_fixes: float
    verdict: str
    inside: Mapping[int, float]
    integrity_risk: float


def consistency_of(answers: Answers) -> Consistency:
    """Return the consistency of a flight's covariances."""
    normalised = answers.normalised
    claimed = ~np.isnan(normalised)
    usable = normalised[np.isfinite(normalised)]
    right = normalised[answers.distance_m <= FALSE_BEYOND_M[0]]
    nees = mean_nees(normalised)
    effective = effective_count(usable)
    low, high = chi2_band(effective)
    return Consistency(
        fixes=int(claimed.sum()),
        unclaimed=int((answers.answered & ~claimed).sum()),
        impossible=int(np.isinf(normalised).sum()),
        nees=nees,
        nees_of_right=mean_nees(right),
        band_low=low,
        band_high=high,
        effective_fixes=effective,
        verdict=_verdict(nees, low, high),
        inside={sigma: share_inside(normalised, sigma) for sigma in SIGMAS},
        integrity_risk=float(np.sum(normalised > SIGMAS[-1] ** 2) / len(answers))
        if len(answers)
        else math.nan,
    )


def mean_nees(normalised: Float64Array) -> float:
    """Return the NEES, the mean of normalized squared errors (n,); NaN and infinite ones are ignored."""
    return mean(normalised[np.isfinite(normalised)])


def share_inside(normalised: Float64Array, sigma: float) -> float:
    """Return the share of normalized squared errors (n,) inside the `sigma` ellipse; NaN is ignored."""
    known = normalised[~np.isnan(normalised)]
    return mean(known <= sigma**2)


def chi2_band(effective_fixes: float) -> tuple[float, float]:
    """Return the 95 % band of the NEES of as many independent, consistent fixes; NaN for 0 fixes."""
    if effective_fixes <= 0:
        return math.nan, math.nan
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = stats.chi2.ppf([tail, 1.0 - tail], DIMENSIONS * effective_fixes) / effective_fixes
    return float(low), float(high)


def _verdict(nees: float, low: float, high: float) -> str:
    if math.isnan(nees):
        return "unknown"
    if nees > high:
        return "over-confident"
    return "over-cautious" if nees < low else "honest"
