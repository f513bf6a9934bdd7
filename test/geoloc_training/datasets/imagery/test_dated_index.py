# SPDX-License-Identifier: Apache-2.0
"""Dated images with an index: the places they become, and the sentences that refuse faulty ones."""

import csv

import cv2
import numpy as np
import pytest

from geoloc.errors import RasterError
from geoloc_training.datasets.imagery.images import load_multiyear
from tiny_ground import picture

COLUMNS = ("file", "location_id", "city", "year", "gsd_m")
ROW = ("a.png", "p0", "x", 2016, 0.6)
LATER = ("b.png", "p0", "x", 2020, 0.6)


def _write(root, rows, columns=COLUMNS):
    (root / "images").mkdir(parents=True, exist_ok=True)
    with (root / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    for row in rows:
        cv2.imwrite(str(root / "images" / row[0]), picture(1, 64))
    return root


def test_years_of_a_place_become_dates(tmp_path):
    _write(tmp_path, [ROW, LATER, ("c.png", "p1", "y", 2016, 0.6)])
    (ground,) = load_multiyear(tmp_path, ["x"])
    assert (ground.name, ground.group, sorted(ground.dates)) == ("p0", "x", ["2016", "2020"])
    assert ground.gsd_m == 0.6
    assert ground.location is None
    assert len(load_multiyear(tmp_path, None)) == 2


def test_groups_days_and_images_beside_the_index_are_accepted(tmp_path):
    columns = ("file", "location_id", "group", "date", "gsd_m")
    _write(tmp_path, [("a.png", "p0", "x", "2016-05-17", 0.6)], columns)
    (tmp_path / "images" / "a.png").rename(tmp_path / "a.png")
    (tmp_path / "images").rmdir()
    (ground,) = load_multiyear(tmp_path, None)
    assert list(ground.dates) == ["2016-05-17"]


def test_bounds_or_a_centre_say_where_a_place_lies(tmp_path):
    bounds = ("epsg", "left", "bottom", "right", "top")
    _write(tmp_path, [(*ROW, 32631, 499900, 5400000, 500100, 5400200)], (*COLUMNS, *bounds))
    (ground,) = load_multiyear(tmp_path, None)
    assert ground.location.longitude_deg == pytest.approx(3.0, abs=1e-6)
    assert ground.location.latitude_deg == pytest.approx(48.75, abs=0.01)
    _write(tmp_path, [(*ROW, 40.5, -120.25)], (*COLUMNS, "center_lat", "center_lon"))
    (ground,) = load_multiyear(tmp_path, None)
    assert (ground.location.latitude_deg, ground.location.longitude_deg) == (40.5, -120.25)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([ROW, ("b.png", "p0", "x", 2016, 0.6)], r"p0 twice on the date 2016, as a\.png and b\.png; keep"),
        ([ROW, ("b.png", "p0", "x", 2020, 0.3)], "in x at 0.6 m and one in x at 0.3 m"),
        ([ROW, ("b.png", "p0", "z", 2020, 0.6)], "give a place one city"),
        ([("a.png", "p0", 2016, "x", 0.6)], "line 2: year is 'x' and not a date .* swapped columns"),
        ([("a.png", "p0", "x", 0.6, 2016)], "line 2: year is '0.6' and not a date"),
        ([("a.png", 0.6, "x", 2016, "p0")], "gsd_m is 'p0' and not a number; check for swapped"),
        ([(*ROW[:4], 2016)], "gsd_m is 2016, but must be above 0 and at most"),
        ([(*ROW[:4], -0.6)], "gsd_m is -0.6, but must be above 0 and at most"),
        ([(*ROW[:4], "nan")], "gsd_m is 'nan' and not a number"),
        ([ROW, ("b.png", "", "x", 2020, 0.6)], "line 3 has no location_id; fill it in"),
        ([ROW[:4]], "line 2 has no gsd_m"),
        ([], "lists no images"),
    ],
)
def test_rows_that_contradict_are_sentences(tmp_path, rows, sentence):
    with pytest.raises(RasterError, match=sentence):
        load_multiyear(_write(tmp_path, rows), None)


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ((1, 500100, 0, 500000, 100), "bounds are empty or reversed"),
        ((99999, 0, 0, 100, 100), "EPSG:99999 is not a coordinate reference system"),
        (("utm", 0, 0, 100, 100), "epsg is 'utm' and not a number"),
    ],
)
def test_impossible_bounds_are_sentences(tmp_path, bounds, sentence):
    _write(tmp_path, [(*ROW, *bounds)], (*COLUMNS, "epsg", "left", "bottom", "right", "top"))
    with pytest.raises(RasterError, match=sentence):
        load_multiyear(tmp_path, None)


def test_swapped_degrees_are_a_sentence(tmp_path):
    _write(tmp_path, [(*ROW, -120.25, 40.5)], (*COLUMNS, "center_lat", "center_lon"))
    with pytest.raises(RasterError, match=r"latitude -120\.25, longitude 40\.5 is not on the Earth; check"):
        load_multiyear(tmp_path, None)


def test_missing_index_city_and_column_are_sentences(tmp_path):
    with pytest.raises(RasterError, match="does not exist"):
        load_multiyear(tmp_path / "nowhere", None)
    _write(tmp_path, [ROW])
    with pytest.raises(RasterError, match="no city z"):
        load_multiyear(tmp_path, ["z"])
    _write(tmp_path, [ROW[:4]], COLUMNS[:-1])
    with pytest.raises(RasterError, match="lacks the columns gsd_m"):
        load_multiyear(tmp_path, None)
    _write(tmp_path, [("a.png", "p0", 0.6)], ("file", "location_id", "gsd_m"))
    with pytest.raises(RasterError, match="lacks the columns city or group, year or date"):
        load_multiyear(tmp_path, None)


def test_an_index_that_is_no_text_is_a_sentence(tmp_path):
    (tmp_path / "index.csv").write_bytes(b"file,location_id,city,year,gsd_m\n\xff\xfe\xff")
    with pytest.raises(RasterError, match="is not a text table"):
        load_multiyear(tmp_path, None)


def test_pictures_that_cannot_be_read_are_sentences(tmp_path):
    _write(tmp_path, [ROW])
    (tmp_path / "images" / "a.png").write_bytes(b"not a picture")
    with pytest.raises(RasterError, match=r"a\.png cannot be read"):
        load_multiyear(tmp_path, None)
    (tmp_path / "images" / "a.png").unlink()
    with pytest.raises(RasterError, match=r"a\.png cannot be read"):
        load_multiyear(tmp_path, None)


def test_pictures_of_other_cities_need_not_be_there(tmp_path):
    _write(tmp_path, [ROW, ("c.png", "p1", "y", 2016, 0.6)])
    (tmp_path / "images" / "c.png").unlink()
    assert len(load_multiyear(tmp_path, ["x"])) == 1


def test_years_of_different_size_are_refused(tmp_path):
    _write(tmp_path, [ROW, LATER])
    cv2.imwrite(str(tmp_path / "images" / "b.png"), np.zeros((80, 80, 3), np.uint8))
    with pytest.raises(RasterError, match="images of p0 differ in size"):
        load_multiyear(tmp_path, None)
