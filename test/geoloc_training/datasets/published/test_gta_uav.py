# SPDX-License-Identifier: Apache-2.0
"""GTA-UAV: tile positions from names, overlaps as weights, and reports of faulty lists."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.gta_uav import tile_centre
from geoloc_training.datasets.published.registry import check_dataset, load_benchmark
from geoloc_training.items import PlaneLocation
from small_trees import gta, gta_entry, write_list

TRAIN = "cross-area-drone2sate-train.json"
NO_POSITIVE: dict[str, list[object]] = {"pair_pos_sate_img_list": [], "pair_pos_sate_weight_list": []}
Change = Callable[[list[dict[str, Any]]], object]


def refused(root: Path, name: str = "gta_uav") -> str:
    with pytest.raises(ParameterError) as error:
        load_benchmark(name, root)
    assert check_dataset(name, root)[0] == str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "x_m", "y_m"),
    [
        ("4_0_6_13", 4492.8, 9331.2),
        ("5_10_20", 3628.8, 7084.8),  # from the authors' own example
        ("6_20_41", 3542.4, 7171.2),
        ("4_128_6_13", 4492.8 + 345.6, 9331.2 + 345.6),
    ],
)
def test_a_tile_lies_where_its_name_says(name: str, x_m: float, y_m: float) -> None:
    where = tile_centre(name)
    assert (where.x_m, where.y_m) == pytest.approx((x_m, y_m))


@pytest.mark.parametrize("name", ["4_6", "a_0_6_13", "4_0_6_13_2", ""])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="<zoom>_<offset>_<x>_<y>"):
        tile_centre(name)


@pytest.mark.parametrize(("name", "area"), [("gta_uav", "cross"), ("gta_uav_same", "same")])
def test_training_takes_what_overlaps_and_the_test_asks_for_positives(
    tmp_path: Path, name: str, area: str
) -> None:
    loaded = load_benchmark(name, gta(tmp_path, area))
    training, (task,) = loaded.training, loaded.tests
    assert loaded.name == name
    assert [item.path.name for item in training.references] == [f"4_0_{x}_9.png" for x in (2, 3, 5, 6)]
    assert training.matches == ((0, 1), (2, 3))
    assert training.weights == ((0.7, 0.2), (0.7, 0.2))
    assert len(task.gallery) == 9
    assert task.positives is not None
    assert [[task.gallery[n].path.name for n in right] for right in task.positives] == [
        ["4_0_8_3.png"],
        ["4_0_11_3.png"],
    ]
    assert task.metrics == ("recall", "ap_step", "sdm_metres", "dis")
    assert task.queries[0].location == PlaneLocation(*gta_entry("", 8, 3)["drone_loc_x_y"])
    assert check_dataset(name, tmp_path) == []


def test_a_drone_view_without_a_positive_is_no_query(tmp_path: Path) -> None:
    root = gta(tmp_path)
    change(root, "test", lambda rows: rows[0].update(NO_POSITIVE))
    assert [item.id for item in load_benchmark("gta_uav", root).tests[0].queries] == ["200_0002_0000000004"]
    change(root, "test", lambda rows: [row.update(NO_POSITIVE) for row in rows])
    assert "no drone view with a positive" in refused(root)


def test_the_other_split_is_another_list(tmp_path: Path) -> None:
    assert "same-area-drone2sate-train.json is missing" in refused(gta(tmp_path), "gta_uav_same")


def test_the_right_root_is_named(tmp_path: Path) -> None:
    root = gta(tmp_path / "GTA-UAV-LR")
    assert f"one level down; give {root}" in refused(tmp_path)
    assert f"one level up; give {root}" in refused(root / "satellite")
    assert "are not in it" in refused(root / "drone" / "images")


def change(root: Path, part: str, how: Change) -> None:
    path = root / f"cross-area-drone2sate-{part}.json"
    rows = json.loads(path.read_text())
    how(rows)
    path.write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda rows: rows[1].pop("drone_loc_x_y"), "entry 1: it has no 'drone_loc_x_y'"),
        (lambda rows: rows[1].update(drone_loc_x_y=[1.0]), "entry 1: not enough values"),
        (lambda rows: rows[1].update(drone_loc_x_y=None), "entry 1: 'NoneType'"),
        (lambda rows: rows.append(rows[0]), "entry 2: 200_0001_0000000001.png is listed twice"),
        (lambda rows: rows[0]["pair_pos_sate_weight_list"].append(0.1), "1 tiles and 2 weights"),
        (lambda rows: rows[0].update(pair_pos_sate_weight_list=[7]), "weights outside 0..1"),
        (
            lambda rows: rows[0].update(pair_pos_semipos_sate_img_list=["4_0_2_9.png"] * 2),
            "names a tile twice",
        ),
        (
            lambda rows: rows[0].update(drone_img_name="gone.png"),
            "lacks 1 drone views of the lists: gone.png",
        ),
        (
            lambda rows: rows[0].update(pair_pos_sate_img_list=["4_0_15_15.png"]),
            "lacks 1 tiles of the lists: 4_0_15_15.png",
        ),
        (
            lambda rows: rows.append(gta_entry("200_0002_0000000003.png", 8, 3)),
            "200_0002_0000000003.png are in both the training and the test list",
        ),
        (lambda rows: rows.clear(), "is not a list of drone views, or is empty"),
    ],
)
def test_a_faulty_list_is_named(tmp_path: Path, how: Change, said: str) -> None:
    root = gta(tmp_path)
    change(root, "train", how)
    sentence = refused(root)
    assert said in sentence
    assert str(root) in sentence or "in both the training and the test list" in sentence


@pytest.mark.parametrize("part", ["train", "test"])
def test_swapped_coordinates_are_named_in_either_list(tmp_path: Path, part: str) -> None:
    root = gta(tmp_path)
    change(root, part, lambda rows: [row.update(drone_loc_x_y=row["drone_loc_x_y"][::-1]) for row in rows])
    assert f"{part}.json: drone_loc_x_y matches the tiles only with x and y swapped" in refused(root)


def test_a_list_that_is_no_json(tmp_path: Path) -> None:
    root = gta(tmp_path)
    (root / TRAIN).write_text("[{")
    assert f"{root / TRAIN} is not readable JSON" in refused(root)


def test_many_faulty_entries_are_counted(tmp_path: Path) -> None:
    root = gta(tmp_path)
    write_list(root, "cross", "train", [{}] * 14)
    findings = check_dataset("gta_uav", root)
    assert len(findings) == 11
    assert findings[-1].startswith("4 more entries")


def test_tiles_that_are_missing_or_strange(tmp_path: Path) -> None:
    root = gta(tmp_path)
    tiles = root / "satellite"
    (tiles / "overview.png").touch()
    assert "overview" in refused(root)
    (tiles / "overview.png").rename(tiles / "elsewhere.txt")
    (tiles / "again").mkdir()
    shutil.copy(tiles / "4_0_2_9.png", tiles / "again")
    assert "has the name of another tile" in refused(root)
    shutil.rmtree(tiles)
    assert f"{tiles} is missing" in refused(root)
    tiles.mkdir()
    assert f"{tiles} holds no images" in refused(root)


def test_an_unreadable_tile_is_named_by_the_check(tmp_path: Path) -> None:
    root = gta(tmp_path)
    tile = root / "satellite" / "5_0_30_31.png"
    tile.write_bytes(tile.read_bytes()[:40])
    (finding,) = check_dataset("gta_uav", root)
    assert str(tile) in finding
    load_benchmark("gta_uav", root)
