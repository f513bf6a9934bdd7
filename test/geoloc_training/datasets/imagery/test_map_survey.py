# SPDX-License-Identifier: Apache-2.0
"""The check of imagery for `map`: all faults are reported at once, in the sentences of the loaders."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoloc.errors import RasterError
from geoloc.raster.views import write_geotiff
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.generate import make_tiny
from geoloc_training.datasets.imagery.dated_index import load_dated
from geoloc_training.datasets.imagery.images import load_images, survey_images
from tiny_ground import picture
from tiny_imagery import multiyear, orthophoto, tree

Rows = list[dict[str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return multiyear(tmp_path / "towns")


def change(root: Path, how: Callable[[Rows], object]) -> None:
    index = root / "index.csv"
    with index.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = list(rows[0])
    how(rows)
    with index.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(rows)


def tiff(path: Path, seed: int = 1) -> Path:
    write_geotiff(path, picture(seed, 64), crs="EPSG:32631", left=520_000.0, top=5_400_000.0, gsd_m=0.5)
    return path


def test_good_imagery_has_no_findings_and_is_counted(root: Path) -> None:
    survey = survey_images(root)
    assert (survey.findings, survey.pictures, survey.places) == ((), 26, 10)


def test_all_faults_of_an_index_are_reported_and_the_first_equals_the_loaders_error(root: Path) -> None:
    (root / "images" / "north_2018_1.png").write_bytes(b"no picture")
    (root / "images" / "north_2020_1.png").unlink()
    cv2.imwrite(str(root / "images" / "south_2018_0.png"), np.zeros((80, 80, 3), np.uint8))

    def how(rows: Rows) -> None:
        rows[0]["gsd_m"], rows[0]["year"] = rows[0]["year"], rows[0]["gsd_m"]
        rows[-1]["center_lat"], rows[-1]["center_lon"] = rows[-1]["center_lon"], rows[-1]["center_lat"]
        rows[2]["year"] = rows[1]["year"]

    change(root, how)
    findings = survey_images(root).findings
    said = (
        "line 2: year is '0.6' and not a date .* swapped",
        r"line 27: latitude -122\.0, longitude 40.* is not on the Earth",
        "lists north_0 twice on the date 2018",
        r"north_2018_1\.png cannot be read",
        r"north_2020_1\.png cannot be read",
        "images of south_0 differ in size",
    )
    assert len(findings) == len(said)
    for sentence, finding in zip(said, findings, strict=True):
        assert re.search(sentence, finding), finding
    with pytest.raises(RasterError) as error:
        load_dated(root, lambda _: True)
    assert str(error.value) == findings[0]


def test_many_findings_are_counted(root: Path) -> None:
    for path in (root / "images").iterdir():
        path.unlink()
    findings = survey_images(root).findings
    assert len(findings) == 21
    assert findings[-1] == "6 more findings are not listed."


def test_an_index_of_another_kind_is_one_finding(root: Path) -> None:
    (root / "index.csv").write_text("file,bounds\n")
    assert "lacks the columns location_id" in survey_images(root).findings[0]


def test_georeferenced_images_are_read_and_their_dates_compared(tmp_path: Path) -> None:
    tiff(tmp_path / "a_2016.tif")
    tiff(tmp_path / "a_2018.tif", 2)
    survey = survey_images(tmp_path)
    assert (survey.findings, survey.pictures, survey.places) == ((), 2, 1)
    tiff(tmp_path / "b_2018.tif", 3)
    cv2.imwrite(str(tmp_path / "c.tif"), picture(1, 64))
    damaged = tiff(tmp_path / "d.tif")
    damaged.write_bytes(damaged.read_bytes()[:200])
    findings = survey_images(tmp_path).findings
    assert len(findings) == 3
    for words in ("c.tif has no georeference", "d.tif cannot be read", "same date, 2018"):
        assert any(words in finding for finding in findings), words


def test_the_right_folder_is_named_one_level_down(root: Path, tmp_path: Path) -> None:
    (finding,) = survey_images(tmp_path).findings
    assert finding == f"{tmp_path} holds imagery in subfolders only (towns); give one of them."
    assert "does not exist" in survey_images(tmp_path / "nowhere").findings[0]
    (tmp_path / "empty").mkdir()
    assert "holds no images" in survey_images(tmp_path / "empty").findings[0]


def test_plain_pictures_are_read_too(tmp_path: Path) -> None:
    photos = orthophoto(tmp_path / "photos")
    assert "neither index.csv nor georeferenced images" in survey_images(photos).findings[0]
    assert survey_images(photos, 0.6).findings == ()
    (photos / "images" / "b.png").write_bytes(b"")
    survey = survey_images(photos, 0.6)
    assert (survey.pictures, len(survey.findings)) == (2, 1)
    assert "b.png cannot be read" in survey.findings[0]


def test_a_made_tree_is_whole_to_its_loader_and_keeps_the_dates(root: Path, tmp_path: Path) -> None:
    made = tree("map", tmp_path)
    assert survey_images(made).findings == ()
    grounds = load_images(made, SourceConfig("map", 1.0, (60.0, 90.0)), lambda _: True)
    assert [ground.group for ground in grounds] == ["training"] * 4 + ["tests"] * 3 + ["distractors"]
    assert [ground.extent_m for ground in grounds] == [pytest.approx((153.6, 153.6))] * 8
    assert {tuple(ground.dates) for ground in grounds} == {("2016",)}
    made = make_tiny("map", tmp_path / "dated", root, 8, size_px=16)
    dated = [ground for ground in load_dated(made, lambda _: True) if len(ground.dates) > 1]
    assert {tuple(ground.dates) for ground in dated} == {("2016", "2018", "2020")}
    bright = [float(levels[0].mean()) for levels in dated[0].dates.values()]
    # The imagery's second date is half as bright as its first, the third a third.
    assert bright[0] / np.array(bright[1:]) == pytest.approx([2, 3], rel=0.05)
