# SPDX-License-Identifier: Apache-2.0
"""Writer of the layout of GTA-UAV: tiles and drone views in the plane of a game's world."""

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2

from geoloc.errors import ParameterError
from geoloc_training.datasets.generate.scenes import Scene
from geoloc_training.datasets.generate.writing import Cast, write_picture, write_text
from geoloc_training.datasets.imagery.ground import Look

_MAP_PX, _PIXEL_M = 24576, 0.45
_ZOOM = 7
_TILE_M = _MAP_PX / 2**_ZOOM * _PIXEL_M
_COLUMNS = 2 ** (_ZOOM - 1)  # every second tile, so that places do not touch
_OFFSETS = (0, 64)  # in 256ths of a tile's width: each place has a tile, and a shifted tile that overlaps it
_POSITIVE, _SEMI_POSITIVE = 0.39, 0.14  # published thresholds on the overlap of footprints
_DEGREES = 180 / math.pi
_ASPECT = 3 / 4  # height by width of drone images


def write_gta_uav(out: Path, cast: Cast) -> None:
    """Write GTA-UAV: drone views and tiles; in the same-area split, even views train and odd views test."""
    known = (*cast.training, *cast.tests, *cast.distractors)
    if len(known) > _COLUMNS**2:
        raise ParameterError(
            f"{len(known)} places are more than the {_COLUMNS**2} of GTA-UAV's plane; ask for fewer."
        )
    camera = replace(cast.camera, drone_views=max(2, cast.camera.drone_views))
    rows: list[list[dict[str, object]]] = []
    for number, scene in replace(cast, camera=camera).scenes(known, 0):
        for offset in _OFFSETS:
            shift_m = offset / 256 * camera.view_m
            write_picture(out / "satellite" / _tile_name(number, offset), scene.satellite(shift_m, shift_m))
        if number < len(cast.training) + len(cast.tests):
            rows.append([_view(out, scene, number, view) for view in range(camera.drone_views)])
    learn = len(cast.training)
    _write_list(out, "cross-area", "train", [row for views in rows[:learn] for row in views])
    _write_list(out, "cross-area", "test", [row for views in rows[learn:] for row in views])
    _write_list(out, "same-area", "train", [row for views in rows for row in views[::2]])
    _write_list(out, "same-area", "test", [row for views in rows for row in views[1::2]])


def _write_list(out: Path, area: str, part: str, rows: list[dict[str, object]]) -> None:
    write_text(out / f"{area}-drone2sate-{part}.json", json.dumps(rows, indent=1))


def _corner(number: int) -> tuple[int, int]:
    return 2 * (number % _COLUMNS), 2 * (number // _COLUMNS)


def _tile_name(number: int, offset: int) -> str:
    x, y = _corner(number)
    return f"{_ZOOM}_{offset}_{x}_{y}.png"


def _tile_centre(number: int, offset: int) -> tuple[float, float]:
    x, y = _corner(number)
    return _TILE_M * (x + 0.5 + offset / 256), _TILE_M * (y + 0.5 + offset / 256)


def _view(out: Path, scene: Scene, number: int, view: int) -> dict[str, object]:
    """Write a drone view and return its row; metres of the imagery are scaled to metres of the game."""
    aim, stretch = scene.aim(view), _TILE_M / scene.camera.view_m
    centre = _tile_centre(number, 0)
    aim = replace(
        aim,
        east_m=centre[0] + aim.east_m * stretch,
        south_m=centre[1] + aim.south_m * stretch,
        size_m=aim.size_m * stretch,
    )
    image = scene.drone(view)
    cut_px = round(image.shape[0] * (1 - _ASPECT) / 2)
    height_m = round(aim.size_m)
    name = f"{height_m}_{number:04d}_{view:010d}.png"
    write_picture(out / "drone" / "images" / name, image[cut_px : image.shape[0] - cut_px])
    overlaps = {offset: _overlap(aim, _tile_centre(number, offset)) for offset in _OFFSETS}
    heading_deg = float(aim.heading_rad) * _DEGREES
    angles = {f"{part}_{angle}": 0.0 for part in ("drone", "cam") for angle in ("roll", "pitch", "yaw")}
    angles |= {"cam_pitch": -90.0, "drone_yaw": heading_deg, "cam_yaw": heading_deg}
    return {
        "drone_img_dir": "drone/images",
        "drone_img_name": name,
        "drone_loc_x_y": [aim.east_m, aim.south_m],
        "sate_img_dir": "satellite",
        **_matches("pair_pos_sate", number, overlaps, _POSITIVE),
        **_matches("pair_pos_semipos_sate", number, overlaps, _SEMI_POSITIVE),
        "drone_metadata": {"height": float(height_m), **angles},
    }


def _matches(name: str, number: int, overlaps: dict[int, float], least: float) -> dict[str, object]:
    chosen = sorted((o for o in overlaps if overlaps[o] > least), key=lambda o: -overlaps[o])
    return {
        f"{name}_img_list": [_tile_name(number, offset) for offset in chosen],
        f"{name}_weight_list": [overlaps[offset] for offset in chosen],
        f"{name}_loc_x_y_list": [list(_tile_centre(number, offset)) for offset in chosen],
    }


def _overlap(aim: Look, tile: tuple[float, float]) -> float:
    """Return the intersection over union of a drone view's footprint and a tile's."""
    # OpenCV computes in single precision, so coordinates are relative to the centre of the tile.
    centre = (aim.east_m - tile[0], aim.south_m - tile[1])
    footprint = (centre, (aim.size_m, aim.size_m * _ASPECT), float(aim.heading_rad) * _DEGREES)
    _, corners = cv2.rotatedRectangleIntersection(footprint, ((0.0, 0.0), (_TILE_M, _TILE_M), 0.0))
    if corners is None:
        return 0.0
    shared = cv2.contourArea(cv2.convexHull(corners))
    return float(shared / (aim.size_m**2 * _ASPECT + _TILE_M**2 - shared))
