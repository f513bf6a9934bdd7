# SPDX-License-Identifier: Apache-2.0
"""Plots of descriptors over epochs: samples, basis, colours and markers."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from geoloc_training.methods.dmnil.projection import Sample, keep_sample, kept_samples, panels

QUERY_LABELS, REFERENCE_LABELS = np.array([0, 0, 1, 1, -1, 2]), np.array([1, 0, -1])


def _units(count, seed, size=8):
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _keep(folder, epoch, labels=(QUERY_LABELS, REFERENCE_LABELS), shared=False, seed=1):
    sides = tuple(_units(len(side), 10 * epoch + number) for number, side in enumerate(labels))
    keep_sample(folder, epoch, sides, labels, shared, seed)
    return sides


def test_samples_are_read_back_in_the_order_of_epochs(tmp_path):
    later, first = _keep(tmp_path, 100, shared=True), _keep(tmp_path, 5)
    found = kept_samples(tmp_path)
    assert [(sample.epoch, sample.shared) for sample in found] == [(5, False), (100, True)]
    for sample, sides in zip(found, (first, later), strict=True):
        assert sorted(sample.query_rows.tolist()) == list(range(6))
        chosen = (sample.query_rows, sample.reference_rows)
        rows = [side[some] for side, some in zip(sides, chosen, strict=True)]
        np.testing.assert_allclose(sample.features, np.concatenate(rows), atol=1e-3)
        wanted = [*QUERY_LABELS[sample.query_rows], *REFERENCE_LABELS[sample.reference_rows]]
        assert sample.labels.tolist() == wanted


def test_of_many_pictures_whole_clusters_and_outliers_in_proportion_are_kept_in_every_epoch(tmp_path):
    labels = np.repeat(np.arange(-1, 99), 40)
    labels[40:400] = -1  # 400 of 4000
    rng = np.random.default_rng(0)
    _keep(tmp_path, 0, (rng.permutation(labels), REFERENCE_LABELS))
    _keep(tmp_path, 5, (rng.permutation(labels), REFERENCE_LABELS))
    first, second = kept_samples(tmp_path)
    assert first.query_rows.tolist() == second.query_rows.tolist()
    assert len(set(first.query_rows.tolist())) == 1000
    known, sizes = np.unique(first.labels[:1000], return_counts=True)
    assert sizes[known < 0].tolist() == [100]
    assert sorted(sizes[known >= 0].tolist()) == [20, *[40] * 22]


def test_all_outliers_and_no_outlier_are_kept_too(tmp_path):
    _keep(tmp_path, 0, (np.full(1200, -1), np.arange(1200)))
    sample = kept_samples(tmp_path)[0]
    assert (sample.labels[:1000] == -1).all()
    assert len(np.unique(sample.labels[1000:])) == 1000
    panels([sample])


def _sample(query, reference, shared, epoch=0, seed=0):
    labels = np.array([*query, *reference])
    rows = _units(len(labels), seed).astype(np.float16)
    return Sample(epoch, np.arange(len(query)), np.arange(len(reference)), rows, labels, shared)


def test_a_cluster_has_a_colour_and_outliers_are_grey():
    a, b, c, grey, *rest = _sample([0, 1, 0, -1], [0, -1], shared=False).colours
    assert a == c
    assert grey == rest[1] == "#b8b8b8"
    assert len({a, b, grey, rest[0]}) == 4  # an unshared label of the other view is another cluster
    shared = _sample([0, 1, 0, -1], [0, -1], shared=True).colours
    assert shared[:4] == [a, b, c, grey]
    assert shared[4] == a


def test_a_cluster_keeps_its_colour_when_labels_are_numbered_anew():
    before, after = (_sample(labels, [], True).colours for labels in ([0, 0, 1, 1, 2], [7, 7, 0, 0, 0]))
    assert after[:4] == before[:4]
    assert after[4] == before[2]


def test_panels_are_projected_on_the_last_epochs_axes():
    samples = [_sample([0, 1, 1, -1], [0, 2, 2], epoch == 4, epoch, seed=epoch) for epoch in range(5)]
    figure = panels(samples)
    drawn = figure.get_axes()
    assert [axes.get_title().partition(":")[0] for axes in drawn] == [f"epoch {n}" for n in range(5)]
    assert drawn[4].get_title() == "epoch 4: 2 query clusters, shared"
    last = samples[-1].features.astype(float)
    centre = last.mean(0)
    basis = np.linalg.svd(last - centre)[2][:2].T
    for axes, sample in zip(drawn, samples, strict=True):
        at = np.concatenate([points.get_offsets() for points in axes.collections])
        np.testing.assert_allclose(np.abs(at), np.abs((sample.features - centre) @ basis), atol=1e-3)
        assert [len(points.get_offsets()) for points in axes.collections] == [4, 3]
    markers = [points.get_paths()[0].vertices.shape for points in drawn[0].collections]
    assert markers[0] != markers[1]
    share = (np.linalg.svd(last - centre)[1] ** 2)[:2].sum() / ((last - centre) ** 2).sum()
    assert f"epoch 4 ({share:.0%} of its variance)" in figure.get_suptitle()


@pytest.mark.parametrize(("count", "shown"), [(1, [0]), (6, [*range(6)]), (40, [0, 8, 16, 23, 31, 39])])
def test_of_many_epochs_a_few_are_shown_first_and_last_among_them(count, shown):
    drawn = panels([_sample([0, 1], [0, 1], False, epoch) for epoch in range(count)]).get_axes()
    assert [int(axes.get_title().split()[1].strip(":")) for axes in drawn] == shown


def test_equal_descriptors_are_plotted():
    sample = _sample([0, 0, 1], [0, 1], True)
    sample.features[:] = sample.features[0]
    assert "(0% of its variance)" in panels([sample]).get_suptitle()


@pytest.mark.parametrize("kept", [0, 30, 400])
def test_a_damaged_sample_is_left_out_with_a_warning(tmp_path, caplog, kept):
    _keep(tmp_path, 0)
    _keep(tmp_path, 5)
    path = tmp_path / "sample-epoch-00.npz"
    path.write_bytes(path.read_bytes()[:kept])
    assert [sample.epoch for sample in kept_samples(tmp_path)] == [5]
    assert "sample-epoch-00.npz cannot be read" in caplog.text
