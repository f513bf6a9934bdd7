# SPDX-License-Identifier: Apache-2.0
"""Every layout that is made is read by its own loader, whole, and checked without a word."""

from pathlib import Path

import pytest

from geoloc_training.datasets.generate import LAYOUTS
from geoloc_training.datasets.registry import DATA_SETS, check_dataset, load_benchmark
from tiny_imagery import tree

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
