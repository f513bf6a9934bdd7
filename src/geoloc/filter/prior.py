# SPDX-License-Identifier: Apache-2.0
"""A position from elsewhere, as a belief can begin with it."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array

_LEAST_SIGMA_PITCHES = 0.25
_NO_SIGMA_M = 30.0


@dataclass(frozen=True, eq=False)
class Prior:
    """A position from elsewhere: mean (2,) in the map's frame and covariance (2, 2)."""

    mean_m: Float64Array
    covariance_m2: Float64Array


def usable(covariance_m2: Float64Array | None, pitch_m: float) -> Float64Array:
    """Return a covariance that can be one: what is not known is wide, what claims too much is widened."""
    least = np.eye(2) * (_LEAST_SIGMA_PITCHES * pitch_m) ** 2
    unknown = np.eye(2) * _NO_SIGMA_M**2
    if covariance_m2 is None or not np.isfinite(covariance_m2).all() or not covariance_m2.any():
        return unknown
    symmetric = (covariance_m2 + covariance_m2.T) / 2.0
    return symmetric + least if np.linalg.eigvalsh(symmetric)[0] >= 0.0 else unknown
