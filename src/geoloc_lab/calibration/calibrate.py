# SPDX-License-Identifier: Apache-2.0
"""Calibrates a model's covariance and thresholds on evaluated flights over its validation region."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.encoder.calibration import Calibration
from geoloc.errors import ParameterError
from geoloc_lab.calibration.covariance_fit import FEWEST_FIXES, CovarianceFit, fit_covariance
from geoloc_lab.calibration.operating_point import OperatingPoint, Target, choose
from geoloc_lab.metrics.answers import Answers, joined
from geoloc_lab.metrics.consistency import Consistency, consistency_of
from geoloc_lab.reports.written_report import WrittenReport

_FEW = 3


@dataclass(frozen=True)
class Measured:
    """The measurements from which a calibration was derived.

    Attributes:
        flights: titles of the reports.
        frames, fixes: number of frames with a truth, and of fixes among them.
        fit: correction of the filter's covariance, applied after the calibration used in flight; None if
            there are too few unrefined fixes.
        registration: correction of the covariance of refined positions; None if there are too few of them.
        point: the chosen thresholds.
        before: consistency of the covariance as flown.
        after: consistency of the calibrated covariance, over the fixes that the thresholds accept.
    """

    flights: tuple[str, ...]
    frames: int
    fixes: int
    fit: CovarianceFit | None
    registration: CovarianceFit | None
    point: OperatingPoint
    before: Consistency
    after: Consistency


def calibrate(
    reports: Sequence[WrittenReport], model_id: str, date: str, target: Target
) -> tuple[Calibration, Measured]:
    """Derive a model's calibration from evaluated flights.

    Args:
        reports: reports of flights over the validation region, evaluated with open thresholds, because a
            calibration cannot recover frames that were refused.
        model_id: id of the model; every report must be of it.
        date: date of the calibration, for the model card.
        target: the rate of false fixes not to exceed.

    Returns:
        The calibration for the model card, and the measurements behind it.

    Raises:
        ParameterError: if there is no report, if reports are of other models or of different calibrations of
            this one, or if there are too few fixes.
    """
    flown, filtered = _common_calibration(reports, model_id)
    answers = joined([report.answers for report in reports])
    fit, registration, corrected = _fitted(answers, flown)
    point = choose(corrected, target, filtered=filtered)
    measured = Measured(
        flights=tuple(report.title for report in reports),
        frames=len(answers),
        fixes=int(answers.answered.sum()),
        fit=fit,
        registration=registration,
        point=point,
        before=consistency_of(answers),
        after=consistency_of(corrected.take(point.rules.accept(corrected))),
    )
    scale, floor_m = _covariance_of(flown)[:2] if fit is None else fit.after(flown)
    calibration = Calibration(
        # The filter applies no score threshold to single frames, so the thresholds for those are kept.
        min_score=flown.min_score if filtered else point.rules.min_score,
        min_margin=flown.min_margin if filtered else point.rules.min_margin,
        derivation=flown.derivation if filtered else _derivation(measured, target),
        max_sigma_m=point.rules.max_sigma_m,
        covariance_scale=float(f"{scale:.4g}"),
        sigma_floor_m=round(floor_m, 3),
        registration_m=flown.registration_m if registration is None else round(registration.floor_m, 3),
        off_map_score=_off_map_score(answers, target.beyond_m, flown.off_map_score),
        measured=_facts(measured, target, date),
    )
    return calibration, measured


def _fitted(
    answers: Answers, flown: Calibration
) -> tuple[CovarianceFit | None, CovarianceFit | None, Answers]:
    """Fit the covariances of unrefined and of refined fixes separately, each if there are enough fixes.

    The contribution of the attitude error is known and is not fitted.
    """
    attitude_m2 = answers.attitude_m**2
    known = attitude_m2 + np.where(answers.refined, flown.registration_m**2, 0.0)
    claimed, covariance = answers.covariance_m2 - _isotropic(known), answers.covariance_m2
    fits: list[CovarianceFit | None] = [None, None]
    for number, (rows, scaled) in enumerate(((~answers.refined, True), (answers.refined, False))):
        few = (rows & answers.answered).sum() < FEWEST_FIXES
        if few and answers.answered.sum() >= FEWEST_FIXES:
            continue
        fit = fit_covariance(answers.error_m[rows], claimed[rows], attitude_m2[rows], scaled=scaled)
        fits[number] = fit
        covariance = np.where(rows[:, None, None], fit.apply(claimed) + _isotropic(attitude_m2), covariance)
    return fits[0], fits[1], replace(answers, covariance_m2=covariance)


def _isotropic(variance_m2: Float64Array) -> Float64Array:
    """Return isotropic covariances (n, 2, 2) from variances (n,) per axis."""
    return np.asarray(variance_m2[:, None, None] * np.eye(2))


def _off_map_score(answers: Answers, beyond_m: float, unknown: float) -> float:
    """Return the mean of two medians over correct answers: score of the best tile, and of another place."""
    right = answers.distance_m <= beyond_m
    scores = answers.score[right], (answers.score - answers.margin)[right]
    if not all(np.isfinite(some).any() for some in scores):
        return unknown
    return round(float(np.mean([np.nanmedian(some) for some in scores])), 3)


def _common_calibration(reports: Sequence[WrittenReport], model_id: str) -> tuple[Calibration, bool]:
    if not reports:
        raise ParameterError("a calibration needs a report; name folders that `geoloc evaluate` wrote.")
    first = reports[0]
    for report in reports:
        if report.model != model_id:
            raise ParameterError(
                f"{report.folder} is of model {report.model}, not of {model_id}; evaluate the flight "
                f"with {model_id}."
            )
        if _covariance_of(report.calibration) != _covariance_of(first.calibration):
            raise ParameterError(
                f"{first.folder} and {report.folder} are of different calibrations of {model_id}; "
                "evaluate both flights again."
            )
        if report.filtered != first.filtered:
            raise ParameterError(
                f"one of {first.folder} and {report.folder} was evaluated with the filter and one without; "
                "evaluate both with --alone, or both without it."
            )
    return first.calibration, first.filtered


def _covariance_of(calibration: Calibration) -> tuple[float, float, float]:
    return calibration.covariance_scale, calibration.sigma_floor_m, calibration.registration_m


def _derivation(measured: Measured, target: Target) -> str:
    point = measured.point
    reached = "shown" if point.proven else f"not shown, which takes {point.fixes_needed} independent fixes"
    return (
        f"geoloc calibrate on {_named(measured.flights)} ({measured.frames} frames): of "
        f"{point.seen.accepted} accepted fixes (effectively {point.seen.independent:.0f} independent ones), "
        f"{point.seen.false} had an error above {target.beyond_m:g} m, "
        f"at most {point.seen.upper:.2%} with 95 % confidence; the target of {target.false_share:.2%} is "
        f"{reached}"
    )


def _named(flights: Sequence[str]) -> str:
    return "; ".join(flights) if len(flights) <= _FEW else f"{len(flights)} flights"


def _facts(measured: Measured, target: Target, date: str) -> dict[str, Any]:
    facts: dict[str, Any] = rounded(
        {
            "date": date,
            "flights": measured.flights,
            "frames": measured.frames,
            "fixes": measured.fixes,
            "fit": None if measured.fit is None else asdict(measured.fit),
            "registration": None if measured.registration is None else asdict(measured.registration),
            "target": asdict(target),
            "proven": measured.point.proven,
            "fixes_needed": measured.point.fixes_needed,
            "operating_point": asdict(measured.point.seen),
            "cross_validated": asdict(measured.point.crossed),
            "nees": {"before": measured.before.nees, "after": measured.after.nees},
            "inside": {"before": measured.before.inside, "after": measured.after.inside},
        }
    )
    return facts


def rounded(value: Any) -> Any:  # noqa: ANN401 - any tree of plain values
    """Convert a value for YAML: floats to five decimals, NaN to null, tuples to lists, keys to text."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
