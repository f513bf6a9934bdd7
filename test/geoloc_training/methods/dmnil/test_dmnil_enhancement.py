# SPDX-License-Identifier: Apache-2.0
"""Labels of drone clusters for map images, compared with a reference written in loops."""

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc_training.methods.dmnil import enhancement  # noqa: E402
from geoloc_training.methods.dmnil.enhancement import Enhancement  # noqa: E402
from geoloc_training.methods.dmnil.settings import EnhancementSettings  # noqa: E402

CPU = torch.device("cpu")


def _units(count, seed, size=6):
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _given(queries, references, labels, own=None, seed=0, **settings):
    own = np.arange(len(references)) if own is None else np.asarray(own)
    return Enhancement(EnhancementSettings(**settings), CPU)(
        queries, references, np.asarray(labels), own, seed
    ).tolist()


def _heard(queries, references, labels, count=10):
    """Return the labels of each reference's nearest queries, nearest first."""
    order = np.argsort(-(references @ queries.T), axis=1)[:, :count]
    return np.asarray(labels)[order]


def test_without_noise_the_majority_of_the_nearest_decides():
    queries, references = _units(60, 1), _units(25, 2)
    labels = np.random.default_rng(3).integers(-1, 4, 60)
    wanted = []
    for heard in _heard(queries, references, labels).tolist():
        counts = Counter(heard)
        wanted.append(max(heard, key=lambda label, counts=counts: counts[label]))  # the first of the ties
    assert _given(queries, references, labels, noise_length=0.0) == wanted
    assert len(set(wanted)) > 2


def test_chunks_change_nothing(monkeypatch):
    queries, references = _units(40, 1), _units(23, 2)
    labels = np.random.default_rng(3).integers(-1, 4, 40)
    own = np.random.default_rng(4).integers(0, 5, 23)
    whole = _given(queries, references, labels, own)
    monkeypatch.setattr(enhancement, "_CHUNK_ROWS", 4)
    assert _given(queries, references, labels, own) == whole


def test_with_noise_the_label_in_both_votes_wins():
    """Test one reference and three queries, whose noisy votes differ from the clean ones."""
    queries = np.eye(3, dtype=np.float32)
    references = np.array([[0.8, 0.6, 0.0]], np.float32)
    settings = EnhancementSettings(nearest=2, noise_length=3.0, renormalise=False)
    labels = np.array([5, 6, 7])
    found = set()
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        noise = [torch.randn(shape, generator=generator).numpy() * 3.0 / 3**0.5 for shape in ((3, 3), (1, 3))]
        noisy = (references + noise[1]) @ (queries + noise[0]).T
        second = labels[np.argsort(-noisy[0])[:2]].tolist()
        wanted = 6 if 6 in second and 5 not in second else 5
        given = Enhancement(settings, CPU)(queries, references, labels, np.array([0]), seed).tolist()
        assert given == [wanted]
        found.add(wanted)
    assert found == {5, 6}


@pytest.mark.parametrize("size", [16, 768])
def test_the_noise_length_does_not_depend_on_the_descriptor_size(size):
    rows = torch.from_numpy(_units(200, 1, size))
    plain = Enhancement(EnhancementSettings(noise_length=0.5, renormalise=False), CPU)
    length = (plain._noisy(rows, torch.Generator().manual_seed(0)) - rows).norm(dim=1).mean().item()
    assert length == pytest.approx(0.5, rel=0.05)
    scaled = Enhancement(EnhancementSettings(), CPU)._noisy(rows, torch.Generator().manual_seed(0))
    assert scaled.norm(dim=1).tolist() == pytest.approx([1.0] * 200, abs=1e-5)


def test_labels_depend_on_the_seed():
    queries, references = _units(60, 1), _units(40, 2)
    labels = np.random.default_rng(3).integers(0, 9, 60)
    first = _given(queries, references, labels)
    assert _given(queries, references, labels) == first
    assert _given(queries, references, labels, seed=1) != first


def _line(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_pictures_of_one_cluster_of_the_map_vote_on_their_label():
    """Test a reference with label 1 in a cluster with two references of label 0."""
    queries, references = _line(0, 40), _line(10, 12, 25, 90)
    plain = {"nearest": 1, "noise_length": 0.0}
    assert _given(queries, references, [0, 1], smooth_over=1, **plain) == [0, 0, 1, 1]
    assert _given(queries, references, [0, 1], [0, 0, 0, 1], smooth_over=3, **plain) == [0, 0, 0, 1]
    assert _given(queries, references, [0, 1], [0, 1, 2, 3], smooth_over=3, **plain) == [0, 0, 1, 1]
    everywhere = {"smooth_over": 3, "smooth_within": "all", **plain}
    assert _given(queries, references, [0, 1], [0, 1, 2, 3], **everywhere)[2] == 0


def test_outliers_have_a_vote_and_outliers_of_the_map_get_no_label():
    queries, references = _line(0, 1, 2, 40), _line(1, 39)
    plain = {"nearest": 3, "noise_length": 0.0, "smooth_over": 1}
    assert _given(queries, references, [-1, -1, 3, 4], **plain) == [-1, 4]
    assert _given(queries, references, [3, 3, -1, 4], [0, -1], **plain) == [3, -1]


def test_fewer_images_than_neighbours():
    assert _given(_line(0, 40), _line(1), [0, 1], noise_length=0.0) == [0]
