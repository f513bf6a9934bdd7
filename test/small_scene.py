# SPDX-License-Identifier: Apache-2.0
"""A scene for live flights that is made in seconds: a small world, its map, and pictures without noise."""

import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "live"))

from loop import NARROW
from scene import Scene, lens, packed

from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, mount_rotation
from geoloc.camera.lens import rays
from geoloc.encoder import load_encoder
from geoloc.installed import find_model
from geoloc.mapping.builder import build_map
from geoloc.mapping.recipe import BuildOptions
from geoloc.raster.views import open_raster
from geoloc_lab.demo import OVERLAP, VIEW_SIZE_M
from geoloc_lab.world.world import write_world

SIZE = (1280, 720)
_SEED, _WORLD_M = 7, 256.0
_MARGIN_M, _GSD_M = 20.0, 0.3


def small_scene(folder):
    """Make the scene; its map shows another season than its pictures.

    Scene.prepare would make the same from a larger world, with the simulator's camera, in minutes.
    """
    write_world(folder / "world", _SEED, _WORLD_M)
    options = BuildOptions(view_size_m=VIEW_SIZE_M, overlap=OVERLAP)
    build_map(folder / "world/date0.tif", load_encoder(find_model()), folder / "map", options)
    pictures = folder / f"pictures-{SIZE[0]}x{SIZE[1]}-{NARROW.poses}"
    pictures.mkdir()
    with open_raster(folder / "world/date1.tif") as ground:
        for pose, picture in enumerate(_pictures(ground)):
            (pictures / f"{pose:03d}.jpg").write_bytes(packed(picture[..., ::-1], "jpeg"))
    return Scene(folder, narrow=True)


def _pictures(ground):
    """Yield the pictures of the loop, RGB: the camera is level and never turns, so its rays are the same.

    They are warped at half their size, as the world has no finer detail.
    """
    east, north = _reach_m((SIZE[0] // 2, SIZE[1] // 2))
    left, top = east.min() - _MARGIN_M, north.max() + _MARGIN_M
    width, height = (round((np.ptp(axis) + 2 * _MARGIN_M) / _GSD_M) for axis in (east, north))
    window, _valid = ground.window(left, top, width, height, _GSD_M)
    x, y = ((axis / _GSD_M - 0.5).astype(np.float32) for axis in (east - left, top - north))
    for pose in range(NARROW.poses):
        at_east, at_north = np.array(NARROW.place(pose / NARROW.poses), dtype=np.float32) / _GSD_M
        yield cv2.resize(cv2.remap(window, x + at_east, y - at_north, cv2.INTER_LINEAR), SIZE)


def _reach_m(size):
    """Return where the rays of a picture of a size meet the ground, metres from the camera: east, north."""
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), -1)
    body = Rotation.from_euler("Z", NARROW.yaw_rad).as_matrix()
    directions = rays(grid, lens(size))[0] @ (body @ mount_rotation(NADIR_MOUNT_RPY_DEG)).T
    east, north, up = np.moveaxis(directions, -1, 0)
    return east * NARROW.height_m / -up, north * NARROW.height_m / -up
