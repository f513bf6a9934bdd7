# SPDX-License-Identifier: Apache-2.0
"""Data sets by name, and the commands that list, check and generate them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from geoloc.errors import ParameterError
from geoloc_training.cli.datasets import app
from geoloc_training.datasets.published.registry import (
    DATA_SETS,
    benchmark_sizes,
    check_dataset,
    data_set,
    load_benchmark,
)
from small_trees import denseuav, gta, sues_split, university
from tiny_imagery import orthophoto

RUN = CliRunner()
SHIPPED = Path(__file__).resolve().parents[4] / "config" / "training" / "data"


def test_every_data_set_has_a_configuration_of_its_name() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == {*DATA_SETS, "map"}


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_refuses_an_empty_folder_in_a_sentence(tmp_path: Path, name: str) -> None:
    findings = check_dataset(name, tmp_path)
    assert findings
    with pytest.raises(ParameterError, match=str(tmp_path)):
        load_benchmark(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "make"),
    [("u1652", university), ("sues200", sues_split), ("denseuav", denseuav), ("gta_uav", gta)],
)
def test_published_sizes_belong_to_existing_parts(tmp_path: Path, name: str, make) -> None:
    loaded = load_benchmark(name, str(make(tmp_path)))
    assert loaded.name == name
    assert set(data_set(name).published) <= set(benchmark_sizes(loaded))


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for use in (load_benchmark, check_dataset):
        with pytest.raises(ParameterError, match="'u1653'; use one of u1652, sues200"):
            use("u1653", tmp_path)


def test_no_folder_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"folder of University-1652 is not given; add data\.root=DIR"):
        load_benchmark("u1652", "")
    with pytest.raises(ParameterError, match=r"folder of the imagery is not given; add data\.root=DIR"):
        check_dataset("map", "")


def test_list_names_all() -> None:
    shown = RUN.invoke(app, ["list"])
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.output.splitlines()] == [*DATA_SETS, "map"]


def test_check_shows_the_size_of_a_good_tree(tmp_path: Path) -> None:
    shown = RUN.invoke(app, ["check", "u1652", str(university(tmp_path))])
    assert shown.exit_code == 0
    assert "is in order" in shown.output
    rows = {line[:36].strip(): line[36:].split() for line in shown.output.splitlines()[2:]}
    assert rows["training, queries"] == ["6", "of", "37,854", "2", "of", "701"]
    assert rows["satellite→drone, gallery"] == ["9", "of", "51,355", "3", "of", "951"]


def test_check_says_what_is_wrong_and_fails(tmp_path: Path) -> None:
    root = university(tmp_path)
    bad = root / "train" / "drone" / "0001" / "image-01.jpeg"
    bad.write_bytes(b"")
    (root / "test" / "query_drone" / "0009").mkdir()
    shown = RUN.invoke(app, ["check", "u1652", str(root)])
    assert shown.exit_code == 1
    said = [line for line in shown.output.splitlines() if line.startswith("- ")]
    assert len(said) == 3
    assert str(bad) in said[-1]
    assert "3 findings" in shown.output


def test_make_makes_a_tree_that_is_in_order(tmp_path: Path) -> None:
    made = RUN.invoke(app, ["make", "u1652", str(tmp_path / "tiny"), "--places", "4"])
    assert made.exit_code == 0, made.output
    assert check_dataset("u1652", tmp_path / "tiny") == []


def test_make_takes_orthophotos_of_known_scale(tmp_path: Path) -> None:
    photos, tiny = orthophoto(tmp_path / "photos"), str(tmp_path / "tiny")
    words = ["make", "u1652", tiny, "--imagery", str(photos), "--places", "4"]
    assert isinstance(RUN.invoke(app, words).exception, ParameterError)
    made = RUN.invoke(app, [*words, "--gsd-m", "0.6"])
    assert made.exit_code == 0, made.output
    assert check_dataset("u1652", Path(tiny)) == []


def test_the_users_own_imagery_is_generated_and_checked(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny"
    assert RUN.invoke(app, ["make", "map", str(tiny), "--places", "4"]).exit_code == 0
    shown = RUN.invoke(app, ["check", "map", str(tiny)])
    assert (shown.exit_code, check_dataset("map", tiny)) == (0, [])
    assert "is in order: 12 images of 4 places." in shown.output
    picture = next((tiny / "images").iterdir())
    picture.write_bytes(picture.read_bytes()[:100])
    shown = RUN.invoke(app, ["check", "map", str(tiny)])
    assert shown.exit_code == 1
    assert f"- {picture} cannot be read as an image" in shown.output
    assert "1 finding." in shown.output


def test_plain_pictures_are_checked_with_their_scale(tmp_path: Path) -> None:
    photos = str(orthophoto(tmp_path / "photos"))
    refused = RUN.invoke(app, ["check", "map", photos])
    assert refused.exit_code == 1
    assert "give their gsd_m" in refused.output
    shown = RUN.invoke(app, ["check", "map", photos, "--gsd-m", "0.6"])
    assert shown.exit_code == 0
    assert "1 image of 1 place." in shown.output
