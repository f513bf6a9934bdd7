# SPDX-License-Identifier: Apache-2.0
"""University-1652, SUES-200 and DenseUAV: content of valid trees, and reports of faulty ones."""

import shutil
from pathlib import Path

import pytest

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.registry import benchmark_sizes, check_dataset, load_benchmark
from geoloc_training.datasets.published.sues200 import load as load_sues200
from geoloc_training.datasets.published.sues200 import training_places
from geoloc_training.items import Benchmark, GeoLocation, Task
from small_trees import denseuav, every_sues_place, gps_row, shelf, sues_raw, sues_split, university

SUES_LOOKED_UP = (
    "8 12 14 17 18 19 22 23 35 38 40 41 42 46 47 48 49 50 52 53 54 59 61 62 63 65 68 71 72 75 78 79 "
    "83 92 93 95 98 99 107 108 109 110 111 112 114 115 117 121 122 124 128 130 131 133 135 136 138 "
    "140 143 144 150 153 154 161 162 164 165 170 172 173 175 176 177 178 181 188 189 190 194 195"
)
MAKERS = {"u1652": university, "sues200": sues_split, "denseuav": denseuav}


@pytest.fixture(params=MAKERS.items(), ids=MAKERS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    name, make = request.param
    return name, make(tmp_path / "data")


def shelves_of(root: Path, view: str) -> list[Path]:
    return sorted(path for path in root.rglob(view) if path.is_dir())


def only(findings: list[str]) -> str:
    assert len(findings) == 1, findings
    return findings[0]


def places(task: Task) -> tuple[list[str], list[str]]:
    return sorted({item.id for item in task.queries}), sorted({item.id for item in task.gallery})


def refused(name: str, root: Path) -> str:
    """What loading says; the check must say the same first."""
    with pytest.raises(ParameterError) as error:
        load_benchmark(name, root)
    assert check_dataset(name, root)[0] == str(error.value)
    return str(error.value)


def test_a_good_tree_has_no_findings(made: tuple[str, Path]) -> None:
    assert check_dataset(*made) == []


def test_training_pairs_every_drone_view_with_its_place(made: tuple[str, Path]) -> None:
    training = load_benchmark(*made).training
    assert {item.view for item in training.queries} == {"drone"}
    assert {item.view for item in training.references} == {"satellite"}
    for query, right, weights in zip(training.queries, training.matches, training.weights, strict=True):
        same = {number for number, item in enumerate(training.references) if item.id == query.id}
        assert set(right) == same != set()
        assert weights == (1.0,) * len(right)


def test_university_has_its_places_and_pictures(tmp_path: Path) -> None:
    loaded = load_benchmark("u1652", university(tmp_path))
    assert benchmark_sizes(loaded) == {
        "training, queries": (6, 2),
        "training, references": (2, 2),
        "drone→satellite, queries": (6, 2),
        "drone→satellite, gallery": (3, 3),
        "satellite→drone, queries": (2, 2),
        "satellite→drone, gallery": (9, 3),
    }
    assert loaded.name == "u1652"
    there, back = loaded.tests
    assert there.metrics == back.metrics == ("recall", "ap_trapezoid")
    assert there.positives is None
    assert (there.queries[0].view, there.gallery[0].view) == ("drone", "satellite")
    assert (back.queries[0].view, back.gallery[0].view) == ("satellite", "drone")
    assert [item.path.name for item in there.queries[:3]] == [f"image-0{n}.jpeg" for n in (1, 2, 3)]
    assert there.queries[0].path.is_file()


def test_the_published_split_of_sues_leaves_80_places_as_queries() -> None:
    assert len(training_places()) == 120
    rest = sorted(set(every_sues_place()) - training_places())
    assert " ".join(str(int(place)) for place in rest) == SUES_LOOKED_UP


@pytest.mark.parametrize("names", [("Training", "Testing"), ("train", "test")])
def test_sues_is_tested_at_each_height_among_all_places(tmp_path: Path, names: tuple[str, str]) -> None:
    loaded = load_benchmark("sues200", sues_split(tmp_path, names))
    check_sues(loaded, tmp_path)


def test_sues_as_published_is_split_by_the_published_list(tmp_path: Path) -> None:
    loaded = load_benchmark("sues200", sues_raw(tmp_path))
    check_sues(loaded, tmp_path)
    assert {item.path.parent.name for item in loaded.tests[2].queries} == {"200"}
    assert check_dataset("sues200", tmp_path) == []


def check_sues(loaded: Benchmark, root: Path) -> None:
    assert [task.name for task in loaded.tests] == [
        f"{way}, {height} m"
        for height in (150, 200, 250, 300)
        for way in ("drone→satellite", "satellite→drone")
    ]
    for there, back in zip(loaded.tests[::2], loaded.tests[1::2], strict=True):
        assert places(there) == places(back) == (["0008"], ["0001", "0002", "0008"])
        assert (len(there.queries), len(there.gallery)) == (2, 3)
        assert (len(back.queries), len(back.gallery)) == (1, 6)
    assert benchmark_sizes(loaded)["training, queries"] == (16, 2)
    # One satellite picture of a place, though the split has a copy for each height.
    assert benchmark_sizes(loaded)["training, references"] == (2, 2)


def test_the_raw_split_of_all_places_has_the_published_sizes(tmp_path: Path) -> None:
    for place in every_sues_place():
        for folder in ("drone_view_512", "satellite-view"):
            (tmp_path / folder / place / ("150" if "drone" in folder else "")).mkdir(parents=True)
        (tmp_path / "drone_view_512" / place / "150" / "0.jpg").touch()
        (tmp_path / "satellite-view" / place / "0.png").touch()
    sizes = benchmark_sizes(load_sues200(tmp_path, (150,)))
    assert {part: places for part, (_, places) in sizes.items()} == {
        "training, queries": 120,
        "training, references": 120,
        "drone→satellite, 150 m, queries": 80,
        "drone→satellite, 150 m, gallery": 200,
        "satellite→drone, 150 m, queries": 80,
        "satellite→drone, 150 m, gallery": 200,
    }


def test_one_height_of_sues_needs_no_other(tmp_path: Path) -> None:
    root = sues_split(tmp_path)
    for height in ("150", "250", "300"):
        shutil.rmtree(root / "Training" / height)
    loaded = load_benchmark("sues200_200", root)
    assert loaded.name == "sues200_200"
    assert [task.name for task in loaded.tests] == ["drone→satellite, 200 m", "satellite→drone, 200 m"]
    assert len(loaded.training.queries) == 4
    assert check_dataset("sues200_200", root) == []
    assert "150" in refused("sues200", root)


def test_a_height_that_was_not_flown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"heights_m=\(150, 175\)"):
        load_sues200(sues_split(tmp_path), (150, 175))
    with pytest.raises(ParameterError, match="choose among 150, 200, 250, 300"):
        load_sues200(tmp_path, ())


def test_denseuav_gives_every_image_of_a_point_one_position(tmp_path: Path) -> None:
    loaded = load_benchmark("denseuav", denseuav(tmp_path))
    there, back = loaded.tests
    assert there.metrics == ("recall", "ap_trapezoid", "sdm_degrees", "ma")
    assert {item.location for item in there.queries} == {GeoLocation(30.322, 120.382)}
    assert {item.location for item in there.gallery if item.id == "000000"} == {GeoLocation(30.32, 120.38)}
    assert loaded.training.matches[0] == (0, 1)
    assert len(back.queries) == 2


def test_denseuav_without_satellite_queries_is_tested_one_way(tmp_path: Path) -> None:
    root = denseuav(tmp_path)
    for folder in ("query_satellite", "gallery_drone"):
        shutil.rmtree(root / "test" / folder)
    assert [task.name for task in load_benchmark("denseuav", root).tests] == ["drone→satellite"]


def test_denseuav_takes_the_tables_of_both_parts_too(tmp_path: Path) -> None:
    root = denseuav(tmp_path)
    rows = (root / "Dense_GPS_ALL.txt").read_text().splitlines()
    (root / "Dense_GPS_ALL.txt").unlink()
    assert "Dense_GPS_ALL.txt is missing" in refused("denseuav", root)
    (root / "Dense_GPS_train.txt").write_text("\n".join(rows[:2]))
    (root / "Dense_GPS_test.txt").write_text(rows[2] + "\n\n")
    assert check_dataset("denseuav", root) == []


def test_the_last_row_of_a_point_counts(tmp_path: Path) -> None:
    root = denseuav(tmp_path)
    with (root / "Dense_GPS_ALL.txt").open("a") as table:
        table.write("train/satellite/000000/H80_old.tif E120.38001 N30.32002 93.1\n")
    first = load_benchmark("denseuav", root).training.queries[0]
    assert first.location == GeoLocation(30.32002, 120.38001)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("train/satellite/000000/H80.tif E30.32413 N120.38756 94.6", "the columns are swapped"),
        ("train/satellite/000000/H80.tif N30.32413 E120.38756 94.6", "are swapped columns"),
        ("train/satellite/000000/H80.tif 120.38756 30.32413 94.6", "not E<longitude> and N<latitude>"),
        ("train/satellite/000000/H80.tif E220.5 N30.3 94.6", "not on the Earth"),
        ("train/satellite/000000/H80.tif E120.38", "is not 'path/id/file"),
        ("H80.tif E120.38 N30.32 94.6", "is not 'path/id/file"),
        ("train/satellite/000000/H80.tif Eeast N30.3 94.6", "east"),
        ("train/satellite/000001/H80.tif E120.9 N30.9 94.6", "another position in an earlier row"),
        ("train/satellite/000001/H90.tif E120.9 N30.9 94.6", "the position of point 000001 differs"),
    ],
)
def test_a_faulty_row_of_the_table_is_named(tmp_path: Path, row: str, said: str) -> None:
    root = denseuav(tmp_path)
    with (root / "Dense_GPS_ALL.txt").open("a") as table:
        table.write(row + "\n")
    sentence = refused("denseuav", root)
    assert said in sentence
    assert "Dense_GPS_ALL.txt, line 4" in sentence


def test_points_without_a_row_are_named(tmp_path: Path) -> None:
    root = denseuav(tmp_path)
    (root / "Dense_GPS_ALL.txt").write_text(gps_row("000000", 0))
    assert "no row for 2 of 3 points" in refused("denseuav", root)
    assert "000001, 000002" in refused("denseuav", root)


def test_the_right_root_is_named_where_it_lies_one_level_off(made: tuple[str, Path]) -> None:
    name, root = made
    below = next(path for path in root.iterdir() if path.is_dir())
    assert f"one level down; give {root}" in only(check_dataset(name, root.parent))
    assert f"one level up; give {root}" in only(check_dataset(name, below))
    refused(name, root.parent)


def test_the_raw_root_of_sues_is_named_too(tmp_path: Path) -> None:
    root = sues_raw(tmp_path / "SUES-200-512x512")
    assert f"one level down; give {root}" in refused("sues200", tmp_path)
    assert f"one level up; give {root}" in refused("sues200", root / "satellite-view")


@pytest.mark.parametrize("name", MAKERS)
def test_a_root_that_is_no_data_set_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    assert "does not exist" in refused(name, tmp_path / "nowhere")
    assert "is not a folder" in refused(name, tmp_path / "file")
    assert "are not in it" in refused(name, tmp_path / "other")


def test_a_missing_folder_is_named(made: tuple[str, Path]) -> None:
    name, root = made
    gone = shelves_of(root, "gallery_satellite")[0]
    shutil.rmtree(gone)
    assert f"{gone} is missing" in refused(name, root)


def test_empty_folders_of_places_are_counted_and_named(made: tuple[str, Path]) -> None:
    name, root = made
    shelf_path = shelves_of(root, "drone")[0]
    place = sorted(shelf_path.iterdir())[0]
    for picture in place.iterdir():
        picture.unlink()
    assert f"1 of 2 places in {shelf_path} hold no images: {place.name}" in refused(name, root)


def test_a_shelf_without_places(made: tuple[str, Path]) -> None:
    name, root = made
    gallery = shelves_of(root, "gallery_drone")[0]
    shutil.rmtree(gallery)
    gallery.mkdir()
    assert f"{gallery} holds no folders of places" in refused(name, root)


def test_a_query_whose_place_is_not_in_the_gallery(made: tuple[str, Path]) -> None:
    name, root = made
    gallery = shelves_of(root, "gallery_satellite")[0]
    query = sorted(shelves_of(root, "query_drone")[0].iterdir())[0].name
    shutil.rmtree(gallery / query)
    assert f"places have queries but no references: {query}" in refused(name, root)


def test_a_place_named_twice(made: tuple[str, Path]) -> None:
    name, root = made
    drone = shelves_of(root, "drone")[0]
    first = sorted(drone.iterdir())[0]
    shutil.copytree(first, drone / f"0000{first.name}")
    sentence = refused(name, root)
    assert "names one place several times" in sentence
    assert ", ".join(sorted((first.name, f"0000{first.name}"))) in sentence


def test_a_place_that_is_learnt_from_and_looked_up(tmp_path: Path) -> None:
    root = university(tmp_path)
    shelf(root / "test" / "query_drone", ("0001",), ("image-01.jpeg",))
    shelf(root / "test" / "gallery_satellite", ("0001",), ("above.jpg",))
    assert "0001 are training places and queries" in refused("u1652", root)


def test_an_unreadable_picture_is_named_by_the_check(made: tuple[str, Path]) -> None:
    name, root = made
    place = next(shelves_of(root, "query_drone")[0].iterdir())
    bad = next(place.iterdir())
    bad.write_bytes(bad.read_bytes()[:-20])
    assert f"{bad} is missing, empty, truncated or not an image" in only(check_dataset(name, root))
    load_benchmark(name, root)
