# SPDX-License-Identifier: Apache-2.0
"""Provides a canvas in metres: colour, surface and height rasters that are painted together."""

from collections.abc import Sequence

import cv2
import numpy as np

from geoloc.arrays import Float64Array, Int32Array
from geoloc_lab.world.town_plan import Surface

HEIGHT_UNIT_M = 0.2
_SHIFT = 4


class Canvas:
    """A square of ground, painted in full sun.

    Args:
        size_px: side of the rasters.
        gsd_m: metres per pixel.
        offset_m: registration error (east, south) that shifts all painted objects.

    Attributes:
        rgb: uint8 (S, S, 3). surface: uint8 (S, S), a `Surface`. height: uint8 (S, S) in `HEIGHT_UNIT_M`.
    """

    def __init__(self, size_px: int, gsd_m: float, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        self.gsd_m = gsd_m
        self._offset_m = np.array(offset_m)
        self.rgb = np.zeros((size_px, size_px, 3), np.uint8)
        self.surface = np.zeros((size_px, size_px), np.uint8)
        self.height = np.zeros((size_px, size_px), np.uint8)

    def pixels(self, points_m: Float64Array) -> Float64Array:
        """Return pixel coordinates (N, 2), centre of the first pixel at 0, of points (N, 2)."""
        return np.asarray((points_m + self._offset_m) / self.gsd_m - 0.5, dtype=np.float64)

    def _fixed(self, points_m: Float64Array) -> Int32Array:
        return np.round(self.pixels(points_m) * (1 << _SHIFT)).astype(np.int32)

    def fill(
        self,
        outline_m: Float64Array,
        colour: Sequence[float],
        surface: Surface,
        height_m: float | None = None,
    ) -> None:
        """Fill an outline (N, 2) of any shape."""
        points = [self._fixed(outline_m)]
        cv2.fillPoly(self.rgb, points, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.surface, points, int(surface), cv2.LINE_8, _SHIFT)
        if height_m is not None:
            cv2.fillPoly(self.height, points, _units(height_m), cv2.LINE_8, _SHIFT)

    def stroke(
        self,
        line_m: Float64Array,
        width_m: float,
        colour: Sequence[float],
        surface: Surface,
        height_m: float = 0.0,
    ) -> None:
        """Draw a polyline (N, 2) of a width; a line thinner than a pixel is blended with the ground."""
        points = [self._fixed(line_m)]
        if width_m < 0.8 * self.gsd_m:
            self._faint(line_m, width_m / self.gsd_m, colour)
            return
        thickness = max(1, round(width_m / self.gsd_m))
        cv2.polylines(self.rgb, points, False, colour, thickness, cv2.LINE_AA, _SHIFT)
        cv2.polylines(self.surface, points, False, int(surface), thickness, cv2.LINE_8, _SHIFT)
        cv2.polylines(self.height, points, False, _units(height_m), thickness, cv2.LINE_8, _SHIFT)

    def _faint(self, line_m: Float64Array, share: float, colour: Sequence[float]) -> None:
        pixels = self.pixels(line_m)
        low = np.floor(pixels.min(0)).astype(int) - 2
        high = np.ceil(pixels.max(0)).astype(int) + 3
        low, high = np.clip(low, 0, len(self.rgb)), np.clip(high, 0, len(self.rgb))
        window = self.rgb[low[1] : high[1], low[0] : high[0]]
        if window.size == 0:
            return
        painted = np.ascontiguousarray(window)
        points = np.round((pixels - low) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(painted, [points], False, colour, 1, cv2.LINE_AA, _SHIFT)
        window[:] = cv2.addWeighted(painted, share, window, 1 - share, 0)

    def shape(
        self, corners_m: Float64Array, colour: Sequence[float], surface: Surface, height_m: float
    ) -> None:
        """Fill a convex outline (N, 2) at a height; faster than `fill` for small objects."""
        points = self._fixed(corners_m)
        cv2.fillConvexPoly(self.rgb, points, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillConvexPoly(self.surface, points, int(surface), cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(self.height, points, _units(height_m), cv2.LINE_8, _SHIFT)


def _units(height_m: float) -> int:
    return int(np.clip(round(height_m / HEIGHT_UNIT_M), 0, 255))
