# SPDX-License-Identifier: Apache-2.0
"""Peaks of a correlation surface: their position between pixels, their curvature, and their rivals."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float32Array, Float64Array

_NEAR = np.array([(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)], dtype=np.float64)
_TERMS = np.column_stack([np.ones(9), _NEAR, _NEAR[:, 0] ** 2, _NEAR[:, 0] * _NEAR[:, 1], _NEAR[:, 1] ** 2])
_FIT = np.linalg.pinv(_TERMS)


@dataclass(frozen=True, eq=False)
class Peak:
    """Maximum of a surface.

    Attributes:
        row, column: position in pixels, interpolated if the peak has neighbours on all sides.
        score: score of the highest pixel.
        curvature: curvature (2, 2) along rows and columns: the score at d is score - d·curvature·d / 2.
        inside: whether the peak has neighbours on all sides.
    """

    row: float
    column: float
    score: float
    curvature: Float64Array
    inside: bool


def find_peak(surface: Float32Array) -> Peak:
    """Return the highest peak of a surface (H, W), from a paraboloid fitted to the nine pixels around it."""
    row, column = (int(i) for i in np.unravel_index(surface.argmax(), surface.shape))
    score = float(surface[row, column])
    inside = 0 < row < surface.shape[0] - 1 and 0 < column < surface.shape[1] - 1
    if not inside:
        return Peak(row, column, score, np.zeros((2, 2)), inside)
    _, *slope, down, cross, right = _FIT @ surface[row - 1 : row + 2, column - 1 : column + 2].ravel()
    curvature = -np.array([[2 * down, cross], [cross, 2 * right]])
    step = np.zeros(2)
    if np.linalg.eigvalsh(curvature)[0] > 0:
        step = np.clip(np.linalg.solve(curvature, slope), -0.5, 0.5)
    return Peak(row + float(step[0]), column + float(step[1]), score, curvature, inside)


def best_rival(surface: Float32Array, peak: Peak, apart: int) -> float:
    """Return the highest score more than `apart` pixels from a peak along either axis; -1 without one."""
    row, column = round(peak.row), round(peak.column)
    others = surface.copy()
    others[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = -1.0
    return float(others.max())


def spread(curvature: Float64Array, temperature: float, widest: float) -> Float64Array:
    """Return the covariance (2, 2) of a peak, temperature over curvature, with deviations up to `widest`."""
    bends, axes = np.linalg.eigh(curvature)
    variances = temperature / np.maximum(bends, temperature / widest**2)
    return np.asarray((axes * variances) @ axes.T, dtype=np.float64)


def vertex(before: float, at: float, after: float) -> float:
    """Return the vertex of a parabola through three equal steps, -0.5 to 0.5 steps from the middle one."""
    bend = before - 2.0 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
