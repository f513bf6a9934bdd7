# SPDX-License-Identifier: Apache-2.0
"""Pose of the camera from a registered view: what the view's perspective says about roll and pitch.

A wrong roll or pitch does two things to a view of flat ground. It shifts the view, as if the camera were
elsewhere. It also distorts the perspective: a tilt n at the height h moves the ground point x by x (n·x) / h,
which is decimetres a degree at the rim of a view. So parts of the view are matched with the map one by one.
Place, height, heading and tilt of the camera are fitted to these matches, by the homography of a plane that a
calibrated camera sees (Hartley and Zisserman, Multiple View Geometry, chapter 13).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float32Array, Float64Array
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import MAX_HEADING_ERROR_DEG, MAX_SCALE_ERROR, Patch, Registration
from geoloc.refine.correlation import ground_edges
from geoloc.refine.orientation import Edges, ground_mask, resized
from geoloc.refine.parts import match_parts

_FINE_PX = 160
_REACH_PX = (6, 4, 3)  # largest shift of a part, round by round
_MIN_PARTS = 10
_SETTLED_PX = 1.0  # shift of nearly all parts, below which another round changes nothing
_CAUCHY = 2.385  # a residual of so many standard deviations weighs half
_STEPS = 8
_FREE_M, _FREE_RAD = 1e3, math.radians(30.0)
# Inverse variances before the measurement, in the order of `_State.moved`.
_PRIOR = (
    np.array([_FREE_M, _FREE_M, MAX_SCALE_ERROR, _FREE_RAD, _FREE_RAD, math.radians(MAX_HEADING_ERROR_DEG)])
    ** -2.0
)
# Neighbouring parts err alike, and ground is not flat: over NAIP of two years with rendered tilts, measured
# tilts were this many times as far from the truth as the residuals of the parts say.
_CORRELATED = 2.0


@dataclass(frozen=True, eq=False)
class CameraPose:
    """Pose of the camera over the map, as the view alone shows it.

    Attributes:
        place_m: place (2,) of the camera, east and north.
        tilt_rad: error (2,) of the assumed attitude: the point below the camera lies `height_m` times this
            vector, east and north, from where the assumed attitude sees it.
        covariance: covariance (4, 4) of place and tilt, metres and radians.
        height_m: height above ground.
        parts: number of matched parts of the view.
    """

    place_m: Float64Array
    tilt_rad: Float64Array
    covariance: Float64Array
    height_m: float
    parts: int

    @property
    def tilt_covariance_rad2(self) -> Float64Array:
        """Covariance (2, 2) of the measured tilt."""
        return self.covariance[2:, 2:]

    def place_given(self, tilt_error_rad: float) -> tuple[Float64Array, Float64Array]:
        """Return place (2,) and covariance (2, 2) if roll and pitch have this standard deviation."""
        tilt_covariance = self.tilt_covariance_rad2 + np.eye(2) * tilt_error_rad**2
        gain = np.linalg.solve(tilt_covariance, self.covariance[2:, :2]).T
        covariance = self.covariance[:2, :2] - gain @ self.covariance[2:, :2]
        return self.place_m - gain @ self.tilt_rad, (covariance + covariance.T) / 2.0


@dataclass(frozen=True, eq=False)
class _State:
    """Pose of the camera while it is fitted.

    Attributes:
        place_m: place (2,) from the patch's centre, east and north.
        height_m: height above ground.
        rotation: rotation from the assumed axes to the true ones.
        tilt_rad: sum (2,) of the tilts in `rotation`; see `CameraPose`.
    """

    place_m: Float64Array
    height_m: float
    rotation: Rotation
    tilt_rad: Float64Array

    def ground_from_assumed(self, assumed_height_m: float) -> Float64Array:
        """Homography (3, 3): ground points by the assumed pose, from the camera, to points on the patch."""
        ray = np.diag([1.0, 1.0, -assumed_height_m])
        ground = np.diag([1.0, 1.0, -1.0 / self.height_m])
        return np.asarray(_shift(self.place_m) @ ground @ self.rotation.as_matrix() @ ray)

    def moved(self, change: Float64Array) -> "_State":
        """Return the state after a small change: east, north, log of height, tilt east and north, turn."""
        turn = Rotation.from_rotvec([change[4], -change[3], change[5]])
        return _State(
            self.place_m + change[:2],
            self.height_m * math.exp(change[2]),
            turn * self.rotation,
            self.tilt_rad + change[3:5],
        )


def fit_pose(
    view: Rgb,
    patch: Patch,
    found: Registration,
    offset_m: Float64Array,
    height_m: float,
) -> CameraPose | None:
    """Fit the camera's pose to the parts of a registered view.

    Args:
        view: view, uint8 (S, S, 3), of flat ground.
        patch: part of the map around the view, whose centre is near the view's.
        found: confirmed registration of the view with this patch, relative to the patch's centre.
        offset_m: offset (2,), east and north, from the view's centre to the camera.
        height_m: assumed height above ground.

    Returns:
        The pose relative to the patch's centre; None if too few parts match.
    """
    side = min(_FINE_PX, len(view))
    gsd_m = len(view) * patch.gsd_m / side
    picture, mask = resized(view, side), resized(ground_mask(view), side)
    ground = ground_edges(patch, side / len(view))
    assumed_from_view = _shift(-offset_m) @ np.linalg.inv(_pixels_from_m(side, gsd_m))
    state, pose = _registered_state(found, offset_m, height_m), None
    for reach in _REACH_PX:
        from_view = state.ground_from_assumed(height_m) @ assumed_from_view
        middle_m = _mapped(from_view, np.full(2, (side - 1) / 2))
        corner = _nearest_corner(middle_m / gsd_m, len(ground.mask), side)
        window = _around(ground, corner, side, reach)
        if window is None:
            return pose
        centre_m = (corner + (side - len(ground.mask)) / 2) * (gsd_m, -gsd_m)
        aligned = _pixels_from_m(side, gsd_m) @ _shift(-centre_m) @ from_view
        parts = match_parts(_warped(picture, mask, aligned), window, reach)
        if len(parts) < _MIN_PARTS:
            return pose
        at_m = centre_m + parts.at_px * (gsd_m, -gsd_m) - state.place_m
        settled = float(np.quantile(np.abs(parts.moved_px), 0.9)) < _SETTLED_PX
        state, pose = _fitted(state, at_m, parts.moved_px * (gsd_m, -gsd_m), height_m, gsd_m)
        if settled:
            break
    return pose


def _fitted(
    state: _State,
    at_m: Float64Array,
    moved_m: Float64Array,
    assumed_height_m: float,
    gsd_m: float,
) -> tuple[_State, CameraPose]:
    """Fit a change of the state to ground points (n, 2) from the camera that moved by (n, 2)."""
    rows = _jacobian(at_m, state.height_m)
    weights, scale_m = np.ones(len(rows)), gsd_m
    for _ in range(_STEPS):
        information = np.einsum("n,nij,nik->jk", weights, rows, rows)
        evidence = np.einsum("n,nij,ni->j", weights, rows, moved_m)
        change = np.linalg.solve(information + np.diag(_PRIOR) * scale_m**2, evidence)
        left_m = np.hypot(*(moved_m - rows @ change).T)
        scale_m = max(float(np.median(left_m)) / 1.177, 0.1 * gsd_m)  # median of a Rayleigh distribution
        weights = 1.0 / (1.0 + (left_m / (_CAUCHY * scale_m)) ** 2)
    variance = (_CORRELATED * scale_m) ** 2
    information = np.einsum("n,nij,nik->jk", weights, rows, rows) / variance
    evidence = np.einsum("n,nij,ni->j", weights, rows, moved_m) / variance
    before = np.array([0.0, 0.0, math.log(state.height_m / assumed_height_m), *state.tilt_rad, 0.0])
    covariance = np.linalg.inv(information + np.diag(_PRIOR))
    after = state.moved(covariance @ (evidence - _PRIOR * before))
    place_and_tilt = np.ix_([0, 1, 3, 4], [0, 1, 3, 4])
    pose = CameraPose(after.place_m, after.tilt_rad, covariance[place_and_tilt], after.height_m, len(rows))
    return after, pose


def _jacobian(at_m: Float64Array, height_m: float) -> Float64Array:
    """Return how ground points (n, 2) from the camera move with the state: (n, 2, 6), as `_State.moved`."""
    rows = np.zeros((len(at_m), 2, 6))
    rows[:, :, :2] = np.eye(2)
    rows[:, :, 2] = at_m
    rows[:, :, 3:5] = np.eye(2) * height_m + at_m[:, :, None] * at_m[:, None, :] / height_m
    rows[:, 0, 5], rows[:, 1, 5] = -at_m[:, 1], at_m[:, 0]
    return rows


def _registered_state(found: Registration, offset_m: Float64Array, height_m: float) -> _State:
    turn = Rotation.from_euler("z", -found.rotation_rad)
    return _State(found.camera_m(offset_m), height_m * found.scale, turn, np.zeros(2))


def _nearest_corner(middle_px: Float64Array, ground_px: int, side: int) -> Float64Array:
    """Return column and row of the view's upper left corner on the ground, in whole pixels."""
    return np.asarray(np.rint((middle_px * (1.0, -1.0)) + (ground_px - side) / 2), dtype=np.float64)


def _around(ground: Edges, corner: Float64Array, side: int, reach: int) -> Edges | None:
    """Return the ground of a view with a rim of `reach` pixels; None beyond the patch."""
    left, top = (int(at) - reach for at in corner)
    end = side + 2 * reach
    if min(left, top) < 0 or max(left, top) + end > len(ground.mask):
        return None
    return ground.crop(slice(top, top + end), slice(left, left + end))


def _warped(picture: Rgb, mask: Float32Array, homography: Float64Array) -> Edges:
    size = mask.shape[::-1]
    rgb = cv2.warpPerspective(picture, homography, size, borderMode=cv2.BORDER_REFLECT_101)
    ground = cv2.warpPerspective(mask, homography, size, borderMode=cv2.BORDER_CONSTANT)
    return Edges.of(np.asarray(rgb, dtype=np.uint8), np.asarray(ground, dtype=np.float32))


def _pixels_from_m(side: int, gsd_m: float) -> Float64Array:
    """Homography from metres east and north of an image's centre to its pixels."""
    middle = (side - 1) / 2
    return np.array([[1.0 / gsd_m, 0.0, middle], [0.0, -1.0 / gsd_m, middle], [0.0, 0.0, 1.0]])


def _shift(by_m: Float64Array) -> Float64Array:
    return np.array([[1.0, 0.0, by_m[0]], [0.0, 1.0, by_m[1]], [0.0, 0.0, 1.0]])


def _mapped(homography: Float64Array, point: Float64Array) -> Float64Array:
    x, y, w = homography @ np.array([*point, 1.0])
    return np.array([x / w, y / w])
