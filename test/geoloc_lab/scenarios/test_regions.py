# SPDX-License-Identifier: Apache-2.0
"""Tests regions of real imagery: the part without white, the other season, and missing imagery."""

import cv2
import numpy as np
import pytest

from fakes import FakeEncoder, ground
from geoloc.errors import RasterError
from geoloc.raster.views import open_raster
from geoloc_lab.scenarios import regions
from geoloc_lab.scenarios.likeness import likenesses
from geoloc_lab.scenarios.regions import largest_rectangle, ortho_regions

HEAD = "file,epsg,left,bottom,right,top\n"


def write_table(data, names=("19678630_15.jpg", "17428750_15.jpg", "other_15.jpg")):
    """Write images of 300 m at 1 m, whose southern third is white."""
    folder = data / "massachusetts_ortho"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, name in enumerate(names):
        picture = ground(300, 300, number)
        picture[200:] = 255
        cv2.imwrite(str(folder / "images" / name), picture)
        left = 200_000 + 1000 * number
        rows.append(f"{name},26986,{left},900000,{left + 300},900300")
    (folder / "index.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return folder


def made(data, out):
    said = []
    return ortho_regions(data, out, said.append), said


def test_the_largest_rectangle_leaves_out_what_is_not_true():
    mask = np.ones((100, 140), bool)
    mask[:, :25] = False
    mask[70:, 60:] = False
    rows, columns = largest_rectangle(mask)
    assert (rows, columns) == (slice(0, 70), slice(30, 140))
    assert mask[rows, columns].all()


def test_an_image_that_is_white_throughout_is_refused():
    with pytest.raises(RasterError, match="white throughout"):
        largest_rectangle(np.zeros((100, 100), bool))


def test_both_images_show_the_part_with_imagery_at_the_same_place(tmp_path):
    write_table(tmp_path / "data")
    found, said = made(tmp_path / "data", tmp_path / "out")
    assert said == []
    with open_raster(found.town.map_image) as before, open_raster(found.town.flown_image) as after:
        assert before.bounds_m == pytest.approx(after.bounds_m)
        assert before.bounds_m[3] - before.bounds_m[1] == pytest.approx(200.0, abs=12.0)
        sides = [raster.view(0.0, 0.0, 100.0, 64)[0].astype(int) for raster in (before, after)]
    assert np.abs(sides[0] - sides[1]).mean() > 10.0
    assert [picture.path.name for picture in found.town.others] == ["other_15.jpg"]
    assert found.town.others[0].white_is_nodata


def test_existing_images_are_not_made_again(tmp_path):
    write_table(tmp_path / "data")
    first, _ = made(tmp_path / "data", tmp_path / "out")
    stamp_ns = first.town.flown_image.stat().st_mtime_ns
    first.country.map_image.unlink()  # as if the run had been stopped between the two
    again, _ = made(tmp_path / "data", tmp_path / "out")
    assert again.town.flown_image.stat().st_mtime_ns == stamp_ns
    assert again.country.map_image.is_file()


def test_without_data_a_sentence_says_what_is_left_out(tmp_path):
    found, said = made(tmp_path / "nowhere", tmp_path / "out")
    assert found is None
    assert "does not exist" in said[0]
    assert "--data" in said[0]


def test_a_table_without_the_places_is_reported_too(tmp_path):
    write_table(tmp_path / "data", ("19678630_15.jpg", "other_15.jpg"))
    found, said = made(tmp_path / "data", tmp_path / "out")
    assert found is None
    assert "17428750_15.jpg" in said[0]


def test_a_damaged_image_is_named(tmp_path):
    folder = write_table(tmp_path / "data")
    (folder / "images" / "19678630_15.jpg").write_bytes(b"no picture")
    with pytest.raises(RasterError, match=r"19678630_15\.jpg cannot be read"):
        made(tmp_path / "data", tmp_path / "out")


def test_similarity_is_measured_beside_that_of_images_years_apart(tmp_path, monkeypatch):
    write_table(tmp_path / "data")
    found, _ = made(tmp_path / "data", tmp_path / "out")
    dated = tmp_path / "data" / "dated"
    (dated / "images").mkdir(parents=True)
    rows = []
    for place in range(12):
        for year in (2016, 2018, 2020):
            picture = np.clip(ground(160, 160, place) * (1.0 - 0.01 * (year - 2016)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(dated / "images" / f"{place}_{year}.jpg"), picture)
            left = 300_000 + 1000 * place
            rows.append(f"{place}_{year}.jpg,26986,{left},900000,{left + 160},900160,{place},town,{year}")
    (dated / "index.csv").write_text(HEAD.strip() + ",location_id,city,year\n" + "\n".join(rows) + "\n")
    town, years = likenesses([found.town], tmp_path / "data", FakeEncoder())
    assert (town.dated, years.dated) == (False, True)
    assert years.name == "dated: town 2016 and 2020"
    assert years.places == 12
    assert years.median > 0.99 > town.median
    assert town.other < town.median


def test_no_model_was_trained_on_the_world_of_the_trials():
    assert regions.WORLD_SEED not in {7, *range(101, 109)}
