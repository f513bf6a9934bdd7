# SPDX-License-Identifier: Apache-2.0
from datetime import datetime
from pathlib import Path

import pytest

from geoloc.errors import BagError
from geoloc_lab.photo_flights.cameras import lens_of
from geoloc_lab.photo_flights.photos import Photo

TABLE = Path("cameras.json")
SMALL = [400.0, 320.0, 240.0, 0.01, 0.02]
FULL = [790.0, 800.0, 640.0, 480.0, 0.01, 0.02, 0.003, 0.004]
DATA_BASE = {"focal": 0.5, "k1": 0.1, "k2": 0.2}


def photo(model="DJI FC300S", width=1280, height=960):
    return Photo(Path("a.jpg"), datetime(2020, 1, 2), width, height, model, None, None)


def cameras(**entry):
    return {"dji fc300s (phantom)": entry}


def test_a_calibration_of_the_photos_size_wins():
    table = cameras(opensfm_db=DATA_BASE, colmap_RADIAL_640x480=SMALL, colmap_OPENCV_1280x960_park=FULL)
    lens = lens_of(photo(), table, TABLE)
    assert (lens.matrix[0, 0], lens.matrix[1, 1], lens.matrix[0, 2]) == (790.0, 800.0, 639.5)
    assert tuple(lens.coefficients) == (0.01, 0.02, 0.003, 0.004, 0.0)


def test_a_calibration_of_another_size_is_scaled():
    lens = lens_of(photo(), cameras(opensfm_db=DATA_BASE, colmap_RADIAL_640x480=SMALL), TABLE)
    assert (lens.width, lens.matrix[0, 0], lens.matrix[0, 2]) == (1280, 800.0, 639.5)


def test_another_aspect_ratio_falls_back_to_the_data_base():
    table = cameras(opensfm_db=DATA_BASE, colmap_RADIAL_640x480=SMALL)
    lens = lens_of(photo(width=1600, height=900), table, TABLE)
    assert (lens.matrix[0, 0], lens.matrix[1, 2], lens.coefficients[0]) == (800.0, 449.5, 0.1)


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("Canon ELPH 300 HS", {"colmap_RADIAL_1280x960": SMALL}),  # 300 is a part of fc300s, not the word
        ("DJI FC300S", {"colmap_RADIAL_1280x960": SMALL[:3]}),
        ("DJI FC300S", {"opensfm_db": {**DATA_BASE, "projection": "fisheye"}}),
        ("", {"colmap_RADIAL_1280x960": SMALL}),
    ],
)
def test_without_a_calibration_that_fits_the_photo_is_named(model, entry):
    with pytest.raises(BagError, match=r"no colmap_RADIAL_1280x960 for a\.jpg"):
        lens_of(photo(model), cameras(**entry), TABLE)
