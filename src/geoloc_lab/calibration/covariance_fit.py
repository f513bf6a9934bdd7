# SPDX-License-Identifier: Apache-2.0
"""Fits scale and floor of a covariance by maximum likelihood, with a mixture model for false fixes.

The calibrated covariance is s Σ + f² I. The scale s corrects the claimed spread Σ. The floor f covers errors
that Σ does not model (height, attitude, map and truth). Errors are modelled as Gaussian with the calibrated
covariance, except for a share ε that is uniform over a disc. The disc's radius is the largest error, or ten
median errors if that is more. ε is fitted too, so that a few false fixes of kilometres do not inflate the
ellipse of the others: false fixes should be refused, not covered.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from geoloc import integrity
from geoloc.arrays import Float64Array
from geoloc.encoder.calibration import Calibration
from geoloc.errors import ParameterError

FEWEST_FIXES = 20
_WIDE = 10.0
_LIMITS = ((1e-3, 1e4), (1e-3, 1e3), (1e-4, 0.5))  # of scale, floor in metres, false share


@dataclass(frozen=True)
class CovarianceFit:
    """A fitted correction of a covariance.

    Attributes:
        scale: s, above 0.
        floor_m: f, metres; 0 if negligible.
        false_share: ε, the share of fixes that the model attributes to false fixes.
        fixes: number of fixes used.
    """

    scale: float
    floor_m: float
    false_share: float
    fixes: int

    def apply(self, covariance_m2: Float64Array) -> Float64Array:
        """Return corrected covariances (…, 2, 2), metres²."""
        return integrity.scaled_covariance(covariance_m2, self.scale, self.floor_m)

    def after(self, before: Calibration) -> tuple[float, float]:
        """Return scale and floor of the calibration `before` followed by this correction."""
        floor_m = math.sqrt(self.scale * before.sigma_floor_m**2 + self.floor_m**2)
        return self.scale * before.covariance_scale, floor_m


def fit_covariance(
    error_m: Float64Array,
    covariance_m2: Float64Array,
    known_m2: Float64Array | None = None,
    *,
    scaled: bool = True,
) -> CovarianceFit:
    """Fit scale and floor to errors (n, 2) and claimed covariances (n, 2, 2), east and north, metres.

    Rows with NaN, and matrices that are not a covariance, are ignored.

    Args:
        error_m: (n, 2) estimate minus truth.
        covariance_m2: (n, 2, 2) claimed covariance, without the known part.
        known_m2: (n,) known variance per axis, added and not fitted; 0 by default.
        scaled: whether to fit the scale; if False, s is 1 and only the floor is fitted.

    Raises:
        ParameterError: for fewer than 20 usable rows.
    """
    known_m2 = np.zeros(len(error_m)) if known_m2 is None else known_m2
    usable = np.isfinite(integrity.normalised_error(error_m, covariance_m2))
    error_m, covariance_m2, known_m2 = error_m[usable], covariance_m2[usable], known_m2[usable]
    if len(error_m) < FEWEST_FIXES:
        raise ParameterError(
            f"{len(error_m)} fixes have a truth and a usable covariance, fewer than the {FEWEST_FIXES} that "
            "a calibration needs; give more or longer flights."
        )
    distance_m = np.hypot(*error_m.T)
    widest_m = max(1.0, float(distance_m.max()), _WIDE * float(np.median(distance_m)))

    def loss(logs: Float64Array) -> float:
        # If all claimed covariances are equal, scale and floor are indistinguishable; a weak prior then
        # favours a scale of 1.
        return float(logs[0] ** 2) / 2.0 - _log_likelihood(
            error_m, covariance_m2, known_m2, widest_m, *np.exp(logs)
        )

    limits = _LIMITS if scaled else ((1.0, 1.0), *_LIMITS[1:])
    bounds = [(math.log(low), math.log(high)) for low, high in limits]
    starts = [
        np.log([scale, floor_m, 0.02])
        for scale in ((0.3, 1.0, 5.0) if scaled else (1.0,))
        for floor_m in (0.1, 3.0)
    ]
    fits = [optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds) for start in starts]
    scale, floor_m, false_share = np.exp(min(fits, key=lambda fit: float(fit.fun)).x)
    negligible = floor_m < 0.05 * math.sqrt(scale * float(np.median(np.linalg.eigvalsh(covariance_m2)[:, 0])))
    return CovarianceFit(
        float(scale), 0.0 if negligible else float(floor_m), float(false_share), len(error_m)
    )


def _log_likelihood(
    error_m: Float64Array,
    covariance_m2: Float64Array,
    known_m2: Float64Array,
    widest_m: float,
    scale: float,
    floor_m: float,
    false_share: float,
) -> float:
    covariance = scale * covariance_m2 + np.eye(2) * (floor_m**2 + known_m2)[:, None, None]
    determinant = np.linalg.det(covariance)
    normalised = integrity.normalised_error(error_m, covariance)
    gaussian = np.log1p(-false_share) - normalised / 2.0 - np.log(2.0 * np.pi) - np.log(determinant) / 2.0
    uniform = np.log(false_share) - np.log(np.pi * widest_m**2)
    return float(np.logaddexp(gaussian, uniform).sum())
