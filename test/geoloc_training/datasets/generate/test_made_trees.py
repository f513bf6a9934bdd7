# SPDX-License-Identifier: Apache-2.0
"""Every generated layout is read in full by its own loader, and its check finds no fault."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoloc_training.datasets.generate import LAYOUTS, make_tiny
from geoloc_training.datasets.published.registry import DATA_SETS, check_dataset, load_benchmark
from tiny_imagery import orthophoto, tree

_HEIGHTS = (150, 200, 250, 300)
_SUES = [counts for _ in _HEIGHTS for counts in ((3 * 2, 7), (3, 7 * 2))]

# name, layout, (training queries, references), (queries, gallery) of each test; the trees have 4 places to
# learn from, 3 to test on and 1 beside, with 2 drone views each.
CASES = [
    ("u1652", "u1652", (4 * 2, 4), [(3 * 2, 4), (3, 4 * 2)]),
    ("sues200", "sues200", (4 * 2 * 4, 4), _SUES),
    ("sues200", "sues200_raw", (4 * 2 * 4, 4), _SUES),
    ("sues200_200", "sues200_200", (4 * 2, 4), _SUES[:2]),
    ("denseuav", "denseuav", (4 * 3, 4 * 6), [(3 * 3, 8 * 6), (3 * 6, 8 * 3)]),
    ("gta_uav", "gta_uav", (4 * 2, 4 * 2), [(3 * 2, 8 * 2)]),
    ("gta_uav_same", "gta_uav_same", (7, 7 * 2), [(7, 8 * 2)]),
    ("cvusa", "cvusa", (4, 4), [(3, 3)]),
    ("cvact", "cvact", (4, 4), [(3, 3), (4, 4)]),
    ("vigor", "vigor", (7, 7), [(7, 8 * 4)]),
    ("vigor_cross", "vigor_cross", (4 * 2, 4), [(3 * 2, 4 * 4)]),
]


def test_every_data_set_can_be_made() -> None:
    assert set(DATA_SETS) <= set(LAYOUTS)


@pytest.mark.parametrize(("name", "layout", "training", "tests"), CASES, ids=[case[1] for case in CASES])
def test_a_tree_is_whole_to_its_loader(
    name: str, layout: str, training: tuple[int, int], tests: list[tuple[int, int]], tmp_path: Path
) -> None:
    root = tree(layout, tmp_path)
    assert check_dataset(name, root) == []
    benchmark = load_benchmark(name, root)
    assert (len(benchmark.training.queries), len(benchmark.training.references)) == training
    assert [(len(task.queries), len(task.gallery)) for task in benchmark.tests] == tests
    assert all(benchmark.training.matches)
    learnt = {item.id for item in benchmark.training.queries}
    if name not in ("vigor", "gta_uav_same"):  # there the same places are learnt from and tested on
        assert all(learnt.isdisjoint(item.id for item in task.queries) for task in benchmark.tests)


def test_a_view_of_the_game_lies_where_its_row_says(tmp_path: Path) -> None:
    tile_m, size_px = 86.4, 64
    still = {"yaw_deg": 0.0, "scale": 0.0, "appearance": 0.0, "size_px": size_px, "gsd_m": 0.6}
    root = make_tiny("gta_uav", tmp_path / "out", orthophoto(tmp_path / "photos"), 4, **still)
    rows = json.loads((root / "cross-area-drone2sate-train.json").read_text())
    assert len(rows) == 8
    for row in rows:
        semi = "pair_pos_semipos_sate"
        names, weights, centres = (row[f"{semi}_{part}_list"] for part in ("img", "weight", "loc_x_y"))
        for weight, centre in zip(weights, centres, strict=True):
            apart = np.abs(np.array(row["drone_loc_x_y"]) - centre)
            shared = (tile_m - apart[0]) * min(0.75 * tile_m, 0.875 * tile_m - apart[1])
            assert weight == pytest.approx(shared / (1.75 * tile_m**2 - shared), rel=1e-3)
        tile = cv2.imread(str(root / "satellite" / names[0])).astype(np.float32)
        view = cv2.imread(str(root / "drone" / "images" / row["drone_img_name"])).astype(np.float32)
        shift = (np.array(row["drone_loc_x_y"]) - centres[0]) / tile_m * size_px + [0, size_px / 8]
        moved = cv2.warpAffine(tile, np.float32([[1, 0, -shift[0]], [0, 1, -shift[1]]]), view.shape[1::-1])
        inner = slice(10, -10), slice(10, -10)
        assert np.abs(moved - view)[inner].mean() < 0.5 * np.abs(tile[8:-8] - view)[inner].mean()
