# SPDX-License-Identifier: Apache-2.0
"""Mean, quantile and share that are NaN for no values, where numpy would warn or fail."""

import math

import numpy as np

from geoloc.arrays import BoolArray, Float64Array, FloatArray


def mean(values: FloatArray | BoolArray) -> float:
    """Return the mean of values (n,)."""
    return float(np.mean(values)) if values.size else math.nan


def quantile(values: Float64Array, share: float) -> float:
    """Return the value under which a share of the values (n,) lies."""
    return float(np.quantile(values, share)) if values.size else math.nan


def share_within(errors_m: Float64Array, radius_m: float) -> float:
    """Return the share of all frames (n,) whose error is at most `radius_m`; NaN, no fix, is a miss."""
    return mean(np.nan_to_num(errors_m, nan=math.inf) <= radius_m)
