# SPDX-License-Identifier: Apache-2.0
"""Finds the straight leg over the ground with the least texture: woods, fields or water."""

import math

import cv2
import numpy as np

from geoloc.arrays import Float32Array
from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.aerial_camera import Ground

Leg = tuple[tuple[float, float], tuple[float, float]]
_GSD_M = 2.0
_STEP_M = 50.0
_DIRECTIONS = 12
_SEEN_M = 60.0  # half the width of a view


def featureless_leg(ground: Ground, length_m: float, margin_m: float) -> Leg:
    """Return start and end (east, north) of the straight leg over the ground with the weakest edges.

    Args:
        ground: the imagery.
        length_m: length of the leg.
        margin_m: distance to keep from the edges of the imagery.

    Raises:
        ParameterError: if no leg of that length fits.
    """
    left, bottom, right, top = ground.bounds_m
    low = np.array([left + margin_m, bottom + margin_m])
    high = np.array([right - margin_m, top - margin_m]) + 1e-6
    axes = (np.arange(start, end, _STEP_M) for start, end in zip(low, high, strict=True))
    starts = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    along_m = np.linspace(0.0, length_m, math.ceil(2 * length_m / _SEEN_M) + 1)
    detail, legs = _detail(ground), []
    for angle in np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS):
        points = starts[:, None] + along_m[:, None] * np.array([math.sin(angle), math.cos(angle)])
        points = points[((points[:, -1] >= low) & (points[:, -1] <= high)).all(axis=1)]
        columns, rows = ((points - (left, top)) * (1 / _GSD_M, -1 / _GSD_M)).astype(int).transpose(2, 0, 1)
        legs += list(zip(detail[rows, columns].mean(axis=1), points[:, [0, -1]], strict=True))
    if not legs:
        raise ParameterError(
            f"no leg of {length_m:g} m with a margin of {margin_m:g} m fits into imagery of "
            f"{right - left:.0f} m by {top - bottom:.0f} m; take larger imagery or a shorter flight."
        )
    start, end = min(legs, key=lambda leg: float(leg[0]))[1]
    return (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))


def _detail(ground: Ground) -> Float32Array:
    """Return the mean edge strength around each pixel (H, W); very large without imagery."""
    left, bottom, right, top = ground.bounds_m
    width, height = math.floor((right - left) / _GSD_M), math.floor((top - bottom) / _GSD_M)
    rgb, valid = ground.window(left, top, width, height, _GSD_M)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    edges[~valid] = np.float32(1e6)
    side = 2 * round(_SEEN_M / _GSD_M) + 1
    return np.asarray(cv2.blur(edges, (side, side)), dtype=np.float32)
