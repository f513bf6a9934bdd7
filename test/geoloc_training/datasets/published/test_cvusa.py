# SPDX-License-Identifier: Apache-2.0
"""CVUSA: the published split and its positions are read, and faults of a folder are reported."""

import shutil
from pathlib import Path

import pytest

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.cvusa import check, load
from geoloc_training.items import GeoLocation
from tiny_imagery import tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree("cvusa", tmp_path_factory.mktemp("cvusa"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "CVUSA"))


def edit(table: Path, old: str, new: str) -> None:
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))


def refused(root: Path, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        load(root)
    assert any(sentence in found for found in check(root)), check(root)


def test_pairs_are_panoramas_and_their_satellite_pictures(root: Path) -> None:
    benchmark = load(root)
    query, reference = benchmark.training.queries[1], benchmark.training.references[1]
    assert (query.id, query.view, query.path.parent) == ("0000002", "ground", root / "streetview" / "panos")
    assert (reference.id, reference.view) == ("0000002", "satellite")
    assert reference.path == root / "bingmap" / "19" / "0000002.jpg"
    assert benchmark.training.matches == ((0,), (1,), (2,), (3,))
    (task,) = benchmark.tests
    assert [item.id for item in task.queries] == [item.id for item in task.gallery]
    assert (task.metrics, task.positives) == (("recall_pairs",), None)


def test_a_row_of_positions_belongs_to_the_picture_of_its_number(root: Path) -> None:
    rows = [f"{30 + n},{-100 - n},{30.5 + n},{-100.5 - n},7" for n in range(1, 8)]
    (root / "split_locations" / "all.csv").write_text("\n".join(rows))
    benchmark = load(root)
    # The tests are pictures 5, 6 and 7.
    assert benchmark.tests[0].gallery[0].location == GeoLocation(35, -105)
    assert benchmark.tests[0].queries[0].location == GeoLocation(35.5, -105.5)


def test_positions_may_be_missing(root: Path) -> None:
    shutil.rmtree(root / "split_locations")
    assert check(root) == []
    assert all(item.location is None for item in load(root).training.references)


def test_a_folder_one_level_off_is_named(root: Path) -> None:
    refused(root.parent, str(root))


def test_a_missing_split_is_named(root: Path) -> None:
    (root / "splits" / "val-19zl.csv").unlink()
    refused(root, "val-19zl.csv cannot be read")


def test_an_empty_split_is_named(root: Path) -> None:
    (root / "splits" / "train-19zl.csv").write_text("")
    refused(root, "train-19zl.csv is empty")


def test_swapped_columns_are_seen(root: Path) -> None:
    table = root / "splits" / "train-19zl.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text("\n".join(f"{row[1]},{row[0]},{row[2]}" for row in rows))
    refused(root, "column 1 is 'streetview/panos/0000001.jpg' and not an image under bingmap/")


def test_swapped_positions_are_seen(root: Path) -> None:
    (root / "split_locations" / "all.csv").write_text("-120,38,-120,38,0\n")
    refused(root, "not on the Earth")


def test_positions_that_are_no_numbers_are_seen(root: Path) -> None:
    (root / "split_locations" / "all.csv").write_text("38,-120,38,-120,0\nlat,lon,lat,lon,0\n")
    refused(root, "all.csv, line 2")


def test_a_place_listed_twice_is_named(root: Path) -> None:
    table = root / "splits" / "train-19zl.csv"
    first = table.read_text().splitlines()[0]
    table.write_text(table.read_text() + first + "\n")
    refused(root, "lists a place twice: 0000001")


def test_a_tested_place_that_is_learnt_from_is_named(root: Path) -> None:
    tests, training = root / "splits" / "val-19zl.csv", root / "splits" / "train-19zl.csv"
    training.write_text(training.read_text() + tests.read_text().splitlines()[0] + "\n")
    refused(root, "0000005")


def test_missing_pictures_are_named(root: Path) -> None:
    (root / "streetview" / "panos" / "0000003.jpg").unlink()
    refused(root, "names 1 images that do not exist: ")
    assert "0000003.jpg" in check(root)[0]


def test_a_picture_without_a_number_is_seen(root: Path) -> None:
    edit(root / "splits" / "train-19zl.csv", "19/0000001", "19/first")
    refused(root, "not named by a number")


def test_unreadable_pictures_are_found_by_the_check(root: Path) -> None:
    picture = root / "bingmap" / "19" / "0000002.jpg"
    picture.write_bytes(picture.read_bytes()[:200])
    load(root)
    (sentence,) = check(root)
    assert str(picture) in sentence
