# SPDX-License-Identifier: Apache-2.0
"""Measure how blur, coarse pixels, skew and partial coverage of a view affect fixes, for `geoloc map advise`.

    .venv/bin/python tools/studies/view_quality_study.py --out runs/view-quality

Views of the second date of a procedural world are localized one by one on a map of its first date. For each
kind and amount of damage, the table shows the share of views whose best tile lies within half a view of the
truth, the median error, and the share of refined fixes. It is printed and written to table.md in the folder.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from geoloc.arrays import UInt8Array
from geoloc.camera.views import fill_invalid
from geoloc.encoder import Encoder, load_encoder
from geoloc.installed import find_model
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc.mapping.directory import MapDirectory
from geoloc.query import Query
from geoloc.raster.views import open_raster
from geoloc_lab.world.world import write_world

SEED, SIZE_M, GSD_M, VIEW_M, HEIGHT_M = 41, 1024.0, 0.3, 90.0, 110.0
FINER = 2  # views are damaged at this multiple of the resolution that the encoder takes


def blurred(view: UInt8Array, number: int, pixels: float) -> UInt8Array:
    """Return a view (H, W, 3) blurred by `pixels` of the encoder's view; `number` sets the direction."""
    angle = math.radians(37.0 * number)
    reach = pixels * FINER
    total = np.zeros(view.shape, np.float32)
    steps = np.linspace(-reach / 2, reach / 2, 2 * math.ceil(reach) + 1)
    for step in steps:
        shift = np.array([[1, 0, step * math.cos(angle)], [0, 1, step * math.sin(angle)]])
        total += cv2.warpAffine(view, shift, view.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    return np.asarray(total / len(steps), dtype=np.uint8)


def coarser(view: UInt8Array, number: int, times: float) -> UInt8Array:
    """Return a view (H, W, 3) of a camera with pixels `times` as large as those of the encoder's view."""
    side = round(len(view) / FINER / times)
    small = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, view.shape[1::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def skewed(view: UInt8Array, number: int, pixels: float) -> UInt8Array:
    """Return a view (H, W, 3) skewed by `pixels` of the encoder's view between its first and its last row."""
    reach = pixels * FINER
    shear = np.array([[1, reach / len(view), -reach / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(view, shear, view.shape[1::-1], borderMode=cv2.BORDER_REFLECT))


def covered(view: UInt8Array, number: int, share: float) -> UInt8Array:
    """Return a view (H, W, 3) of which the frame covers a share; `number` selects the lost side."""
    valid = np.ones(view.shape[:2], dtype=bool)
    valid[: round(len(view) * (1 - share))] = False
    return fill_invalid(view, np.ascontiguousarray(np.rot90(valid, number % 4)))


DAMAGES: dict[str, tuple[Callable[[UInt8Array, int, float], UInt8Array], tuple[float, ...]]] = {
    "motion blur, pixels": (blurred, (0, 1, 2, 4, 6, 8, 12, 16)),
    "camera coarser, times": (coarser, (1, 1.5, 2, 3, 4)),
    "skew, pixels": (skewed, (1, 2, 4, 8, 16)),
    "share covered": (covered, (1, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)),
}


def study(folder: Path, model: str, places: int) -> Iterator[str]:
    """Yield the rows of the table."""
    encoder = load_encoder(find_model(model))
    if not (folder / "date1.tif").is_file():
        write_world(folder, SEED, SIZE_M, GSD_M, (0, 1))
    built = build_map(folder / "date0.tif", encoder, folder / "map", BuildOptions(view_size_m=VIEW_M))
    inside_m = SIZE_M / 2 - VIEW_M
    centres_m = np.random.default_rng(0).uniform(-inside_m, inside_m, (places, 2))
    with open_raster(folder / "date1.tif", frame=built.frame) as raster:
        side = encoder.card.input_px * FINER
        views = [raster.view(float(east), float(north), VIEW_M, side)[0] for east, north in centres_m]
    yield "| damage | right tile | median m | refined |\n|---|---|---|---|"
    for name, (damage, amounts) in DAMAGES.items():
        for amount in amounts:
            damaged = [damage(view, number, amount) for number, view in enumerate(views)]
            yield f"| {name} {amount:g} | {_measured(built, encoder, damaged, centres_m)} |"


def _measured(built: MapDirectory, encoder: Encoder, views: list[UInt8Array], centres_m: np.ndarray) -> str:
    localizer = Localizer(
        built, encoder, LocalizerSettings(filter=False, calibration=encoder.card.calibration)
    )
    side, right, refined, errors_m = encoder.card.input_px, 0, 0, []
    for view, centre_m in zip(views, centres_m, strict=True):
        small = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)[None]
        fix = localizer.answer(Query(0, encoder.describe(small), views=small, height_m=HEIGHT_M))
        best_m = np.array([fix.candidates.east_m[0], fix.candidates.north_m[0]])
        right += bool(np.linalg.norm(best_m - centre_m) < VIEW_M / 2)
        refined += fix.is_refined
        errors_m.append(np.hypot(fix.east_m - centre_m[0], fix.north_m - centre_m[1]))
    return f"{right / len(views):.0%} | {np.nanmedian(errors_m):.2f} | {refined / len(views):.0%}"


def main() -> None:
    """Print the table and write it to table.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/view-quality"), help="Folder for world, map and table."
    )
    parser.add_argument("--model", default="", help="Model directory, or the id of a shipped model.")
    parser.add_argument("--places", type=int, default=200, help="Number of views.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "table.md").open("w", encoding="utf-8") as file:
        for row in study(options.out, options.model, options.places):
            print(row, flush=True)
            print(row, file=file, flush=True)


if __name__ == "__main__":
    main()
