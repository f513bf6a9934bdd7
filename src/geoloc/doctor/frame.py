# SPDX-License-Identifier: Apache-2.0
"""Section on one synthetic frame, localized without ROS: time of each stage, and error of the position."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import UInt8Array
from geoloc.camera.attitude import mount_rotation
from geoloc.camera.footprint import VIEW_SHARE, fitting_height_m, ground_pixel_m, looking_down, pinhole
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.camera.views import View, pixel_to_ground
from geoloc.doctor.report import Entry, ok, problem
from geoloc.encoder import Encoder, load_encoder
from geoloc.errors import FrameRefused, Reason, clause
from geoloc.fix import Fix
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.mapping.directory import open_map
from geoloc.query import Query

if TYPE_CHECKING:
    from geoloc.mapping.directory import MapDirectory

WIDTH, HEIGHT, FOV_DEG = 640, 480, 70.0
_ROTATION = looking_down(heading_deg=40.0, tilt_deg=5.0)
_PERIOD_NS = 100_000_000
_REPEATS = 5
_PLACES = 12


@dataclass(frozen=True)
class _Timed:
    view: View
    fix: Fix | None
    milliseconds: dict[str, float]


def frame_entries(model: Path, map_folder: Path | None) -> Iterator[Entry]:
    """Yield the time of each stage and, with a map, the error of the position.

    Args:
        model: directory of the model.
        map_folder: map from whose imagery the frame is rendered; without one the frame is a random texture,
            which is encoded but not localized.
    """
    encoder = load_encoder(model)
    lens = pinhole(WIDTH, HEIGHT, FOV_DEG)
    if map_folder is None:
        finest_m, coarsest_m = encoder.card.gsd_range_m
        view_m = (finest_m + coarsest_m) / 2 * encoder.card.input_px
        timed = _timed(_texture(), _rig(lens, view_m, encoder), encoder, None)
        yield ok(
            f"random texture, {WIDTH} x {HEIGHT} pixels: {_laps(timed)}; give --map to localize a frame, too"
        )
        return
    yield from _over_map(open_map(map_folder, encoder.card), lens, encoder)


def _over_map(opened: "MapDirectory", lens: Intrinsics, encoder: Encoder) -> Iterator[Entry]:
    settings = LocalizerSettings(filter=False, calibration=encoder.card.calibration)
    localizer = Localizer(opened, encoder, settings)
    rig = _rig(lens, opened.view_size_m, encoder)
    height_m = fitting_height_m(lens, opened.view_size_m)
    refusal: FrameRefused | None = None
    for east_m, north_m in _places(opened):
        try:
            frame = _photograph(opened, lens, height_m, east_m, north_m)
            timed = _timed(frame, rig, encoder, localizer)
            break
        except FrameRefused as error:
            refusal = error
            if error.reason is not Reason.DULL_VIEW:
                break
    if refusal is not None:
        yield problem(f"a frame rendered from the map's own imagery is refused: {refusal}")
        return
    yield ok(f"frame of {WIDTH} x {HEIGHT} pixels from {height_m:.0f} m: {_laps(timed)}")
    yield _answer_entry(timed.fix, (east_m, north_m), opened.view_size_m)


def _answer_entry(fix: Fix | None, truth_m: tuple[float, float], view_m: float) -> Entry:
    if fix is None or not fix.has_position:
        said = clause(fix.sentence) if fix else "no answer"
        return problem(
            f"a frame rendered from the map's own imagery gets no position ({said}); build the map again."
        )
    error_m = float(np.hypot(fix.east_m - truth_m[0], fix.north_m - truth_m[1]))
    how = "refined" if fix.is_refined else "not refined"
    if error_m > view_m / 2:
        return problem(
            f"the position is {error_m:.1f} m from the truth on the map's own imagery ({how}), "
            "perhaps because places of the map look similar; build the map again, with a larger --view-size."
        )
    return ok(f"the position is {error_m:.2f} m from the truth on the map's own imagery ({how})")


def _rig(lens: Intrinsics, view_m: float, encoder: Encoder) -> CameraRig:
    """Return a rig with lens, attitude and height for every stamp of this check."""
    height_m = fitting_height_m(lens, view_m)
    usual = RigSettings(view_size_m=view_m, encoder_px=encoder.card.input_px)
    lowest_m = min(usual.min_height_m, height_m / 2)
    rig = CameraRig(replace(usual, min_height_m=lowest_m, max_height_m=max(usual.max_height_m, 2 * height_m)))
    rig.set_intrinsics(lens)
    body = _ROTATION @ mount_rotation(usual.mount_rpy_deg).T
    x, y, z, w = map(float, Rotation.from_matrix(body).as_quat())
    for number in range(_REPEATS + 1):
        rig.add_attitude(number * _PERIOD_NS, (x, y, z, w))
        rig.add_height(number * _PERIOD_NS, height_m)
    return rig


def _timed(frame: UInt8Array, rig: CameraRig, encoder: Encoder, localizer: Localizer | None) -> _Timed:
    """Return the median time of each stage; the first run is left out, because it loads files."""
    laps: dict[str, list[float]] = {}
    fix = None
    for number in range(_REPEATS + 1):
        stamp_ns = number * _PERIOD_NS
        clock = [time.perf_counter()]
        view = rig.view(stamp_ns, frame)
        clock.append(time.perf_counter())
        descriptors = encoder.describe(view.images)
        clock.append(time.perf_counter())
        if localizer is not None:
            offset_m = view.offset_east_m, view.offset_north_m
            fix = localizer.answer(Query(stamp_ns, descriptors, offset_m, view.images, view.height_m))
            clock.append(time.perf_counter())
        for stage, start, end in zip(("warp", "encode", "search and refine"), clock, clock[1:], strict=False):
            laps.setdefault(stage, []).append((end - start) * 1e3)
    return _Timed(view, fix, {stage: median(each[1:]) for stage, each in laps.items()})


def _laps(timed: _Timed) -> str:
    return ", ".join(f"{stage} {milliseconds:.1f} ms" for stage, milliseconds in timed.milliseconds.items())


def _places(opened: "MapDirectory") -> list[tuple[float, float]]:
    """Return places between tiles (east, north in metres), from the middle of the map outwards."""
    tiles = opened.tiles[opened.tiles["level"] == 0]
    order = np.argsort(np.hypot(tiles["east_m"], tiles["north_m"]) - 1e6 * tiles["valid_fraction"])
    chosen = tiles[order[np.unique(np.linspace(0, len(order) // 2, _PLACES).astype(int))]]
    aside_m = opened.pitch_m * VIEW_SHARE / 4
    return [(float(tile["east_m"]) + aside_m, float(tile["north_m"]) - aside_m / 2) for tile in chosen]


def _photograph(
    opened: "MapDirectory", lens: Intrinsics, height_m: float, east_m: float, north_m: float
) -> UInt8Array:
    """Return a frame (H, W, 3) rendered from the map's imagery."""
    pixels = np.stack(np.meshgrid(np.arange(lens.width), np.arange(lens.height)), axis=-1).astype(np.float64)
    ground, _ = pixel_to_ground(pixels, lens, _ROTATION, height_m)
    ground += (east_m, north_m)
    with opened.raster() as raster:
        gsd_m = max(raster.gsd_m, ground_pixel_m(lens, height_m))
        left, bottom = ground.reshape(-1, 2).min(axis=0) - 2 * gsd_m
        right, top = ground.reshape(-1, 2).max(axis=0) + 2 * gsd_m
        size = int(np.ceil((right - left) / gsd_m)), int(np.ceil((top - bottom) / gsd_m))
        window, _ = raster.window(float(left), float(top), *size, gsd_m)
    x, y = (ground[..., 0] - left) / gsd_m - 0.5, (top - ground[..., 1]) / gsd_m - 0.5
    seen = cv2.remap(window, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(seen, dtype=np.uint8)


def _texture() -> UInt8Array:
    """Return a frame (H, W, 3) of random blobs."""
    coarse = np.random.default_rng(0).integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
