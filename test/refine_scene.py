# SPDX-License-Identifier: Apache-2.0
"""Scene for tests of refinement: an image of ground, views of it with known truth, patches and a map."""

import math

import cv2
import numpy as np
from affine import Affine
from scipy.spatial.transform import Rotation

from fakes import FakeEncoder, write_bands
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc.refine import Patch

GSD_M = 0.5
SIDE_PX = 96
VIEW_M = SIDE_PX * GSD_M
ENCODER = FakeEncoder(input_px=SIDE_PX)


def town(seed=0, side_px=400, lean_px=0.0):
    """Return an image (side, side, 3) of roofs and streets: rectangles of many sizes, turns and colours.

    Each is moved by `lean_px` or so, as roofs are that are seen from elsewhere, and shadows of another hour.
    """
    rng, moves = np.random.default_rng(seed), np.random.default_rng(seed + 1000)
    picture = np.full((side_px, side_px, 3), rng.integers(80, 150, 3), dtype=np.uint8)
    for _ in range(side_px * side_px // 400):
        centre = (rng.uniform(0, side_px, 2) + moves.normal(0.0, lean_px, 2)).tolist()
        box = cv2.boxPoints((centre, rng.uniform(6, 30, 2).tolist(), float(rng.uniform(0, 90))))
        cv2.fillConvexPoly(picture, np.rint(box).astype(np.int32), rng.integers(20, 235, 3).tolist())
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def later(picture, seed=0, grain=6.0):
    """Return the same ground on another date: inverted in brightness, paler, noisy."""
    noise = np.random.default_rng(seed).normal(0.0, grain, picture.shape)
    return np.clip(200.0 - 0.6 * picture + noise, 0, 255).astype(np.uint8)


def view_of(picture, east_m=0.0, north_m=0.0, heading_rad=0.0, scale=1.0, side_px=SIDE_PX):
    """Return the view centred (east, north) of the image's centre, its top turned clockwise.

    The view is taken for `side_px * GSD_M` metres wide and shows `scale` times as much.
    """
    out = (np.arange(side_px) + 0.5 - side_px / 2) * scale
    right, down = np.meshgrid(out, out)
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    middle = (len(picture) - 1) / 2
    columns = middle + east_m / GSD_M + cos * right - sin * down
    rows = middle - north_m / GSD_M + sin * right + cos * down
    return cv2.remap(picture, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_CUBIC)


def patch_of(picture, valid=None, side_px=SIDE_PX):
    """Return the patch of the map around the image's centre, twice as wide as a view."""
    first = (len(picture) - 2 * side_px) // 2
    window = slice(first, first + 2 * side_px)
    mask = np.ones(picture.shape[:2], bool) if valid is None else valid
    rgb = np.where(mask[..., None], picture, 0).astype(np.uint8)
    return Patch(rgb[window, window], mask[window, window], GSD_M)


def build_town_map(folder, picture):
    """Build a map of an image, without imagery in its east: two levels of tiles, a quarter apart."""
    valid = np.full(picture.shape[:2], 255, np.uint8)
    valid[:, 400:] = 0
    # On the zone's central meridian, where its grid points north.
    place = Affine(GSD_M, 0, 500_000.0, 0, -GSD_M, 5_188_244.6)
    source = write_bands(folder / "town.tif", picture.transpose(2, 0, 1), transform=place, mask=valid)
    options = BuildOptions(view_size_m=VIEW_M, overlap=0.75, scales=(1.0, 1.5), lossless=True)
    return build_map(source, ENCODER, folder / "map", options)


def centre_of(town_map, east_m, north_m):
    """Convert (east, north) of the image's centre to the map's frame, whose origin differs a little."""
    with town_map.raster() as raster:
        left, bottom, right, top = raster.bounds_m
    return (left + right) / 2 + east_m, (bottom + top) / 2 + north_m


def tilted_view_of(picture, tilt_rad, height_m, east_m=0.0, north_m=0.0, side_px=SIDE_PX):
    """Return the view below a camera at (east, north) whose assumed attitude is wrong by a tilt.

    The point below the camera lies `height_m` times the tilt (2,) east and north of where it is assumed.
    """
    turn = Rotation.from_rotvec([tilt_rad[1], -tilt_rad[0], 0.0]).as_matrix()
    ray, ground = np.diag([1.0, 1.0, -height_m]), np.diag([1.0, 1.0, -1.0 / height_m])
    half, middle = (side_px - 1) / 2, (len(picture) - 1) / 2
    assumed_m = np.array([[GSD_M, 0.0, -half * GSD_M], [0.0, -GSD_M, half * GSD_M], [0.0, 0.0, 1.0]])
    to_pixels = np.array(
        [
            [1 / GSD_M, 0.0, middle + east_m / GSD_M],
            [0.0, -1 / GSD_M, middle - north_m / GSD_M],
            [0.0, 0.0, 1.0],
        ]
    )
    homography = to_pixels @ ground @ turn @ ray @ assumed_m
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(picture, homography, (side_px, side_px), flags=flags)
