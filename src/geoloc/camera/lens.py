# SPDX-License-Identifier: Apache-2.0
"""Lens models of ROS calibrations: project points to pixels, and unproject pixels to rays.

Points and rays are in the camera's optical frame (x right, y down, z forward). Coordinates (0, 0) are the
centre of the top left pixel, so a frame of width W spans x from -0.5 to W - 0.5.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.errors import CameraError

COEFFICIENT_COUNTS = {
    "none": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}

_WIDEST_RADIUS = 20.0  # tangent of 87 degrees off axis, beyond which no lens polynomial is valid
_RADIUS_STEPS = 4000
_RAY_TOLERANCE = 1e-5  # in focal lengths
_NEWTON_ROUNDS = 8
_NEWTON_TOLERANCE = 1e-10
_NUDGE = 1e-7
_ROTATION_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """A calibrated camera: image size, pinhole matrix and lens distortion.

    Attributes:
        width: width of the images that the calibration is for, pixels.
        height: height of these images, pixels.
        matrix: (3, 3) float, fx 0 cx / 0 fy cy / 0 0 1, pixels.
        model: "none", "plumb_bob", "rational_polynomial" or "equidistant" (the fisheye of OpenCV and ROS).
        coefficients: distortion coefficients in the order of `sensor_msgs/CameraInfo`: (0,), (4,) or (5,),
            (8,), (12,) or (14,), or (4,), for the models in the order above. Numbers 9 to 12 are OpenCV's
            thin prism, 13 and 14 the tilt of its sensor.
        rectification: rotation (3, 3) from the optical frame to that of rectified images, R of the
            `CameraInfo`; None if the two frames are one, as for raw images.

    Raises:
        CameraError: for an invalid calibration, such as a matrix of zeros.
    """

    width: int
    height: int
    matrix: Float64Array
    model: str = "none"
    coefficients: Float64Array | tuple[float, ...] = ()
    rectification: Float64Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.array(self.matrix, dtype=np.float64))
        object.__setattr__(self, "coefficients", np.array(self.coefficients, dtype=np.float64).ravel())
        _check_size(self.width, self.height)
        _check_matrix(self.matrix)
        _check_distortion(self.model, np.asarray(self.coefficients))
        if self.rectification is not None:
            _check_rectification(np.asarray(self.rectification))

    @cached_property
    def radial_table(self) -> tuple[Float64Array, Float64Array]:
        """Tangents of angles off axis, and their image radii, over the range where the lens is one to one.

        Beyond that range a distortion polynomial folds back, or a rational one has a pole. Points far outside
        the field of view would then land inside the frame.
        """
        radius = np.linspace(0.0, _WIDEST_RADIUS, _RADIUS_STEPS + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            image_radius = radius * _stretch(radius * radius, self.model, np.asarray(self.coefficients))
            folds = np.flatnonzero(~(np.diff(image_radius) > 0.0))
        end = int(folds[0]) + 1 if len(folds) else len(radius)
        return radius[:end], image_radius[:end]

    @property
    def radius_limit(self) -> float:
        """Tangent of the largest angle off axis that the lens can image."""
        return float(self.radial_table[0][-1])

    def fits(self, width: int, height: int) -> bool:
        """Return whether an image has the aspect ratio of the calibration, to a pixel."""
        return abs(width * self.height - height * self.width) <= max(self.width, self.height)

    def scaled_to(self, width: int, height: int) -> "Intrinsics":
        """Return the intrinsics of the same images resized to `width` by `height` pixels.

        Raises:
            CameraError: if the aspect ratio differs, as after a crop: the calibration is then invalid.
        """
        if (width, height) == (self.width, self.height):
            return self
        if not self.fits(width, height):
            raise CameraError(
                f"the image is {width} x {height} pixels but the calibration is for {self.width} x "
                f"{self.height}, another aspect ratio; calibrate at the image's size or state the ROI."
            )
        return self.resized(width, height)

    def resized(self, width: int, height: int) -> "Intrinsics":
        """Return the intrinsics after a resize to `width` by `height`, of any aspect ratio."""
        shift = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
        scale = np.diag([width / self.width, height / self.height, 1.0])
        matrix = np.linalg.inv(shift) @ scale @ shift @ self.matrix
        return replace(self, width=width, height=height, matrix=matrix)

    def cropped(self, left: int, top: int, width: int, height: int) -> "Intrinsics":
        """Return the intrinsics of a window of the image, whose top left pixel is (left, top)."""
        matrix = self.matrix - np.array([[0.0, 0.0, left], [0.0, 0.0, top], [0.0, 0.0, 0.0]])
        return replace(self, width=width, height=height, matrix=matrix)


def project(points_camera: Float64Array, intrinsics: Intrinsics) -> tuple[Float64Array, BoolArray]:
    """Project points to pixels.

    Args:
        points_camera: points (..., 3) in the optical frame, float, any unit of length.
        intrinsics: intrinsics of the frame.

    Returns:
        pixels: (..., 2) float, x right and y down; (0, 0) where not valid.
        valid: (...) bool, True where the point is in front of the camera and lands inside the frame. Points
            so far off axis that the distortion polynomial folds them back into the frame are not valid.
    """
    points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
    if intrinsics.rectification is not None:
        points = points @ intrinsics.rectification.T
    depth = points[:, 2]
    reach = np.hypot(points[:, 0], points[:, 1])
    seen = (depth > 0) & (reach < intrinsics.radius_limit * depth)
    flat = np.where(seen[:, None], points[:, :2], 0.0) / np.where(seen, depth, 1.0)[:, None]
    (fx, _, cx), (_, fy, cy), _ = intrinsics.matrix
    pixels = _bend(flat, intrinsics) * (fx, fy) + (cx, cy)
    x, y = pixels[:, 0], pixels[:, 1]
    seen &= (x >= -0.5) & (x <= intrinsics.width - 0.5) & (y >= -0.5) & (y <= intrinsics.height - 0.5)
    pixels[~seen] = 0.0
    shape = np.shape(points_camera)[:-1]
    return pixels.reshape(*shape, 2), seen.reshape(shape)


def rays(pixels: Float64Array, intrinsics: Intrinsics) -> tuple[Float64Array, BoolArray]:
    """Return the rays of pixels, the inverse of `project`.

    Args:
        pixels: (..., 2) float, x right and y down.
        intrinsics: intrinsics of the frame.

    Returns:
        directions: (..., 3) float in the optical frame, scaled to z = 1.
        valid: (...) bool, False where the distortion has no inverse, as in the black corners of a fisheye.
    """
    (fx, _, cx), (_, fy, cy), _ = intrinsics.matrix
    bent = (np.asarray(pixels, dtype=np.float64).reshape(-1, 2) - (cx, cy)) / (fx, fy)
    flat = _unbend(bent, intrinsics)
    flat[~(np.hypot(flat[:, 0], flat[:, 1]) < intrinsics.radius_limit)] = 0.0
    found = np.linalg.norm(_bend(flat, intrinsics) - bent, axis=1) < _RAY_TOLERANCE
    directions = np.column_stack([flat, np.ones(len(flat))])
    if intrinsics.rectification is not None:
        directions = directions @ intrinsics.rectification
        found &= directions[:, 2] > 0.0
        directions /= np.where(found, directions[:, 2], 1.0)[:, None]
    directions[~found] = (0.0, 0.0, 1.0)
    shape = np.shape(pixels)[:-1]
    return directions.reshape(*shape, 3), found.reshape(shape)


def _bend(flat: Float64Array, intrinsics: Intrinsics) -> Float64Array:
    # Eight times as fast as OpenCV's projectPoints for the pixels of a view; a test compares the two.
    k = np.asarray(intrinsics.coefficients)
    x, y = flat[:, 0], flat[:, 1]
    square = x * x + y * y
    stretch = _stretch(square, intrinsics.model, k)
    across, down = x * stretch, y * stretch
    if intrinsics.model in ("plumb_bob", "rational_polynomial"):
        p1, p2 = k[2], k[3]
        across += 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x)
        down += p1 * (square + 2.0 * y * y) + 2.0 * p2 * x * y
    if len(k) >= 12:
        across += (k[8] + k[9] * square) * square
        down += (k[10] + k[11] * square) * square
    bent = np.stack([across, down], axis=1)
    return _tilt(bent, k[12], k[13]) if len(k) == 14 else bent


def _tilt(bent: Float64Array, about_x_rad: float, about_y_rad: float) -> Float64Array:
    """Project image points (N, 2) onto a sensor that is tilted, as in OpenCV's model with 14 numbers."""
    (sin_x, sin_y), (cos_x, cos_y) = (turn((about_x_rad, about_y_rad)) for turn in (np.sin, np.cos))
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, sin_x], [0.0, -sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, -sin_y], [0.0, 1.0, 0.0], [sin_y, 0.0, cos_y]])
    turned = about_y @ about_x
    (_, _, right), (_, _, down), (_, _, ahead) = turned
    onto_sensor = np.array([[ahead, 0.0, -right], [0.0, ahead, -down], [0.0, 0.0, 1.0]]) @ turned
    points = np.column_stack([bent, np.ones(len(bent))]) @ onto_sensor.T
    return np.asarray(points[:, :2] / points[:, 2:])


def _unbend(bent: Float64Array, intrinsics: Intrinsics) -> Float64Array:
    # OpenCV's undistortPoints stops after five iterations in some versions, and diverges in the corners of a
    # wide lens. Here a table inverts the radial part, and Newton's method the tangential one.
    reach = np.maximum(np.hypot(bent[:, 0], bent[:, 1]), 1e-12)
    radius, image_radius = intrinsics.radial_table
    flat = bent * (np.interp(reach, image_radius, radius) / reach)[:, None]
    for _ in range(_NEWTON_ROUNDS):
        here = _bend(flat, intrinsics)
        if np.abs(here - bent).max(initial=0.0) < _NEWTON_TOLERANCE:
            break
        flat = flat - _newton_step(flat, here, bent, intrinsics)
    return flat


def _newton_step(
    flat: Float64Array, here: Float64Array, bent: Float64Array, intrinsics: Intrinsics
) -> Float64Array:
    slope_x = (_bend(flat + np.array([_NUDGE, 0.0]), intrinsics) - here) / _NUDGE
    slope_y = (_bend(flat + np.array([0.0, _NUDGE]), intrinsics) - here) / _NUDGE
    x, y = (here - bent).T
    determinant = slope_x[:, 0] * slope_y[:, 1] - slope_x[:, 1] * slope_y[:, 0]
    step = np.stack([slope_y[:, 1] * x - slope_y[:, 0] * y, slope_x[:, 0] * y - slope_x[:, 1] * x], axis=1)
    return np.asarray(step / np.where(determinant > 1e-3, determinant, np.inf)[:, None])


def _stretch(square: Float64Array, model: str, k: Float64Array) -> Float64Array:
    """Return the radial distortion factor of points, given their squared tangents off axis."""
    if model == "none":
        return np.ones_like(square)
    if model == "equidistant":
        radius = np.sqrt(np.maximum(square, 1e-18))
        angle = np.arctan(radius)
        return np.asarray(angle * _polynomial(angle * angle, k) / radius)
    k1, k2, _, _, k3, k4, k5, k6 = np.pad(k[:8], (0, max(0, 8 - len(k))))
    if not (k4 or k5 or k6):
        return _polynomial(square, (k1, k2, k3))
    return _polynomial(square, (k1, k2, k3)) / _polynomial(square, (k4, k5, k6))


def _polynomial(value: Float64Array, coefficients: Iterable[float]) -> Float64Array:
    total = np.zeros_like(value)
    for coefficient in reversed(tuple(coefficients)):
        total = (total + coefficient) * value
    return 1.0 + total


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise CameraError(
            f"the calibration is for images of {width} x {height} pixels; give a positive size."
        )


def _check_matrix(matrix: Float64Array) -> None:
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise CameraError("the camera matrix is not 3 x 3 finite numbers; check K, or P if rectified.")
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise CameraError(
            f"the focal lengths are {matrix[0, 0]:g} and {matrix[1, 1]:g} pixels, so the camera is not "
            "calibrated; calibrate it and publish K, or P if rectified, in its CameraInfo."
        )
    if np.any(matrix[[0, 1, 2, 2, 2], [1, 0, 0, 1, 2]] != (0.0, 0.0, 0.0, 0.0, 1.0)):
        raise CameraError("the camera matrix is not fx 0 cx, 0 fy cy, 0 0 1; check K, or P if rectified.")


def _check_distortion(model: str, coefficients: Float64Array) -> None:
    if model not in COEFFICIENT_COUNTS:
        known = ", ".join(COEFFICIENT_COUNTS)
        raise CameraError(f"distortion model '{model}' is unknown; use one of {known}.")
    if len(coefficients) not in COEFFICIENT_COUNTS[model]:
        counts = " or ".join(map(str, COEFFICIENT_COUNTS[model]))
        raise CameraError(f"distortion model '{model}' has {len(coefficients)} coefficients; give {counts}.")
    if not all(map(math.isfinite, coefficients)):
        raise CameraError("a distortion coefficient is not a finite number; check D in the CameraInfo.")


def _check_rectification(rotation: Float64Array) -> None:
    proper = rotation.shape == (3, 3) and np.isfinite(rotation).all() and np.linalg.det(rotation) > 0
    if not (proper and np.allclose(rotation @ rotation.T, np.eye(3), atol=_ROTATION_TOLERANCE)):
        raise CameraError("the rectification is not a rotation; check R in the CameraInfo.")
