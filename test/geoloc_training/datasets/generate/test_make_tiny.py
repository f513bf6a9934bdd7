# SPDX-License-Identifier: Apache-2.0
"""Trees generated from imagery: split by city and date, the same for the same seed, and refused options."""

import csv
import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoloc.errors import GeolocError, ParameterError, RasterError
from geoloc_training.datasets.generate import make_tiny
from geoloc_training.datasets.generate.places import find_places
from geoloc_training.datasets.generate.scenes import Camera, Scene, unroll
from tiny_imagery import multiyear, orthophoto

WRITERS = ("u1652", "sues200", "sues200_raw", "denseuav", "gta_uav", "cvusa", "cvact", "vigor", "map")


@pytest.fixture(scope="module")
def imagery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return multiyear(tmp_path_factory.mktemp("imagery"))


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def table(root: Path) -> list[dict[str, str]]:
    with (root / "places.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def only_picture(folder: Path) -> np.ndarray:
    (path,) = folder.iterdir()
    return cv2.imread(str(path)).astype(float)


def test_cities_are_split_and_the_map_is_never_its_own_query(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny(
        "u1652",
        tmp_path / "out",
        imagery,
        None,
        size_px=16,
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
    assert all(row["drone_dates"] == "2016 2018" for row in rows if row["part"] != "distractors")
    assert len(list((out / "train" / "drone").iterdir())) == 4
    assert len(list((out / "test" / "query_drone").iterdir())) == 4
    assert len(list((out / "test" / "gallery_satellite").iterdir())) == 6


def test_training_cities_can_be_named(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny(
        "u1652", tmp_path / "out", imagery, None, size_px=16, train_groups=["north"], test_groups=["south"]
    )
    assert {row["group"] for row in table(out)} == {"north", "south"}


def test_places_of_one_date_are_not_looked_up(imagery: Path, tmp_path: Path) -> None:
    out = make_tiny("u1652", tmp_path / "out", imagery, None, size_px=16, test_groups=["south", "once"])
    assert {row["group"] for row in table(out) if row["part"] == "tests"} == {"south"}
    assert {row["group"] for row in table(out) if row["part"] == "distractors"} == {"once"}


def test_views_are_of_the_dates_that_the_table_says(imagery: Path, tmp_path: Path) -> None:
    still = {"yaw_deg": 0.0, "offset_m": 0.0, "scale": 0.0, "appearance": 0.0, "size_px": 64}
    out = make_tiny("u1652", tmp_path / "out", imagery, None, map_date="2018", test_groups=["south"], **still)
    place = next((out / "test" / "query_drone").iterdir())
    satellite = only_picture(out / "test" / "gallery_satellite" / place.name)
    first, second = (cv2.imread(str(place / f"image-0{view}.jpeg")).astype(float) for view in (1, 2))
    # 2018 is half as bright as 2016 in this imagery, and 2020 a third.
    assert np.abs(2 * satellite - first).mean() < 6
    assert np.abs(2 / 3 * satellite - second).mean() < 6


def test_drone_views_of_a_place_differ_and_stay_near(imagery: Path) -> None:
    place = find_places(imagery, 1, 0)[0]
    scene = Scene(place, Camera(size_px=16))
    aims = [scene.aim(number) for number in range(50)]
    assert len({aim.heading_rad for aim in aims}) == 50
    assert max(abs(aim.east_m) for aim in aims) <= 12 < 2 * max(abs(aim.east_m) for aim in aims)
    assert max(abs(np.rad2deg(aim.heading_rad)) for aim in aims) <= 10
    assert all(90 * 0.88 <= aim.size_m <= 90 * 1.12 for aim in aims)
    assert scene.aim(3, zoom=0.5).size_m == pytest.approx(aims[3].size_m / 2)


def test_a_panorama_looks_where_its_columns_say() -> None:
    above = np.zeros((65, 65, 3), np.uint8)
    above[:28, :, 0] = 200  # red in the north
    above[:, 37:, 1] = 200  # green in the east
    panorama = unroll(above, 80, 40)
    assert panorama.shape == (40, 80, 3)
    horizon = panorama[18]
    assert horizon[40, 0] > 100 > horizon[40, 1]  # north in the middle
    assert horizon[60, 1] > 100 > horizon[60, 0]  # east to the right of it
    assert horizon[[0, 20]].max() < 100  # south and west
    assert panorama[-1].max() < 100  # underfoot


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_seed_gives_the_same_bytes(name: str, imagery: Path, tmp_path: Path) -> None:
    options = {"imagery": imagery, "places": 8, "size_px": 16, "drone_views": 2}
    first, again, other = (
        files(make_tiny(name, tmp_path / str(turn), seed=seed, **options))
        for turn, seed in enumerate((5, 5, 6))
    )
    assert first == again
    assert first != other


def test_a_world_needs_no_imagery(tmp_path: Path) -> None:
    out = make_tiny("u1652", tmp_path / "out", None, 4, size_px=16)
    assert [row["part"] for row in table(out)] == ["training"] * 2 + ["tests", "distractors"]
    assert all(row["map_date"] == "0" and row["drone_dates"] == "1 2" for row in table(out))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "u1653"}, "u1653"),
        ({"places": 0}, "places is 0"),
        ({"places": 99}, "has 10 places, fewer than the requested 99"),
        ({"places": 1}, "too few"),
        ({"places": None, "imagery": None}, "needs a number of places"),
        ({"size_px": 2}, "size_px is 2"),
        ({"view_m": 140.0}, "smaller view_m"),
        ({"map_date": "1999"}, "no date 1999"),
        ({"places": None, "test_groups": ["east"]}, "east"),
        ({"test_groups": ["south"], "train_groups": ["south"]}, "south has two parts"),
        ({"train_groups": ["south"]}, "need test_groups"),
        ({"name": "vigor", "places": 3}, "VIGOR has two training and two test cities"),
        ({"imagery": Path("nowhere")}, "nowhere is not a folder"),
    ],
)
def test_impossible_options_are_refused(options: dict, sentence: str, imagery: Path, tmp_path: Path) -> None:
    whole = {"name": "u1652", "out": tmp_path / "out", "imagery": imagery, "size_px": 16, "places": 8}
    with pytest.raises(GeolocError, match=sentence):
        make_tiny(**(whole | options))


def test_a_folder_in_use_is_left_alone(imagery: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ParameterError, match="not an empty folder"):
        make_tiny("u1652", tmp_path, imagery, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_named(imagery: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RasterError, match=r"file.*cannot be"):
        make_tiny("u1652", tmp_path / "file" / "out", imagery, 8, size_px=16)


def test_places_lie_where_the_bounds_of_the_index_say(imagery: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(imagery, tmp_path / "imagery"))
    with (copied / "index.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    columns = ("file", "location_id", "city", "year", "gsd_m")

    def rewrite(extra: dict[str, float]) -> None:
        with (copied / "index.csv").open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, [*columns, *extra])
            writer.writeheader()
            writer.writerows({name: row[name] for name in columns} | extra for row in rows)

    rewrite({"epsg": 32631, "left": 499900, "bottom": 5400000, "right": 500100, "top": 5400200})
    made = make_tiny("u1652", tmp_path / "out", copied, 8, size_px=16)
    assert {row["longitude"] for row in table(made)} == {"3.00000000"}
    rewrite({})
    with pytest.raises(RasterError, match=r"index\.csv has no position of \w+; add center_lat"):
        make_tiny("u1652", tmp_path / "again", copied, 8, size_px=16)


def test_orthophotos_need_their_scale(tmp_path: Path) -> None:
    photos = orthophoto(tmp_path / "photos")
    with pytest.raises(ParameterError, match="gsd_m"):
        make_tiny("u1652", tmp_path / "out", photos, 4)
    out = make_tiny("u1652", tmp_path / "out", photos, None, gsd_m=0.6, size_px=16)
    assert len(table(out)) == 4
    assert len({(row["latitude"], row["longitude"]) for row in table(out)}) == 4
