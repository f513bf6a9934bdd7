# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels of an epoch, also with fewer than two clusters."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.clustering import Clusters  # noqa: E402
from geoloc_training.methods.dmnil import labels as module  # noqa: E402
from geoloc_training.methods.dmnil.labels import EpochLabels, centroids, label  # noqa: E402
from geoloc_training.methods.dmnil.settings import (  # noqa: E402
    ClusterSettings,
    DmnilConfig,
    EnhancementSettings,
)

CONFIG = DmnilConfig(
    clusters=ClusterSettings(k1=8, k2=3, query_min_samples=2),
    enhancement=EnhancementSettings(epoch=3, noise_length=0.0, nearest=3),
)
CPU = torch.device("cpu")


def _blobs(places, views, seed, spread=0.05, size=16):
    """Return descriptors of well separated places, with several adjacent views of each."""
    centres = np.random.default_rng(0).normal(size=(places, size))
    noise = np.random.default_rng(seed).normal(size=(places, views, size))
    rows = (centres[:, None] + spread * noise).reshape(-1, size).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


QUERIES, REFERENCES = _blobs(6, 8, 1), _blobs(6, 1, 2)


def _label(queries=QUERIES, references=REFERENCES, epoch=0, previous=None, config=CONFIG):
    return label(queries, references, epoch, previous, config, 1, CPU)


def _same_partition(labels, places):
    pairs = set(zip(labels.tolist(), places.tolist(), strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(places.tolist()))


def _clusters(monkeypatch, *found):
    """Make clustering return the given labels in turn, and record its settings."""
    asked, coming = [], iter(found)

    def cluster(features, config):
        asked.append(config)
        labels = np.asarray(next(coming))
        return Clusters(labels, np.bincount(labels[labels >= 0]))

    monkeypatch.setattr(module, "cluster", cluster)
    return asked


def test_places_far_apart_become_clusters_and_later_share_their_labels():
    config = DmnilConfig(
        clusters=ClusterSettings(k1=8, k2=3, query_min_samples=2, reference_labels="own"),
        enhancement=CONFIG.enhancement,
    )
    places = np.repeat(np.arange(6), 8)
    first, later = (_label(epoch=epoch, config=config) for epoch in (0, 3))
    for found in (first, later):
        assert _same_partition(found.query, places)
        assert found.own_reference.tolist() == list(range(6))
    assert not first.shared
    assert first.reference.tolist() == list(range(6))
    assert later.shared
    assert later.reference.tolist() == later.query[::8].tolist()


def test_each_view_has_its_own_settings_and_no_more_neighbours_than_pictures(monkeypatch):
    asked = _clusters(monkeypatch, np.arange(48) % 5, np.arange(6) % 3)
    _label(config=DmnilConfig())
    assert [(c.k1, c.k2, c.eps, c.min_samples) for c in asked] == [(30, 6, 0.4, 4), (6, 6, 0.3, 1)]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([-1] * 48, r"48 training images of the query view form no cluster, .*raise "
                    r"method\.clusters\.query_eps=0\.4, or lower query_min_samples=2"),
        ([0] * 48, r"query view form one cluster, .*lower method\.clusters\.query_eps=0\.4, or lower k1=8"),
        ([0] * 20 + [-1] * 28, "query view form one cluster"),
    ],
)  # fmt: skip
def test_fewer_than_two_clusters_fail_in_the_first_epoch_and_keep_labels_later(
    labels, sentence, monkeypatch, caplog
):
    _clusters(monkeypatch, labels, labels, np.arange(6))
    with pytest.raises(ParameterError, match=sentence):
        _label()
    previous = EpochLabels(np.arange(48) % 7, np.arange(6), np.arange(6))
    found = _label(previous=previous)
    assert found.query.tolist() == previous.query.tolist()
    assert found.own_reference.tolist() == list(range(6))
    assert "48 query images" in caplog.text


def test_references_fall_back_on_their_own_labels_not_on_shared_ones(monkeypatch):
    _clusters(monkeypatch, np.arange(48) % 5, [-1] * 6)
    previous = EpochLabels(np.arange(48) % 5, np.array([3] * 6), np.arange(6), shared=True)
    assert _label(previous=previous).reference.tolist() == list(range(6))


@pytest.mark.parametrize("heard", [-1, 2])
def test_labels_stay_separate_without_matching_drone_clusters(heard, monkeypatch, caplog):
    """Test map images whose nearest drone images are outliers or a single cluster."""
    labels = np.concatenate([np.full(24, heard), np.arange(24) % 5 + 3])
    _clusters(monkeypatch, labels, np.arange(3))
    found = _label(references=REFERENCES[:3], epoch=3)
    assert not found.shared
    assert found.reference.tolist() == [0, 1, 2]
    assert "labels of the two views stay separate" in caplog.text


def test_copies_share_their_pictures_label():
    config = DmnilConfig(
        copies=3, clusters=ClusterSettings(query_min_samples=1, k1=8, reference_labels="own")
    )
    found = _label(references=np.repeat(REFERENCES, 3, axis=0), config=config)
    assert found.reference.tolist() == np.repeat(np.arange(6), 3).tolist()


def test_duplicates_are_one_cluster():
    queries = np.repeat(QUERIES[::8], 5, axis=0)
    clusters = ClusterSettings(k1=6, k2=2, reference_labels="own")
    found = _label(queries, config=DmnilConfig(clusters=clusters))
    assert _same_partition(found.query, np.repeat(np.arange(6), 5))


def test_centroids_are_unit_means_without_outliers():
    features = np.array([[1, 0], [0, 1], [1, 0], [0, -1], [0, 1]], np.float32)
    found = centroids(features, np.array([0, 0, -1, 2, 2]))
    root = 2**-0.5
    np.testing.assert_allclose(found, [[root, root], [0, 0], [0, 0]], atol=1e-6)
    assert found.dtype == np.float32
