# SPDX-License-Identifier: Apache-2.0
"""Computes the ground that a camera shows from a height: footprint, resolution, and coverage of a view."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.camera.lens import Intrinsics
from geoloc.camera.views import ViewSpec, frame_to_view, pixel_to_ground
from geoloc.errors import FrameRefused, ParameterError

VIEW_SHARE = 0.8
"""Recommended width of a view in units of the footprint's shorter side.

A wider view leaves the frame at some headings, and a narrower view shows less ground.
"""

_NADIR: Float64Array = np.diag([1.0, -1.0, -1.0])
_STEPS = np.linspace(0.0, 1.0, 201)


@dataclass(frozen=True)
class Footprint:
    """Ground that a camera shows when it looks straight down.

    Attributes:
        across_m: length of the ground that the middle row shows, metres.
        along_m: length of the ground that the middle column shows, metres.
    """

    across_m: float
    along_m: float

    @property
    def shorter_m(self) -> float:
        """Length of the shorter side, metres."""
        return min(self.across_m, self.along_m)


def pinhole(width: int, height: int, fov_deg: float) -> Intrinsics:
    """Return the intrinsics of a camera with square pixels and no distortion.

    Args:
        width: width of the image, pixels.
        height: height of the image, pixels.
        fov_deg: horizontal field of view, above 0 and below 170 degrees.

    Raises:
        ParameterError: if the field of view is outside this range.
        CameraError: if the image has no pixels.
    """
    if not 0.0 < fov_deg < 170.0:
        raise ParameterError(
            f"the field of view is {fov_deg:g} degrees; give the horizontal one, above 0 and below 170, "
            "or a calibration."
        )
    focal_px = width / 2.0 / math.tan(math.radians(fov_deg / 2.0))
    matrix = np.array([[focal_px, 0, width / 2 - 0.5], [0, focal_px, height / 2 - 0.5], [0, 0, 1]])
    return Intrinsics(width, height, matrix)


def footprint(lens: Intrinsics, height_m: float) -> Footprint:
    """Return the footprint from a height in metres, without ground beyond 75 degrees off nadir."""
    columns, rows = _STEPS * lens.width - 0.5, _STEPS * lens.height - 0.5
    row = np.column_stack([columns, np.full_like(columns, lens.height / 2 - 0.5)])
    column = np.column_stack([np.full_like(rows, lens.width / 2 - 0.5), rows])
    return Footprint(_extent_m(row, 0, lens, height_m), _extent_m(column, 1, lens, height_m))


def fitting_height_m(lens: Intrinsics, view_m: float) -> float:
    """Return the height (metres) at which a view is `VIEW_SHARE` of the footprint's shorter side."""
    return view_m / (VIEW_SHARE * footprint(lens, 1.0).shorter_m)


def ground_pixel_m(lens: Intrinsics, height_m: float) -> float:
    """Return the ground that a pixel straight below the camera shows, metres."""
    return height_m / math.sqrt(float(lens.matrix[0, 0] * lens.matrix[1, 1]))


def looking_down(heading_deg: float = 0.0, tilt_deg: float = 0.0, towards_deg: float = 0.0) -> Float64Array:
    """Return `world_from_optical` (3, 3) of a camera that looks down.

    Args:
        heading_deg: direction of the image's top, clockwise from north.
        tilt_deg: angle between the optical axis and straight down.
        towards_deg: direction in which the camera is tilted, clockwise from the image's top.
    """
    tilted = Rotation.from_euler("zxz", [towards_deg, tilt_deg, -towards_deg], degrees=True).as_matrix()
    turned = Rotation.from_euler("z", -heading_deg, degrees=True).as_matrix()
    return np.asarray(turned @ tilted @ _NADIR)


def coverage(lens: Intrinsics, world_from_optical: Float64Array, height_m: float, spec: ViewSpec) -> float:
    """Return the share of a view (0 to 1) that the frame covers, as `frame_to_view` computes it."""
    empty = np.zeros((lens.height, lens.width, 3), dtype=np.uint8)
    try:
        return frame_to_view(empty, lens, world_from_optical, height_m, spec, min_coverage=0.0).coverage
    except FrameRefused:
        return 0.0


def _extent_m(line: Float64Array, axis: int, lens: Intrinsics, height_m: float) -> float:
    ground, seen = pixel_to_ground(line, lens, _NADIR, height_m)
    return float(np.ptp(ground[seen, axis])) if seen.any() else 0.0
