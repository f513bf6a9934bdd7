# SPDX-License-Identifier: Apache-2.0
"""Mean, quantile and share that return NaN for empty arrays, where numpy would warn or fail."""

import math

import numpy as np

from geoloc.arrays import BoolArray, Float64Array, FloatArray


def mean(values: FloatArray | BoolArray) -> float:
    """Return the mean of values (n,)."""
    return float(np.mean(values)) if values.size else math.nan


def quantile(values: Float64Array, share: float) -> float:
    """Return the quantile of values (n,) at `share`, 0 to 1."""
    return float(np.quantile(values, share)) if values.size else math.nan


def share_within(errors_m: Float64Array, radius_m: float) -> float:
    """Return the share of frames (n,) whose error is at most `radius_m`; NaN (no fix) counts as a miss."""
    return mean(np.nan_to_num(errors_m, nan=math.inf) <= radius_m)
