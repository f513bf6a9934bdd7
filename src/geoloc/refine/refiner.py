# SPDX-License-Identifier: Apache-2.0
"""Register a view with the map around one place: read the map there and search for the view."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused, ParameterError, Reason
from geoloc.raster.colours import Rgb
from geoloc.raster.views import Raster
from geoloc.refine.contract import Method, Patch, Registration, Verdict
from geoloc.refine.pose import CameraPose, fit_pose

if TYPE_CHECKING:
    from geoloc.mapping.directory import MapDirectory

_MIN_VIEW_PX = 16
_MAX_REACH = 0.5  # largest reach of the search around a place, in widths of a view
_REACH_STEP = 1 / 16  # in widths of a view, so that a patch has whole pixels at every resolution
_MIN_REACH = 2 * _REACH_STEP  # a smaller reach has no rival to compare a peak with


@dataclass(frozen=True, eq=False)
class _PlacedPatch:
    """A patch and its centre in the map's frame."""

    patch: Patch
    east_m: float
    north_m: float

    def crop(self, east_m: float, north_m: float, side_px: int) -> "_PlacedPatch | None":
        """Return the square of `side_px` around a place, by whole pixels; None beyond this patch."""
        gsd_m, rim = self.patch.gsd_m, (len(self.patch.rgb) - side_px) // 2
        right, up = round((east_m - self.east_m) / gsd_m), round((north_m - self.north_m) / gsd_m)
        if max(abs(right), abs(up)) > rim:
            return None
        rows, columns = (slice(rim + start, rim + start + side_px) for start in (-up, right))
        inner = Patch(self.patch.rgb[rows, columns], self.patch.valid[rows, columns], gsd_m)
        return _PlacedPatch(inner, self.east_m + right * gsd_m, self.north_m + up * gsd_m)


class Refiner:
    """Registers views with the imagery of one map; a context manager, for use from one thread.

    Args:
        map_directory: open map; its imagery is opened when the first view comes.
        method: method that registers a view with a patch of the map.
    """

    def __init__(self, map_directory: "MapDirectory", method: Method) -> None:
        self._method = method
        self._view_size_m = map_directory.view_size_m
        self._map = map_directory
        self._last: _PlacedPatch | None = None  # of the last view that was searched for

    def refine(
        self, view_image: Rgb, east_m: float, north_m: float, reach_m: float = math.inf
    ) -> Registration:
        """Search for a view around one place.

        Args:
            view_image: view, uint8 (S, S, 3), north-up, as wide on the ground as the map's tiles.
            east_m, north_m: place in the map's frame.
            reach_m: largest distance of the view's centre from the place along each axis, limited to between
                an eighth and half of a view. Matched points may agree on a place beyond it.

        Returns:
            The registration, with the view's centre in the map's frame; without a place unless confirmed.

        Raises:
            FrameRefused: BAD_IMAGE if the view is not RGB, not square or too small.
            ParameterError: if the place or the reach is not a number.
            RasterError: if the map's imagery is missing, or damaged there.
        """
        if not (math.isfinite(east_m) and math.isfinite(north_m)) or math.isnan(reach_m):
            raise ParameterError(
                f"the place is ({east_m}, {north_m}) m and the reach {reach_m} m; give three numbers."
            )
        _check_view(view_image)
        reach = min(max(reach_m / self._view_size_m, _MIN_REACH), _MAX_REACH)
        patch = self._patch(east_m, north_m, reach, len(view_image))
        self._last = _PlacedPatch(patch, east_m, north_m)
        found = self._method.register(view_image, patch)
        if found.verdict is not Verdict.CONFIRMED:
            return Registration.nothing(found.verdict, found.sentence, found.score, found.inliers)
        return replace(found, east_m=east_m + found.east_m, north_m=north_m + found.north_m)

    def pose(
        self, view_image: Rgb, found: Registration, offset_m: Float64Array, height_m: float
    ) -> CameraPose | None:
        """Fit the camera's pose to a view that `refine` has registered.

        Args:
            view_image: the view, uint8 (S, S, 3).
            found: its confirmed registration, in the map's frame.
            offset_m: offset (2,), east and north, from the view's centre to the camera.
            height_m: assumed height above ground.

        Returns:
            The pose in the map's frame; None if too few parts of the view match.

        Raises:
            RasterError: if the map's imagery is missing, or damaged there.
        """
        near = self._around(found.east_m, found.north_m, len(view_image))
        east_m, north_m = found.east_m - near.east_m, found.north_m - near.north_m
        found = replace(found, east_m=east_m, north_m=north_m)
        pose = fit_pose(view_image, near.patch, found, offset_m, height_m)
        if pose is None:
            return None
        return replace(pose, place_m=pose.place_m + np.array([near.east_m, near.north_m]))

    def close(self) -> None:
        """Close the map's imagery."""
        if "_raster" in self.__dict__:
            self._raster.close()
            del self._raster

    @cached_property
    def _raster(self) -> Raster:
        return self._map.raster()  # opened by the thread that uses it

    def __enter__(self) -> "Refiner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _around(self, east_m: float, north_m: float, view_px: int) -> _PlacedPatch:
        """Return the map around a place with little rim, from the last patch if that contains it."""
        side_px = view_px + 2 * round(_MIN_REACH * view_px)
        inner = None if self._last is None else self._last.crop(east_m, north_m, side_px)
        return inner or _PlacedPatch(self._patch(east_m, north_m, _MIN_REACH, view_px), east_m, north_m)

    def _patch(self, east_m: float, north_m: float, reach: float, view_px: int) -> Patch:
        gsd_m, steps = self._view_size_m / view_px, math.ceil(reach / _REACH_STEP)
        side_px = view_px + 2 * round(steps * _REACH_STEP * view_px)
        rgb, valid = self._raster.view(east_m, north_m, side_px * gsd_m, side_px)
        return Patch(rgb, valid, gsd_m)


def _check_view(view: Rgb) -> None:
    square = view.ndim == 3 and view.shape[0] == view.shape[1] and view.shape[2] == 3
    if not square or view.dtype != np.uint8 or len(view) < _MIN_VIEW_PX:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view is {view.dtype} of shape {view.shape}; give RGB uint8 of shape (S, S, 3), S at least "
            f"{_MIN_VIEW_PX}.",
        )
