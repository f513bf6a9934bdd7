# SPDX-License-Identifier: Apache-2.0
"""CVACT: the MATLAB table and both folder layouts are read, and faults are reported."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.cvact import check, load
from geoloc_training.items import PlaneLocation
from tiny_imagery import tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree("cvact", tmp_path_factory.mktemp("cvact"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "CVACT"))


def name(number: int) -> str:
    return f"pano_{number:017d}"


def rewrite(root: Path, **changes: object) -> None:
    table = loadmat(root / "ACT_data.mat", simplify_cells=True)
    content = {key: value for key, value in table.items() if not key.startswith("__")} | changes
    savemat(root / "ACT_data.mat", {key: value for key, value in content.items() if value is not None})


def refused(root: Path, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        load(root)
    assert any(sentence in found for found in check(root)), check(root)


def test_indices_count_from_one_and_positions_follow_their_panorama(root: Path) -> None:
    benchmark = load(root)
    assert [item.id for item in benchmark.training.queries] == [name(n) for n in (1, 2, 3, 4)]
    assert [item.id for item in benchmark.tests[0].queries] == [name(n) for n in (5, 6, 7)]
    assert [item.id for item in benchmark.tests[1].gallery] == [name(n) for n in (5, 6, 7, 8)]
    query, reference = benchmark.training.queries[2], benchmark.training.references[2]
    assert query.path == root / "ANU_data_small" / "streetview" / f"{name(3)}_grdView.jpg"
    assert reference.path == root / "ANU_data_small" / "satview_polish" / f"{name(3)}_satView_polish.jpg"
    assert query.location == PlaneLocation(690_300.0, 6_090_000.0)


def test_pictures_may_stand_straight_under_the_root(root: Path) -> None:
    for folder in ("streetview", "satview_polish"):
        shutil.move(root / "ANU_data_small" / folder, root / folder)
    (root / "ANU_data_small").rmdir()
    shutil.rmtree(root / "ANU_data_test")
    assert check(root) == []
    benchmark = load(root)
    assert benchmark.training.queries[0].path.parent == root / "streetview"
    assert [task.name for task in benchmark.tests] == ["ground→satellite"]


def test_within_a_radius_several_are_right(root: Path) -> None:
    utm = np.array([[float(n), 0.0] for n in (0, 0, 0, 0, 100, 104, 109, 200)])
    rewrite(root, utm=utm)
    task = load(root, test_radius_m=5.0).tests[-1]
    assert task.positives == ((0, 1), (0, 1, 2), (1, 2), (3,))
    assert task.metrics == ("recall",)
    assert "within 5 m (unverified)" in task.name


def test_a_radius_needs_positions(root: Path) -> None:
    for kind, end in (("streetview", "_grdView.jpg"), ("satview_polish", "_satView_polish.jpg")):
        folder = root / "ANU_data_test" / kind
        shutil.copy(folder / (name(8) + end), folder / ("elsewhere" + end))
    assert len(load(root).tests[1].queries) == 5
    with pytest.raises(ParameterError, match="no position of elsewhere"):
        load(root, test_radius_m=5.0)


def test_pairs_without_a_picture_are_left_out_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "ANU_data_small" / "streetview" / f"{name(2)}_grdView.jpg").unlink()
    with caplog.at_level(logging.WARNING):
        benchmark = load(root)
    assert [item.id for item in benchmark.training.queries] == [name(n) for n in (1, 3, 4)]
    assert [item.id for item in benchmark.training.references] == [name(n) for n in (1, 3, 4)]
    assert "1 pairs lack an image" in caplog.text
    assert name(2) in caplog.text
    assert "names 1 images that do not exist" in check(root)[0]


def test_half_a_pair_of_the_test_is_left_out_and_named(root: Path) -> None:
    (root / "ANU_data_test" / "satview_polish" / f"{name(6)}_satView_polish.jpg").unlink()
    assert [item.id for item in load(root).tests[1].queries] == [name(n) for n in (5, 7, 8)]
    assert any("one of two images" in sentence and name(6) in sentence for sentence in check(root))


def test_no_picture_at_all_is_refused(root: Path) -> None:
    shutil.rmtree(root / "ANU_data_small" / "streetview")
    (root / "ANU_data_small" / "streetview").mkdir()
    with pytest.raises(ParameterError, match="none of the images"):
        load(root)


def test_missing_folders_are_named(root: Path) -> None:
    shutil.rmtree(root / "ANU_data_small")
    refused(root, "neither in ANU_data_small/ nor beside ACT_data.mat")


def test_a_folder_one_level_off_is_named(root: Path) -> None:
    refused(root.parent, str(root))


@pytest.mark.parametrize("content", [b"", b"panoIds", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_a_table_of_another_kind_is_refused(content: bytes, root: Path) -> None:
    (root / "ACT_data.mat").write_bytes(content)
    refused(root, "is not CVACT's table")


def test_a_table_cut_short_is_refused(root: Path) -> None:
    whole = (root / "ACT_data.mat").read_bytes()
    (root / "ACT_data.mat").write_bytes(whole[: len(whole) // 2])
    refused(root, "is not CVACT's table")


@pytest.mark.parametrize("field", ["panoIds", "utm", "trainSet"])
def test_a_table_without_a_field_is_refused(field: str, root: Path) -> None:
    rewrite(root, **{field: None})
    refused(root, "is not CVACT's table")
    assert field in check(root)[0]


@pytest.mark.parametrize("indices", [[0, 1], [7, 9]])
def test_indices_outside_the_table_are_refused(indices: list[int], root: Path) -> None:
    rewrite(root, valSet={"valNum": 2, "valInd": np.array(indices)[:, None]})
    refused(root, "must lie between 1 and 8")


def test_a_panorama_in_both_splits_is_named(root: Path) -> None:
    rewrite(root, valSet={"valNum": 2, "valInd": np.array([4, 5])[:, None]})
    refused(root, f"has panoramas in both training and test: {name(4)}")


def test_a_panorama_listed_twice_is_named(root: Path) -> None:
    rewrite(root, panoIds=np.array([name(n) for n in (1, 2, 2, 4, 5, 6, 7, 8)]))
    refused(root, f"lists a panorama twice: {name(2)}")


def test_unreadable_pictures_are_found_by_the_check(root: Path) -> None:
    picture = root / "ANU_data_test" / "streetview" / f"{name(8)}_grdView.jpg"
    picture.write_bytes(b"not a picture")
    (sentence,) = check(root)
    assert str(picture) in sentence
