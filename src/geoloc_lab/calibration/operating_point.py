# SPDX-License-Identifier: Apache-2.0
"""Chooses thresholds that keep the rate of false fixes under a target.

Each candidate threshold refuses 0 to 50 % of the correct answers. A candidate meets the target if the upper
bound of its false-fix rate does (Clopper and Pearson, one-sided 95 %, with the effective number of fixes).
Among these candidates, the one with the most correct answers is chosen. If there are too few frames for any
candidate to meet the target, the one with the lowest upper bound is chosen and reported as not proven.

The rate is too optimistic on the frames that the thresholds were chosen on. Two-fold cross-validation over
blocks of successive frames gives the rate on other frames.
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.errors import ParameterError
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import CONFIDENCE, block_length, upper_bound
from geoloc_lab.metrics.risk import independent_fixes

REFUSED_SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)


@dataclass(frozen=True)
class Target:
    """The target: at most `false_share` of the accepted answers have an error above `beyond_m` metres.

    Raises:
        ParameterError: for a share that is not between 0 and 1, or a distance that is not above 0.
    """

    false_share: float = 0.001
    beyond_m: float = 50.0

    def __post_init__(self) -> None:
        if not 0.0 < self.false_share < 1.0:
            raise ParameterError(
                f"the target share of false fixes is {self.false_share}; give a number between 0 and 1."
            )
        if not 0.0 < self.beyond_m < math.inf:
            raise ParameterError(f"the limit of a false fix is {self.beyond_m} m; give a distance above 0.")


@dataclass(frozen=True)
class Rules:
    """Thresholds for accepting an answer; the defaults accept every answer.

    Attributes:
        min_score: smallest cosine of the best tile; unknown scores pass.
        min_margin: smallest margin of the best tile over tiles of other ground; unknown margins pass.
        max_sigma_m: largest calibrated standard deviation, 0 for no limit; unknown deviations fail any limit.
    """

    min_score: float = -1.0
    min_margin: float = 0.0
    max_sigma_m: float = 0.0

    def accept(self, answers: Answers) -> BoolArray:
        """Return True for each frame (n,) that is answered under these thresholds."""
        accepted = answers.answered & ~(answers.score < self.min_score) & ~(answers.margin < self.min_margin)
        return accepted & (answers.sigma_m <= self.max_sigma_m) if self.max_sigma_m > 0.0 else accepted


@dataclass(frozen=True)
class Rate:
    """The rate of false fixes among accepted answers.

    Attributes:
        accepted, false: number of accepted fixes, and of false fixes among them.
        independent: effective number of accepted fixes, given their correlation.
        rate: `false` divided by `accepted`; NaN if no fix was accepted.
        upper: one-sided 95 % upper bound of the rate; 1 if no fix was accepted.
        available: share of all frames that were accepted.
    """

    accepted: int
    false: int
    independent: float
    rate: float
    upper: float
    available: float


@dataclass(frozen=True)
class OperatingPoint:
    """The chosen thresholds and their rates of false fixes.

    Attributes:
        rules: the thresholds.
        proven: whether the upper bounds of both rates are within the target.
        seen: rate on the frames that the thresholds were chosen on.
        crossed: rate by cross-validation.
        fixes_needed: number of independent accepted fixes without a false one that would prove the target.
    """

    rules: Rules
    proven: bool
    seen: Rate
    crossed: Rate
    fixes_needed: int


def choose(answers: Answers, target: Target, *, filtered: bool = False) -> OperatingPoint:
    """Choose thresholds for a target rate of false fixes.

    Args:
        answers: frames with calibrated covariances.
        target: the rate not to exceed.
        filtered: whether a filter ran over the flights. The filter ignores thresholds of score and margin, so
            only the limit on the standard deviation is chosen.

    Raises:
        ParameterError: if no answer is correct.
    """
    rules = _best(answers, target, filtered)
    seen = rate_of(rules.accept(answers), answers, target.beyond_m)
    crossed = _crossed(answers, target, filtered)
    return OperatingPoint(
        rules=rules,
        proven=max(seen.upper, crossed.upper) <= target.false_share,
        seen=seen,
        crossed=crossed,
        fixes_needed=math.ceil(math.log(1.0 - CONFIDENCE) / math.log1p(-target.false_share)),
    )


def rate_of(accepted: BoolArray, answers: Answers, beyond_m: float) -> Rate:
    """Return the rate of false fixes among accepted answers (n,), with its upper bound."""
    return _rate(accepted, answers, beyond_m, _dependence(answers))


def _rate(accepted: BoolArray, answers: Answers, beyond_m: float, dependence: float) -> Rate:
    count = int(accepted.sum())
    false = int((accepted & (answers.distance_m > beyond_m)).sum())
    return Rate(
        accepted=count,
        false=false,
        independent=count / dependence,
        rate=false / count if count else math.nan,
        upper=upper_bound(false / dependence, count / dependence),
        available=count / len(answers) if len(answers) else math.nan,
    )


def _dependence(answers: Answers) -> float:
    """Return the number of successive fixes per independent one."""
    distance_m = answers.distance_m[answers.answered]
    return distance_m.size / independent_fixes(distance_m) if distance_m.size else 1.0


def _best(answers: Answers, target: Target, filtered: bool) -> Rules:
    dependence = _dependence(answers)
    right = answers.distance_m <= target.beyond_m
    if not right.any():
        raise ParameterError(
            f"no answer lies within {target.beyond_m:g} m of the truth; evaluate flights over the map's area."
        )

    def worth(rules: Rules) -> tuple[bool, float, float]:
        accepted = rules.accept(answers)
        rate = _rate(accepted, answers, target.beyond_m, dependence)
        kept = rate.upper <= target.false_share
        return kept, float((accepted & right).sum()) if kept else -rate.upper, -rate.upper

    # Candidates are ordered from lenient to strict; max() returns the first of equally good ones.
    return max(_candidates(answers, right, filtered), key=worth)


def _candidates(answers: Answers, right: BoolArray, filtered: bool) -> list[Rules]:
    scores, margins = [-1.0], [0.0]
    if not filtered:
        scores += _quantiles(answers.score[right], REFUSED_SHARES[1:], 3)
        margins += np.maximum(_quantiles(answers.margin[right], REFUSED_SHARES[1:], 3), 0.0).tolist()
    sigmas = [0.0, *_quantiles(answers.sigma_m[right], [1.0 - share for share in REFUSED_SHARES[1:]], 1)]
    steps = sorted(product(range(len(scores)), range(len(margins)), range(len(sigmas))), key=sum)
    return [Rules(float(scores[i]), float(margins[j]), float(sigmas[k])) for i, j, k in steps]


def _quantiles(values: Float64Array, shares: list[float] | tuple[float, ...], digits: int) -> list[float]:
    known = values[np.isfinite(values)]
    return [] if not known.size else [round(float(q), digits) for q in np.quantile(known, shares)]


def _crossed(answers: Answers, target: Target, filtered: bool) -> Rate:
    """Return the rate of false fixes by two-fold cross-validation over blocks of frames."""
    blocks = np.arange(len(answers)) // block_length(len(answers))
    accepted = np.zeros(len(answers), dtype=np.bool_)
    for half in (0, 1):
        tested = blocks % 2 == half
        chosen_on = answers.take(~tested)
        if (chosen_on.distance_m <= target.beyond_m).any():
            accepted[tested] = _best(chosen_on, target, filtered).accept(answers)[tested]
    return rate_of(accepted, answers, target.beyond_m)
