# SPDX-License-Identifier: Apache-2.0
"""VIGOR: both splits and both folder layouts are read, and faults of a folder are reported."""

import shutil
from pathlib import Path

import pytest

from geoloc.errors import ParameterError
from geoloc.geodesy import distance_m
from geoloc_training.datasets.published.vigor import check, load
from tiny_imagery import tree

CITIES = ("Chicago", "NewYork", "SanFrancisco", "Seattle")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree("vigor", tmp_path_factory.mktemp("vigor"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "VIGOR"))


def table(root: Path, city: str = "Chicago", name: str = "same_area_balanced_train") -> Path:
    return root / "splits" / city / f"{name}.txt"


def rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def write(path: Path, lines: list[list[str]]) -> None:
    path.write_text("".join(" ".join(line) + "\n" for line in lines))


def refused(root: Path, sentence: str, area: str = "same") -> None:
    with pytest.raises(ParameterError, match=sentence):
        load(root, area)
    assert any(sentence in found for found in check(root, area)), check(root, area)


def test_same_area_learns_from_the_cities_it_tests_on(root: Path) -> None:
    benchmark = load(root)
    (task,) = benchmark.tests
    assert (benchmark.name, task.name) == ("vigor", "ground→satellite, same area")
    for items in (benchmark.training.queries, task.queries, task.gallery):
        assert {item.path.parts[len(root.parts)] for item in items} == set(CITIES)
    panoramas = {item.path for item in benchmark.training.queries}
    assert panoramas.isdisjoint(item.path for item in task.queries)
    assert task.metrics == ("recall_pairs", "hit_rate")


def test_cross_area_tests_on_other_cities(root: Path) -> None:
    benchmark = load(root, "cross")
    (task,) = benchmark.tests
    assert benchmark.name == "vigor_cross"
    learnt = {item.path.parts[len(root.parts)] for item in benchmark.training.queries}
    assert learnt == {"NewYork", "Seattle"}
    for items in (task.queries, task.gallery):
        assert {item.path.parts[len(root.parts)] for item in items} == {"Chicago", "SanFrancisco"}


@pytest.mark.parametrize("area", ["same", "cross"])
def test_matches_are_the_tiles_of_the_label(area: str, root: Path) -> None:
    benchmark = load(root, area)
    (task,) = benchmark.tests
    lines = {line[0]: line for city in CITIES for line in rows(table(root, city, "pano_label_balanced"))}
    for query, right, nearly in zip(task.queries, task.positives, task.semi_positives, strict=True):
        line = lines[query.path.name]
        assert [task.gallery[i].path.name for i in right] == [line[1]]
        assert [task.gallery[i].path.name for i in nearly] == [line[4], line[7], line[10]]
        assert query.id == task.gallery[right[0]].id
    split = benchmark.training
    for query, right in zip(split.queries, split.matches, strict=True):
        assert [split.references[i].path.name for i in right] == [lines[query.path.name][1]]


def test_positions_are_those_of_the_file_names(root: Path) -> None:
    (task,) = load(root).tests
    for query, (right,) in zip(task.queries, task.positives, strict=True):
        tile = task.gallery[right]
        assert tile.path.name == f"{tile.id}.png"
        assert tile.id.split("_")[1:] == [
            f"{tile.location.latitude_deg:.8f}",
            f"{tile.location.longitude_deg:.8f}",
        ]
        apart_m = distance_m(
            query.location.latitude_deg,
            query.location.longitude_deg,
            tile.location.latitude_deg,
            tile.location.longitude_deg,
        )
        # 0.1 and 0.08 of a tile of 67.5 m, as the made panoramas lie.
        assert apart_m == pytest.approx(67.5 * (0.1**2 + 0.08**2) ** 0.5, abs=0.01)


def test_panoramas_need_no_position_in_their_names(root: Path) -> None:
    lines = rows(table(root))
    shutil.move(root / "Chicago" / "panorama" / lines[0][0], root / "Chicago" / "panorama" / "plain.jpg")
    lines[0][0] = "plain.jpg"
    write(table(root), lines)
    (query,) = [item for item in load(root).training.queries if item.path.name == "plain.jpg"]
    assert query.location is None


def test_sample4geos_arrangement_is_read_the_same(root: Path) -> None:
    before = [load(root, area) for area in ("same", "cross")]
    for city in CITIES:
        for kind, moved in (("panorama", "ground"), ("satellite", "satellite")):
            (root / moved).mkdir(exist_ok=True)
            shutil.move(root / city / kind, root / moved / city)
        (root / city).rmdir()
    for area, was in zip(("same", "cross"), before, strict=True):
        now = load(root, area)
        assert check(root, area) == []
        assert [item.id for item in now.tests[0].gallery] == [item.id for item in was.tests[0].gallery]
        assert now.training.matches == was.training.matches
        assert now.training.queries[0].path.is_file()


def test_a_folder_one_level_off_is_named(root: Path) -> None:
    refused(root.parent, str(root))


def test_a_missing_city_is_named(root: Path) -> None:
    shutil.rmtree(root / "Seattle")
    refused(root, "no satellite folder of Seattle")


@pytest.mark.parametrize("name", ["satellite_list", "same_area_balanced_test"])
def test_a_missing_list_is_named(name: str, root: Path) -> None:
    table(root, "NewYork", name).unlink()
    refused(root, f"{name}.txt cannot be read")


def test_an_empty_list_is_named(root: Path) -> None:
    table(root, "NewYork").write_text("\n")
    refused(root, "same_area_balanced_train.txt is empty")


def test_swapped_columns_are_seen(root: Path) -> None:
    write(table(root), [[line[1], line[0], *line[2:]] for line in rows(table(root))])
    refused(root, "is the satellite tile 'satellite_")


def test_columns_in_the_wrong_place_are_seen(root: Path) -> None:
    write(table(root), [[*line[:4], line[5], line[4], *line[6:]] for line in rows(table(root))])
    refused(root, "instead of a satellite tile")


def test_a_label_cut_short_is_seen(root: Path) -> None:
    write(table(root), [line[:4] for line in rows(table(root))])
    refused(root, "4 columns instead of 13")


def test_labels_in_place_of_the_tiles_list_are_seen(root: Path) -> None:
    shutil.copy(table(root), table(root, name="satellite_list"))
    refused(root, "tiles are named satellite_<latitude>_<longitude>.png")


def test_tiles_that_no_list_holds_are_named(root: Path) -> None:
    tiles = table(root, name="satellite_list")
    lines = rows(tiles)
    write(tiles, lines[1:])
    refused(root, lines[0][0])


def test_what_is_listed_twice_is_named(root: Path) -> None:
    labels = rows(table(root))
    write(table(root), [*labels, labels[0]])
    refused(root, "lists a panorama twice: ")
    write(table(root), labels)
    tiles = rows(table(root, name="satellite_list"))
    write(table(root, name="satellite_list"), [*tiles, tiles[0]])
    refused(root, "lists a tile twice: ")


def test_a_panorama_that_is_learnt_from_and_tested_on_is_named(root: Path) -> None:
    tests = rows(table(root, name="same_area_balanced_test"))
    write(table(root), [*rows(table(root)), tests[0]])
    refused(root, "has panoramas in both training and test")
    assert check(root, "cross") == []


@pytest.mark.parametrize("kind", ["panorama", "satellite"])
def test_missing_pictures_are_named(kind: str, root: Path) -> None:
    path = sorted((root / "NewYork" / kind).iterdir())[0]
    path.unlink()
    refused(root, "names 1 images that do not exist", "cross")
    assert path.name in check(root, "cross")[0]


def test_unreadable_pictures_are_found_by_the_check(root: Path) -> None:
    path = sorted((root / "NewYork" / "satellite").iterdir())[0]
    path.write_bytes(path.read_bytes()[:100])
    (sentence,) = check(root, "cross")
    assert str(path) in sentence
