# SPDX-License-Identifier: Apache-2.0
"""Trees of 4 x 4 pictures in the layouts of the data sets, written down apart from the generator."""

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from geoloc_training.datasets.published.sues200 import training_places

HEIGHTS = ("150", "200", "250", "300")
TILE_M = 24576 / 2**4 * 0.45  # of zoom 4


def draw(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((4, 4, 3), 128, np.uint8))
    return path


def shelf(folder: Path, places: Iterable[str], files: Iterable[str]) -> None:
    for place in places:
        for name in files:
            draw(folder / place / name)


def university(root: Path) -> Path:
    learnt, tested, extra = ("0001", "0002"), ("0003", "0004"), ("0005",)
    drone, satellite = ("image-01.jpeg", "image-02.jpeg", "image-03.jpeg"), ("above.jpg",)
    shelf(root / "train" / "drone", learnt, drone)
    shelf(root / "train" / "satellite", learnt, satellite)
    _tests(root / "test", tested, (*tested, *extra), drone, satellite)
    return root


def _tests(
    folder: Path,
    queries: Iterable[str],
    gallery: Iterable[str],
    drone: Iterable[str],
    satellite: Iterable[str],
) -> None:
    for view, files in (("drone", drone), ("satellite", satellite)):
        shelf(folder / f"query_{view}", queries, files)
        shelf(folder / f"gallery_{view}", gallery, files)


def sues_split(root: Path, names: tuple[str, str] = ("Training", "Testing")) -> Path:
    learnt, tested = ("0001", "0002"), ("0008",)
    for height in HEIGHTS:
        shelf(root / names[0] / height / "drone", learnt, ("0.jpg", "1.jpg"))
        shelf(root / names[0] / height / "satellite", learnt, ("0.png",))
        _tests(root / names[1] / height, tested, (*learnt, *tested), ("0.jpg", "1.jpg"), ("0.png",))
    return root


def sues_raw(root: Path, places: Iterable[str] = ("0001", "0002", "0008")) -> Path:
    for place in places:
        shelf(root / "drone_view_512" / place, HEIGHTS, ("0.jpg", "1.jpg"))
    shelf(root / "satellite-view", places, ("0.png",))
    return root


def every_sues_place() -> list[str]:
    every = [f"{number:04d}" for number in range(1, 201)]
    assert training_places() < set(every)
    return every


def denseuav(root: Path) -> Path:
    learnt, tested = ("000000", "000001"), ("000002",)
    drone, satellite = ("H100.JPG", "H80.JPG"), ("H80.tif", "H80_old.tif")
    shelf(root / "train" / "drone", learnt, drone)
    shelf(root / "train" / "satellite", learnt, satellite)
    _tests(root / "test", tested, (*learnt, *tested), drone, satellite)
    rows = [gps_row(place, number) for number, place in enumerate((*learnt, *tested))]
    (root / "Dense_GPS_ALL.txt").write_text("\n".join(rows) + "\n")
    return root


def gps_row(place: str, number: int, file: str = "H80.tif") -> str:
    return f"train/satellite/{place}/{file} E{120.38 + number / 1000:.5f} N{30.32 + number / 1000:.5f} 94.606"


def gta_entry(name: str, x: int, y: int) -> dict[str, object]:
    """A drone view over tile (x, y) of zoom 4, and a little over the one to its right."""
    centre = [TILE_M * (x + 0.5), TILE_M * (y + 0.5)]
    tile, beside = f"4_0_{x}_{y}.png", f"4_0_{x + 1}_{y}.png"
    return {
        "drone_img_dir": "drone/images",
        "drone_img_name": name,
        "drone_loc_x_y": [centre[0] + 20.0, centre[1]],
        "sate_img_dir": "satellite",
        "pair_pos_sate_img_list": [tile],
        "pair_pos_sate_weight_list": [0.7],
        "pair_pos_sate_loc_x_y_list": [centre],
        "pair_pos_semipos_sate_img_list": [beside, tile],
        "pair_pos_semipos_sate_weight_list": [0.2, 0.7],
        "pair_pos_semipos_sate_loc_x_y_list": [[centre[0] + TILE_M, centre[1]], centre],
        "drone_metadata": {"height": 200.0},
    }


def gta(root: Path, area: str = "cross") -> Path:
    views = {"train": {"200_0001_0000000001.png": (2, 9), "300_0001_0000000002.png": (5, 9)}}
    views["test"] = {"200_0002_0000000003.png": (8, 3), "200_0002_0000000004.png": (11, 3)}
    for part, where in views.items():
        write_list(root, area, part, [gta_entry(name, *at) for name, at in where.items()])
        for name, (x, y) in where.items():
            draw(root / "drone" / "images" / name)
            for beside in (0, 1):
                draw(root / "satellite" / f"4_0_{x + beside}_{y}.png")
    draw(root / "satellite" / "5_0_30_31.png")
    return root


def write_list(root: Path, area: str, part: str, entries: object) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{area}-area-drone2sate-{part}.json").write_text(json.dumps(entries))
