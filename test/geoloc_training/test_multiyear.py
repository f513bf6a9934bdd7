# SPDX-License-Identifier: Apache-2.0
import csv

import cv2
import numpy as np
import pytest

from geoloc.errors import RasterError
from geoloc_training.datasets.map import load_multiyear, load_orthophotos, read_picture
from tiny_ground import picture

COLUMNS = ("file", "location_id", "city", "year", "gsd_m")


def _write(root, rows, columns=COLUMNS):
    (root / "images").mkdir(parents=True, exist_ok=True)
    with (root / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    for row in rows:
        cv2.imwrite(str(root / "images" / row[0]), picture(1, 64))


def test_years_of_a_place_become_dates(tmp_path):
    _write(
        tmp_path,
        [("a.png", "p0", "x", 2016, 0.6), ("b.png", "p0", "x", 2020, 0.6), ("c.png", "p1", "y", 2016, 0.6)],
    )
    (ground,) = load_multiyear(tmp_path, ["x"])
    assert (ground.name, ground.group, sorted(ground.dates)) == ("p0", "x", ["2016", "2020"])
    assert len(load_multiyear(tmp_path, None)) == 2


def test_missing_folder_city_column_and_picture_are_sentences(tmp_path):
    with pytest.raises(RasterError, match="does not exist"):
        load_multiyear(tmp_path / "nowhere", None)
    _write(tmp_path, [("a.png", "p0", "x", 2016, 0.6)])
    with pytest.raises(RasterError, match="no city named z"):
        load_multiyear(tmp_path, ["z"])
    (tmp_path / "images" / "a.png").write_bytes(b"not a picture")
    with pytest.raises(RasterError, match=r"a\.png cannot be read"):
        load_multiyear(tmp_path, None)
    _write(tmp_path, [("a.png", "p0", "x", 2016)], COLUMNS[:-1])
    with pytest.raises(RasterError, match="lacks the columns gsd_m"):
        load_multiyear(tmp_path, None)


def test_years_of_different_size_are_refused(tmp_path):
    _write(tmp_path, [("a.png", "p0", "x", 2016, 0.6), ("b.png", "p0", "x", 2020, 0.6)])
    cv2.imwrite(str(tmp_path / "images" / "b.png"), picture(1, 80))
    with pytest.raises(RasterError, match="differ in size"):
        load_multiyear(tmp_path, None)


def test_white_of_an_orthophoto_is_nodata(tmp_path):
    image = picture(3, 256)
    image[:, :100] = 255
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "o.png"), image)
    (ground,) = load_orthophotos(tmp_path, 1.0, group="g", white_is_nodata=True)
    assert (ground.valid[0][:, :95] == 0).all()
    assert (ground.valid[0][:, 110:] == 255).mean() > 0.9


def test_an_empty_folder_is_a_sentence(tmp_path):
    with pytest.raises(RasterError, match="holds no pictures"):
        load_orthophotos(tmp_path, 1.0, group="g")


def test_colours_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    assert read_picture(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]
