# SPDX-License-Identifier: Apache-2.0
"""Tests the comparison of clusterings: both give the same labels, and printed numbers were measured."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "bench"))

import bench  # noqa: E402 - found through the line above
import bench_clustering  # noqa: E402
from bench_clustering import Comparison, Cost  # noqa: E402
from dense_clustering import dense_labels  # noqa: E402

from geoloc_training.clustering import ClusterConfig, cluster  # noqa: E402


@pytest.mark.parametrize("eps", [0.25, 0.4, 0.6])
def test_both_variants_give_the_same_labels(eps: float) -> None:
    features = bench_clustering.descriptors(600)
    found = cluster(features, ClusterConfig(eps))
    assert found.count > 5
    np.testing.assert_array_equal(dense_labels(features, ClusterConfig(eps)), found.labels)


def test_some_places_are_clustered_and_some_are_not() -> None:
    features = bench_clustering.descriptors(1000)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    found = cluster(features, ClusterConfig(eps=0.4))
    assert 15 <= found.count <= 25
    assert found.outliers > 0


def test_each_variant_is_measured_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_clustering, "SMALL", (300,))
    rows = list(bench.clustering())
    assert [row.name for row in rows] == ["300 dense", "300 sparse"]
    assert all(row.ms > 0 for row in rows)
    assert "adjusted Rand index 1.00000" in rows[1].note


def test_memory_is_the_peak_of_the_process() -> None:
    found = bench_clustering.compare(300, ["sparse"])
    assert found.rand_index is None
    assert 50 < found.costs[0].peak_mb < 300


@pytest.mark.parametrize(
    ("left", "right", "index"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([-1, -1, -1], [0, 0, 0], 1.0),
    ],
)
def test_the_adjusted_rand_index(left: list[int], right: list[int], index: float) -> None:
    assert bench_clustering.rand_index(np.array(left), np.array(right)) == pytest.approx(index)


def test_ratios_are_of_dense_to_sparse() -> None:
    costs = Cost(9, "dense", 10.0, 8.0, 900.0), Cost(9, "sparse", 2.0, 1.0, 100.0)
    assert bench_clustering.note(Comparison(costs, 1, 0, 0.5)) == (
        "1/5.0 of the wall time, 1/8.0 of the CPU time, 1/9.0 of the memory; adjusted Rand index 0.50000"
    )


def test_a_projection_goes_through_costs_that_follow_its_formula() -> None:
    costs = [Cost(n, "sparse", 0.0, 1e-4 * n + 1e-8 * n**2, 100 + 0.01 * n) for n in (5000, 10_000, 40_000)]
    assert bench_clustering.projection(costs) == "1,000,000 images, extrapolated: 2.8 h of one core, 10 GB"


def test_the_dense_variant_is_left_out_where_it_does_not_fit() -> None:
    assert bench_clustering.fits(1000)
    assert not bench_clustering.fits(10_000_000)


def test_the_output_names_measured_and_left_out_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {name: Cost(9, name, 2.0, 1.0, 100.0) for name in bench_clustering.VARIANTS}

    def compare(images: int, variants: list[str]) -> Comparison:
        return Comparison(tuple(costs[name] for name in variants), 3, 2, 1.0 if len(variants) > 1 else None)

    monkeypatch.setattr(bench_clustering, "compare", compare)
    assert [line.split()[0] for line in bench_clustering._lines([9], None)] == [
        "9",
        "dense",
        "sparse",
        "1/1.0",
    ]
    assert len(list(bench_clustering._lines([9], "sparse"))) == 2
    monkeypatch.setattr(bench_clustering, "fits", lambda images: False)
    assert list(bench_clustering._lines([9], None))[-1].startswith("  dense left out")
