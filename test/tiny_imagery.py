# SPDX-License-Identifier: Apache-2.0
"""Folders of made-up overhead imagery, small enough to cut data sets from in a moment."""

import csv
from pathlib import Path

import cv2

from geoloc_training.datasets.generate import make_tiny
from tiny_ground import picture

# (city, places, years)
TOWNS = (("north", 4, (2016, 2018, 2020)), ("south", 4, (2016, 2018, 2020)), ("once", 2, (2020,)))
_COLUMNS = ["file", "location_id", "city", "year", "gsd_m", "center_lat", "center_lon"]


def multiyear(root: Path) -> Path:
    """A multi-date set: two towns of three dates, which darken by a half and a third, and one of one date."""
    (root / "images").mkdir(parents=True)
    rows = []
    for town, (city, places, years) in enumerate(TOWNS):
        for number in range(places):
            for year in years:
                name = f"{city}_{year}_{number}.png"
                shot = picture(10 * town + number) // (1 + (year - 2016) // 2)
                cv2.imwrite(str(root / "images" / name), shot)
                rows.append([name, f"{city}_{number}", city, year, 0.6, 40 + number / 100, -120 - town])
    with (root / "index.csv").open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([_COLUMNS, *rows])
    return root


def orthophoto(root: Path, side: int = 512) -> Path:
    """A folder with one orthophoto; at 0.6 m a pixel, 512 pixels make four places and 768 make nine."""
    (root / "images").mkdir(parents=True)
    cv2.imwrite(str(root / "images" / "a.png"), picture(1, side))
    return root


def tree(name: str, folder: Path, places: int = 8) -> Path:
    """A tree of eight places of one date in a data set's layout: 4 to learn from, 3 to test on, 1 beside."""
    imagery = orthophoto(folder / "imagery", 768)
    return make_tiny(name, folder / name, imagery, places, gsd_m=0.6, size_px=16, drone_views=2)
