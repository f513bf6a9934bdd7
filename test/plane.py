# SPDX-License-Identifier: Apache-2.0
"""Flat ground with known landmarks, and a camera above it that is independent of geoloc's projection.

Frames are rendered by casting a ray through every pixel; OpenCV inverts the lens, and is itself checked by
projecting the ray again.
"""

from dataclasses import dataclass

import cv2
import numpy as np

FOCAL = 0.7  # of the frame's width
LENSES = {
    "none": (),
    "plumb_bob": (-0.22, 0.06, 0.0012, -0.0008, -0.006),
    "rational_polynomial": (0.5, -2.6, 0.0003, -0.0002, 1.5, 0.38, -2.4, 1.45),
    "equidistant": (-0.02, 0.012, -0.006, 0.0006),
}
SIGMA_M = 1.5
GROUND_LEVEL = 60.0
PEAK = 160.0


def landmarks() -> np.ndarray:
    """Return east, north (N, 2) of bright spots, 22 m apart and jittered, so that no shift of them fits."""
    axis = np.arange(-8, 9) * 22.0
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return grid + np.random.default_rng(3).uniform(-4.5, 4.5, grid.shape)


def spots(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the brightness of the ground, 0 to 255, at any points."""
    # Only the landmark of a point's own cell can be near it.
    places = landmarks().reshape(17, 17, 2)
    column = np.clip(np.rint(east / 22.0), -8, 8).astype(int) + 8
    row = np.clip(np.rint(north / 22.0), -8, 8).astype(int) + 8
    near = places[row, column]
    square = (near[..., 0] - east) ** 2 + (near[..., 1] - north) ** 2
    return GROUND_LEVEL + PEAK * np.exp(-square / (2 * SIGMA_M**2))


def nadir(heading_rad: float) -> np.ndarray:
    """Return the optical axes of a camera that looks straight down, its image's top along the heading."""
    s, c = np.sin(heading_rad), np.cos(heading_rad)
    return np.array([[c, -s, 0.0], [-s, -c, 0.0], [0.0, 0.0, -1.0]])


def tilted(rotation: np.ndarray, tilt_rad: float, towards_rad: float) -> np.ndarray:
    """Lean a nadir camera by `tilt_rad` towards the direction `towards_rad`, clockwise from north."""
    axis = np.array([np.cos(towards_rad), -np.sin(towards_rad), 0.0])
    turn, _ = cv2.Rodrigues(axis * tilt_rad)
    return turn @ rotation


@dataclass
class Camera:
    width: int
    height: int
    model: str
    matrix: np.ndarray
    coefficients: tuple[float, ...]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points in front of the camera with OpenCV."""
        zero, k = np.zeros(3), np.array(self.coefficients)
        if self.model == "equidistant":
            return cv2.fisheye.projectPoints(points[:, None], zero, zero, self.matrix, k)[0].reshape(-1, 2)
        return cv2.projectPoints(points, zero, zero, self.matrix, k)[0].reshape(-1, 2)

    def rays(self) -> np.ndarray:
        """Return a ray through every pixel, (H, W, 3), in the optical frame."""
        grid = np.stack(np.meshgrid(np.arange(self.width), np.arange(self.height)), axis=-1)
        pixels, k = grid.reshape(-1, 1, 2).astype(float), np.array(self.coefficients)
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
        if self.model == "equidistant":
            flat = cv2.fisheye.undistortPoints(pixels, self.matrix, k, criteria=until)
        elif hasattr(cv2, "undistortPointsIter"):
            flat = cv2.undistortPointsIter(pixels, self.matrix, k, None, None, until)
        else:
            flat = cv2.undistortPoints(pixels, self.matrix, k, criteria=until)
        flat = flat.reshape(-1, 2)
        found = np.column_stack([flat, np.ones(len(flat))])
        assert np.abs(self.project(found) - pixels.reshape(-1, 2)).max() < 0.01
        return found.reshape(self.height, self.width, 3)


def camera(model: str, width: int = 320, height: int = 240) -> Camera:
    matrix = np.array(
        [[FOCAL * width, 0, 0.49 * width], [0, FOCAL * width * 1.01, 0.52 * height], [0, 0, 1]], dtype=float
    )
    return Camera(width, height, model, matrix, LENSES[model])


def render(lens: Camera, rotation: np.ndarray, height_m: float, at=(0.0, 0.0)) -> np.ndarray:
    """Return the image, (H, W, 3) uint8, of a camera `height_m` above east, north `at`."""
    world = lens.rays() @ rotation.T
    assert (world[..., 2] < 0).all(), "the tests' cameras see no horizon"
    ground = world[..., :2] * (-height_m / world[..., 2])[..., None] + at
    return np.repeat(np.rint(spots(ground[..., 0], ground[..., 1]))[..., None], 3, axis=-1).astype(np.uint8)


def landmark_errors_px(image: np.ndarray, centre: np.ndarray, gsd_m: float) -> np.ndarray:
    """Return the distance (N, 2) of each landmark from its expected pixel in a view centred at `centre`."""
    size = len(image)
    reach = int(np.ceil(2.7 * SIGMA_M / gsd_m))
    errors = []
    for east, north in landmarks() - centre:
        x, y = east / gsd_m + size / 2 - 0.5, size / 2 - 0.5 - north / gsd_m
        column, row = round(x), round(y)
        if not (reach <= column < size - reach and reach <= row < size - reach):
            continue
        patch = image[row - reach : row + reach + 1, column - reach : column + reach + 1, 0].astype(float)
        weight = np.clip(patch - GROUND_LEVEL - 8, 0, None)
        if weight.sum() < 0.5 * (PEAK * 2 * np.pi * (SIGMA_M / gsd_m) ** 2):
            errors.append((np.inf, np.inf))
            continue
        step = np.arange(-reach, reach + 1)
        across, down = (weight.sum(0) @ step, weight.sum(1) @ step) / weight.sum()
        errors.append((across + column - x, down + row - y))
    return np.array(errors).reshape(-1, 2)
