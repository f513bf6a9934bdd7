# SPDX-License-Identifier: Apache-2.0
"""Trees made in the layouts of the data sets: they load, they are what was asked for, and twice the same."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoloc.errors import GeolocError, ParameterError
from geoloc_training.datasets.generate import LAYOUTS, make_tiny
from tiny_ground import picture


@pytest.fixture(scope="module")
def imagery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-date set: four places in each of two towns, three dates, and two places of one date."""
    root = tmp_path_factory.mktemp("imagery")
    (root / "images").mkdir()
    header = ["file", "location_id", "city", "year", "gsd_m", "center_lat", "center_lon"]
    rows = []
    for city, places, years in (
        ("north", 4, (2016, 2018, 2020)),
        ("south", 4, (2016, 2018, 2020)),
        ("once", 2, (2020,)),
    ):
        for number in range(places):
            for year in years:
                name = f"{city}_{year}_{number}.png"
                shot = picture(hash_of(f"{city}{number}")) // (1 + (year - 2016) // 2)
                cv2.imwrite(str(root / "images" / name), shot)
                rows.append(
                    [name, f"{city}_{number}", city, year, 0.6, 40 + number / 100, -120 + number / 100]
                )
    with (root / "index.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])
    return root


def hash_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16)


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def table(root: Path) -> list[dict[str, str]]:
    with (root / "places.csv").open() as lines:
        return list(csv.DictReader(lines))


def test_cities_are_split_and_the_map_is_never_its_own_query(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny(
        "u1652",
        tmp_path / "out",
        imagery,
        None,
        size_px=32,
        test_groups=["south"],
        distractor_groups=["once"],
    )
    rows = table(out)
    assert {(row["part"], row["group"]) for row in rows} == {
        ("training", "north"),
        ("tests", "south"),
        ("distractors", "once"),
    }
    assert all(row["map_date"] == "2020" for row in rows)
    assert all("2020" not in row["drone_dates"] for row in rows if row["part"] != "distractors")
    assert len(list((out / "train" / "drone").iterdir())) == 4
    assert len(list((out / "test" / "query_drone").iterdir())) == 4
    assert len(list((out / "test" / "gallery_satellite").iterdir())) == 6


def test_places_of_one_date_are_not_looked_up(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny("u1652", tmp_path / "out", imagery, None, size_px=32, test_groups=["south", "once"])
    assert {row["group"] for row in table(out) if row["part"] == "tests"} == {"south"}
    assert {row["group"] for row in table(out) if row["part"] == "distractors"} == {"once"}


def test_the_map_date_can_be_chosen(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny(
        "u1652", tmp_path / "out", imagery, None, size_px=64, map_date="2016", test_groups=["south"]
    )
    row = next(row for row in table(out) if row["part"] == "training" and row["group"] == "north")
    assert (row["map_date"], row["drone_dates"]) == ("2016", "2018 2020")
    # The fixture's 2016 pictures are twice and three times as bright as the later ones.
    place = next((out / "test" / "gallery_satellite").iterdir())
    satellite = cv2.imread(str(next(place.iterdir())))
    assert satellite.mean() > 60


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_seed_gives_the_same_bytes(name: str, imagery: Path, tmp_path: Path) -> None:
    first, again, other = (
        files(make_tiny(name, tmp_path / str(i), imagery, 8, seed, size_px=32))
        for i, seed in enumerate((5, 5, 6))
    )
    assert first == again
    assert first != other


def test_without_changes_of_appearance_the_views_are_the_imagery(imagery: Path, tmp_path: Path) -> None:
    still = {"yaw_deg": 0.0, "offset_m": 0.0, "scale": 0.0, "appearance": 0.0, "size_px": 64}
    out = make_tiny("u1652", tmp_path / "out", imagery, None, test_groups=["south"], **still)
    place = next((out / "test" / "query_drone").iterdir())
    satellite = cv2.imread(str(next((out / "test" / "gallery_satellite" / place.name).iterdir())))
    drone = cv2.imread(str(place / "image-01.jpeg"))
    # 2020 is a third of 2016's brightness in the fixture.
    assert np.abs(satellite * 3.0 - drone).mean() < 6


def test_a_world_needs_no_imagery(tmp_path: Path) -> None:
    out = make_tiny("u1652", tmp_path / "out", None, 4, size_px=32)
    assert [row["part"] for row in table(out)] == ["training"] * 2 + ["tests", "distractors"]
    assert all(row["map_date"] == "0" and row["drone_dates"] == "1 2" for row in table(out))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "u1653"}, "u1653"),
        ({"places": 0}, "places is 0"),
        ({"places": 99}, "has 10 places, not 99"),
        ({"places": 1}, "too few"),
        ({"size_px": 2}, "size_px is 2"),
        ({"view_m": 140.0}, "smaller view_m"),
        ({"map_date": "1999"}, "no date 1999"),
        ({"places": None, "test_groups": ["east"]}, "east"),
        ({"test_groups": ["south"], "train_groups": ["south"]}, "two parts"),
        ({"train_groups": ["south"]}, "need test_groups"),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict, sentence: str, imagery: Path, tmp_path: Path) -> None:
    whole = {"name": "u1652", "out": tmp_path / "out", "imagery": imagery, "size_px": 32, "places": 8}
    with pytest.raises(GeolocError, match=sentence):
        make_tiny(**(whole | options))


def test_a_folder_in_use_is_left_alone(imagery: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ParameterError, match="not an empty folder"):
        make_tiny("u1652", tmp_path, imagery, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_orthophotos_need_their_scale(tmp_path: Path) -> None:
    (tmp_path / "photos" / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "photos" / "images" / "a.png"), picture(1, 512))
    with pytest.raises(ParameterError, match="gsd_m"):
        make_tiny("u1652", tmp_path / "out", tmp_path / "photos", 4)
    out = make_tiny("u1652", tmp_path / "out", tmp_path / "photos", None, gsd_m=0.6, size_px=32)
    assert len(table(out)) == 4
