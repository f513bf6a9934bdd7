# SPDX-License-Identifier: Apache-2.0
"""Lenses: which pixel sees a point, and along which ray a pixel looks, for the models ROS calibrates.

Points and rays are in the camera's optical frame (x right, y down, z forward). Pixel (0, 0) is the centre of
the top left pixel, so a frame of width W spans x from -0.5 to W - 0.5.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.errors import CameraError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

COEFFICIENT_COUNTS = {"none": (0,), "plumb_bob": (4, 5), "rational_polynomial": (8,), "equidistant": (4,)}

_WIDEST_RADIUS = 20.0  # tangent of the angle off axis, 87 degrees: beyond it a lens polynomial means nothing
_RADIUS_STEPS = 4000
_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """A calibrated camera: picture size, pinhole matrix and lens distortion.

    Args:
        width: of the pictures the calibration holds for, pixels.
        height: likewise, pixels.
        matrix: (3, 3) float, fx 0 cx / 0 fy cy / 0 0 1, pixels.
        model: "none", "plumb_bob", "rational_polynomial" or "equidistant" (the fisheye of OpenCV and ROS).
        coefficients: (0,), (4,) or (5,), (8,), (4,) in the order of `sensor_msgs/CameraInfo`.

    Raises:
        CameraError: on a calibration that cannot be one, such as a matrix of zeros.
    """

    width: int
    height: int
    matrix: FloatArray
    model: str = "none"
    coefficients: FloatArray | tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.array(self.matrix, dtype=np.float64))
        object.__setattr__(self, "coefficients", np.array(self.coefficients, dtype=np.float64).ravel())
        _check_size(self.width, self.height)
        _check_matrix(self.matrix)
        _check_distortion(self.model, np.asarray(self.coefficients))

    @cached_property
    def radius_limit(self) -> float:
        """Tangent of the largest angle off axis at which the distortion still maps one to one."""
        return _radius_limit(self.model, np.asarray(self.coefficients))

    def scaled_to(self, width: int, height: int) -> "Intrinsics":
        """Give the intrinsics of the same pictures resized to `width` by `height` pixels.

        Raises:
            CameraError: where the aspect ratio differs, as after a crop: then the calibration does not hold.
        """
        if (width, height) == (self.width, self.height):
            return self
        if abs(width * self.height - height * self.width) > max(self.width, self.height):
            raise CameraError(
                f"the picture is {width} x {height} pixels but the calibration is for {self.width} x "
                f"{self.height}, another aspect ratio; calibrate at the picture's size or give the ROI"
            )
        return self.resized(width, height)

    def resized(self, width: int, height: int) -> "Intrinsics":
        """Give the intrinsics after a resize to any `width` by `height`, the aspect ratio left free."""
        shift = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
        scale = np.diag([width / self.width, height / self.height, 1.0])
        matrix = np.linalg.inv(shift) @ scale @ shift @ self.matrix
        return Intrinsics(width, height, matrix, self.model, self.coefficients)

    def cropped(self, left: int, top: int, width: int, height: int) -> "Intrinsics":
        """Give the intrinsics of the window of `width` by `height` pixels whose corner is (left, top)."""
        matrix = self.matrix - np.array([[0.0, 0.0, left], [0.0, 0.0, top], [0.0, 0.0, 0.0]])
        return Intrinsics(width, height, matrix, self.model, self.coefficients)


def project(points_camera: FloatArray, intrinsics: Intrinsics) -> tuple[FloatArray, BoolArray]:
    """Find the pixels that see points given in the optical frame.

    Args:
        points_camera: (..., 3) float, any unit of length.
        intrinsics: of the frame.

    Returns:
        pixels: (..., 2) float, x right and y down; (0, 0) where not valid.
        valid: (...) bool, whether the point is in front of the camera and lands inside the frame. Points so
            far off axis that the distortion polynomial folds back into the frame are not valid.
    """
    points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
    depth = points[:, 2]
    reach = np.hypot(points[:, 0], points[:, 1])
    seen = (depth > 0) & (reach < intrinsics.radius_limit * depth)
    safe = np.where(seen[:, None], points, (0.0, 0.0, 1.0))
    pixels = _distort(safe, intrinsics)
    x, y = pixels[:, 0], pixels[:, 1]
    seen &= (x >= -0.5) & (x <= intrinsics.width - 0.5) & (y >= -0.5) & (y <= intrinsics.height - 0.5)
    pixels[~seen] = 0.0
    shape = np.shape(points_camera)[:-1]
    return pixels.reshape(*shape, 2), seen.reshape(shape)


def rays(pixels: FloatArray, intrinsics: Intrinsics) -> tuple[FloatArray, BoolArray]:
    """Find the directions pixels look in: the inverse of `project`.

    Args:
        pixels: (..., 2) float, x right and y down.
        intrinsics: of the frame.

    Returns:
        directions: (..., 3) float in the optical frame, scaled to z = 1.
        valid: (...) bool, false where the distortion has no inverse, as in a fisheye's black corners.
    """
    wanted = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    flat = _undistort(wanted, intrinsics)
    found = np.isfinite(flat).all(axis=1) & (np.hypot(flat[:, 0], flat[:, 1]) < intrinsics.radius_limit)
    directions = np.column_stack([np.where(found[:, None], flat, 0.0), np.ones(len(flat))])
    found &= np.linalg.norm(_distort(directions, intrinsics) - wanted, axis=1) < 0.01
    shape = np.shape(pixels)[:-1]
    return directions.reshape(*shape, 3), found.reshape(shape)


def _distort(points: FloatArray, intrinsics: Intrinsics) -> FloatArray:
    zero = np.zeros(3)
    if intrinsics.model == "equidistant":
        pixels, _ = cv2.fisheye.projectPoints(
            points[:, None], zero, zero, intrinsics.matrix, intrinsics.coefficients
        )
    else:
        pixels, _ = cv2.projectPoints(points, zero, zero, intrinsics.matrix, intrinsics.coefficients)
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)


def _undistort(pixels: FloatArray, intrinsics: Intrinsics) -> FloatArray:
    if intrinsics.model == "equidistant":
        flat = cv2.fisheye.undistortPoints(
            pixels[:, None], intrinsics.matrix, intrinsics.coefficients, criteria=_CRITERIA
        )
    else:
        flat = cv2.undistortPoints(
            pixels[:, None], intrinsics.matrix, intrinsics.coefficients, criteria=_CRITERIA
        )
    return np.asarray(flat, dtype=np.float64).reshape(-1, 2)


def _radius_limit(model: str, coefficients: FloatArray) -> float:
    radius = np.linspace(0.0, _WIDEST_RADIUS, _RADIUS_STEPS + 1)
    if model == "equidistant":
        angle = np.arctan(radius)
        image_radius = angle * (1.0 + np.polyval([*coefficients[::-1], 0.0], angle**2))
    elif model == "none":
        return _WIDEST_RADIUS
    else:
        k1, k2, _, _, k3, k4, k5, k6 = np.pad(coefficients, (0, 8 - len(coefficients)))
        numerator = 1.0 + np.polyval([k3, k2, k1, 0.0], radius**2)
        denominator = 1.0 + np.polyval([k6, k5, k4, 0.0], radius**2)
        numerator[np.maximum.accumulate(denominator <= 0.0)] = 0.0
        image_radius = radius * numerator / np.where(denominator > 0.0, denominator, 1.0)
    folds = np.flatnonzero(np.diff(image_radius) <= 0.0)
    return float(radius[folds[0]]) if len(folds) else _WIDEST_RADIUS


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise CameraError(f"a calibration for pictures of {width} x {height} pixels; both must be positive")


def _check_matrix(matrix: FloatArray) -> None:
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise CameraError("the camera matrix must be 3 x 3 finite numbers; check K in the CameraInfo")
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise CameraError(
            f"the focal lengths are {matrix[0, 0]:g} and {matrix[1, 1]:g} pixels, so the camera is not "
            "calibrated; calibrate it and publish K in its CameraInfo"
        )
    if not np.allclose(matrix[2], (0.0, 0.0, 1.0)):
        raise CameraError("the last row of the camera matrix must be 0 0 1; check K in the CameraInfo")


def _check_distortion(model: str, coefficients: FloatArray) -> None:
    if model not in COEFFICIENT_COUNTS:
        known = ", ".join(COEFFICIENT_COUNTS)
        raise CameraError(f"distortion model '{model}' is unknown; use one of {known}")
    if len(coefficients) not in COEFFICIENT_COUNTS[model]:
        counts = " or ".join(map(str, COEFFICIENT_COUNTS[model]))
        raise CameraError(f"distortion model '{model}' takes {counts} coefficients, not {len(coefficients)}")
    if not all(map(math.isfinite, coefficients)):
        raise CameraError("a distortion coefficient is not a finite number; check D in the CameraInfo")
