# SPDX-License-Identifier: Apache-2.0
"""Simulates a camera over a raster: traces each pixel's ray to the ground, adds blur and noise."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import BoolArray, Float32Array, Float64Array
from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, mount_rotation
from geoloc.camera.footprint import pinhole
from geoloc.camera.lens import Intrinsics, rays
from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.colours import Rgb
from geoloc_lab.flight_simulator.trajectory import Trajectory
from geoloc_lab.world.noise import stream

_STEEPEST_RAY = math.cos(math.radians(75.0))
_HAZE = (176.0, 184.0, 192.0)
# Each sub-exposure samples another quarter of the pixel, so that motion and pixel area are averaged together.
_QUARTERS = np.array([(-0.25, -0.25), (0.25, 0.25), (-0.25, 0.25), (0.25, -0.25)])
_LEAST_GROUND = 0.5


class Ground(Protocol):
    """Imagery that a camera flies over; `geoloc.raster.views.Raster` implements it."""

    frame: LocalFrame
    gsd_m: float
    bounds_m: tuple[float, float, float, float]

    def window(
        self, left_m: float, top_m: float, width_px: int, height_px: int, gsd_m: float
    ) -> tuple[Rgb, BoolArray]:
        """Return a north-up rectangle: uint8 RGB (H, W, 3) and validity (H, W)."""
        ...


def default_intrinsics(width: int = 640, height: int = 480, hfov_deg: float = 70.0) -> Intrinsics:
    """Return a camera with square pixels and a mild barrel distortion (plumb_bob).

    Raises:
        ParameterError: for a field of view outside 10 to 120 degrees, or an image smaller than 16 pixels.
    """
    if not 10.0 <= hfov_deg <= 120.0:
        raise ParameterError(f"hfov_deg is {hfov_deg}; give a field of view from 10 to 120 degrees.")
    if min(width, height) < 16:
        raise ParameterError(
            f"an image of {width} x {height} pixels is too small; give at least 16 pixels a side."
        )
    matrix = pinhole(width, height, hfov_deg).matrix
    return Intrinsics(width, height, matrix, "plumb_bob", (-0.06, 0.015, 4e-4, -3e-4, 0.0))


@dataclass(frozen=True)
class AerialCamera:
    """A camera on a drone and the imperfections of its images.

    Args:
        intrinsics: size, matrix and distortion.
        mount_rpy_deg: roll, pitch, yaw of camera_link in the body, as `mount_rotation` takes them.
        exposure_s: exposure time; motion during it blurs the image.
        blur_px: standard deviation of the lens's point spread.
        noise: standard deviation of sensor noise at mid-grey, levels of 255.
        vignetting: share of the light that is lost in the corners.
        exposure_spread: standard deviation of the slow change of brightness, relative to the mean.

    Raises:
        ParameterError: for a value outside its range.
    """

    intrinsics: Intrinsics = field(default_factory=default_intrinsics)
    mount_rpy_deg: tuple[float, float, float] = NADIR_MOUNT_RPY_DEG
    exposure_s: float = 0.004
    blur_px: float = 0.5
    noise: float = 2.5
    vignetting: float = 0.25
    exposure_spread: float = 0.05

    def __post_init__(self) -> None:
        limits = {
            "exposure_s": 0.2,
            "blur_px": 20.0,
            "noise": 60.0,
            "vignetting": 0.9,
            "exposure_spread": 0.5,
        }
        for name, highest in limits.items():
            if not 0 <= getattr(self, name) <= highest:
                raise ParameterError(
                    f"{name} of the camera is {getattr(self, name)}; give a value from 0 to {highest:g}."
                )

    @cached_property
    def _rays(self) -> Float32Array:
        """Unit directions (4, H, W, 3) in the optical frame, one grid for each quarter of a pixel."""
        x, y = np.meshgrid(np.arange(self.intrinsics.width), np.arange(self.intrinsics.height))
        grid = np.stack([x, y], -1) + _QUARTERS[:, None, None]
        directions = rays(grid, self.intrinsics)[0]
        return np.asarray(directions / np.linalg.norm(directions, axis=-1, keepdims=True), dtype=np.float32)

    @cached_property
    def _falloff(self) -> Float32Array:
        size = np.array([self.intrinsics.width, self.intrinsics.height]) / 2
        x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in (self.intrinsics.width, self.intrinsics.height)))
        square = ((x * size[0]) ** 2 + (y * size[1]) ** 2) / (size @ size)
        return np.asarray(1 - self.vignetting * square, dtype=np.float32)[..., None]

    def frames(self, ground: Ground, trajectory: Trajectory, seed: int = 0) -> Iterator[tuple[int, Rgb]]:
        """Yield the images of a flight as (tick, uint8 RGB (H, W, 3)).

        Raises:
            ParameterError: before the first image, if an image would show ground outside the raster.
        """
        self._check_inside(ground, trajectory)
        return self._frames(ground, trajectory, seed)

    def _frames(self, ground: Ground, trajectory: Trajectory, seed: int) -> Iterator[tuple[int, Rgb]]:
        rng = stream(seed, "camera")
        brightness = 1.0
        for tick in trajectory.frame_ticks:
            picture = self._expose(ground, *self._poses(trajectory, int(tick)))
            brightness += rng.normal(0, self.exposure_spread * 0.4) - 0.08 * (brightness - 1.0)
            yield int(tick), self._sense(picture, brightness, rng)

    def _poses(self, trajectory: Trajectory, tick: int) -> tuple[Float64Array, Float64Array]:
        """Return positions (4, 3) and world_from_optical (4, 3, 3) of the sub-exposures about a tick."""
        last = len(trajectory.stamp_ns) - 1
        before, after = max(0, tick - 1), min(last, tick + 1)
        span_s = float(trajectory.stamp_ns[after] - trajectory.stamp_ns[before]) * 1e-9
        if span_s == 0:
            velocity, turn = np.zeros(3), np.zeros(3)
        else:
            velocity = (trajectory.position_m[after] - trajectory.position_m[before]) / span_s
            turn = (
                trajectory.world_from_body[after] * trajectory.world_from_body[before].inv()
            ).as_rotvec() / span_s
        at_s = (np.arange(len(_QUARTERS)) + 0.5 - len(_QUARTERS) / 2) / len(_QUARTERS) * self.exposure_s
        attitude = Rotation.from_rotvec(at_s[:, None] * turn) * trajectory.world_from_body[tick]
        return trajectory.position_m[tick] + at_s[:, None] * velocity, attitude.as_matrix() @ mount_rotation(
            self.mount_rpy_deg
        )

    def _expose(self, ground: Ground, positions: Float64Array, rotations: Float64Array) -> Float32Array:
        hits = [self._hit(k, positions[k], rotations[k]) for k in range(len(positions))]
        if not all(hit.seen.any() for hit in hits):
            raise ParameterError(
                "the camera sees no ground; lower the bank, the gusts or the tilt of the mount."
            )
        gsd_m = max(ground.gsd_m, 0.5 * float(positions[0, 2]) / float(self.intrinsics.matrix[0, 0]))
        extent = np.array([hit.extent_m() for hit in hits])
        left, top = extent[:, 0].min() - 3 * gsd_m, extent[:, 3].max() + 3 * gsd_m
        width = math.ceil((extent[:, 2].max() - left) / gsd_m) + 3
        height = math.ceil((top - extent[:, 1].min()) / gsd_m) + 3
        window, valid = ground.window(float(left), float(top), width, height, gsd_m)
        if valid.mean() < _LEAST_GROUND:
            raise ParameterError(
                f"at east {positions[0, 0]:.0f} m, north {positions[0, 1]:.0f} m the raster has no imagery "
                "under the camera; choose waypoints over its valid part."
            )
        total = np.zeros((*hits[0].seen.shape, 3), np.float32)
        for hit in hits:
            total += hit.sample(window, float(left), float(top), gsd_m)
        return np.asarray(total / len(positions), dtype=np.float32)

    def _hit(self, quarter: int, position: Float64Array, rotation: Float64Array) -> "_Hit":
        east, north, up = cv2.split(cv2.transform(self._rays[quarter], rotation))
        seen = np.asarray(up < -_STEEPEST_RAY, dtype=np.bool_)
        reach = np.float32(position[2]) / np.where(seen, -up, np.float32(np.inf))
        return _Hit(position, east * reach, north * reach, seen)

    def _sense(self, picture: Float32Array, brightness: float, rng: np.random.Generator) -> Rgb:
        if self.blur_px > 0:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur_px)
        picture = np.asarray(picture * (self._falloff * np.float32(brightness)), dtype=np.float32)
        # Photon noise grows with the square root of the light, so mid-grey has the stated level.
        grain = rng.standard_normal(picture.shape, dtype=np.float32)
        picture += grain * cv2.sqrt((picture + np.float32(16)) * np.float32(self.noise**2 / 144))
        return np.asarray(cv2.convertScaleAbs(cv2.max(picture, 0.0)), dtype=np.uint8)

    def _check_inside(self, ground: Ground, trajectory: Trajectory) -> None:
        """Raise `ParameterError` for a flight whose images would show ground outside the raster."""
        left, bottom, right, top = ground.bounds_m
        rim = self._rays[0][[0, 0, -1, -1], [0, -1, 0, -1]]
        mount = mount_rotation(self.mount_rpy_deg)
        for tick in trajectory.frame_ticks:
            position = trajectory.position_m[tick]
            world = rim @ (trajectory.world_from_body[int(tick)].as_matrix() @ mount).T
            reach = position[2] / np.maximum(-world[:, 2], _STEEPEST_RAY)
            low, high = np.min(world[:, :2] * reach[:, None], 0), np.max(world[:, :2] * reach[:, None], 0)
            low, high = position[:2] + np.minimum(low, 0), position[:2] + np.maximum(high, 0)
            excess_m = max(left - low[0], bottom - low[1], high[0] - right, high[1] - top)
            if excess_m > 0:
                raise ParameterError(
                    f"{trajectory.time_s[tick]:.1f} s into the flight the camera sees {excess_m:.0f} m "
                    "beyond the raster's edge; keep a larger margin, fly lower or take a larger raster."
                )


@dataclass(frozen=True, eq=False)
class _Hit:
    """Ground points of the rays: (H, W) metres east and north of the camera, 0 where a ray is too flat."""

    position: Float64Array
    east_m: Float32Array
    north_m: Float32Array
    seen: BoolArray

    def extent_m(self) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top in the local frame."""
        east, north = float(self.position[0]), float(self.position[1])
        return (
            east + float(self.east_m.min()),
            north + float(self.north_m.min()),
            east + float(self.east_m.max()),
            north + float(self.north_m.max()),
        )

    def sample(self, window: Rgb, left_m: float, top_m: float, gsd_m: float) -> Rgb:
        """Return the colours (H, W, 3) of a north-up window at the ground points of the rays."""
        scale = np.float32(1 / gsd_m)
        x = self.east_m * scale + np.float32((self.position[0] - left_m) / gsd_m - 0.5)
        y = self.north_m * -scale + np.float32((top_m - self.position[1]) / gsd_m - 0.5)
        seen = cv2.remap(window, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if not self.seen.all():
            seen[~self.seen] = _HAZE
        return np.asarray(seen, dtype=np.uint8)
