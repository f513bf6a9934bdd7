# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from dense_reference import dbscan, jaccard, noisy_copies, unit

from geoloc.errors import ParameterError
from geoloc_training.clustering import ClusterConfig, cluster

CONFIG = ClusterConfig(eps=0.4)


@pytest.mark.parametrize("numbers", [3, 16, 768])
@pytest.mark.parametrize("noise", [0.7, 1.5])
def test_labels_are_those_of_the_dense_form(numbers, noise):
    features = noisy_copies(200, numbers, 20, noise)
    distances = jaccard(features, 30, 6)
    counts = set()
    for eps in (0.1, 0.2, 0.3, 0.4, 0.6, 0.8):
        for min_samples in (1, 4, 8):
            found = cluster(features, ClusterConfig(eps, min_samples=min_samples))
            np.testing.assert_array_equal(found.labels, dbscan(distances, eps, min_samples))
            counts.add((found.count, found.outliers))
    assert len(counts) > 3


def test_places_are_found_and_outliers_are_left_out():
    """Five sixths of an outlier's mass lie on its five nearest images, so it joins them at eps 2/7."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(6), 40)
    features = unit(rng.standard_normal((6, 64))[truth] + 0.3 * rng.standard_normal((240, 64)))
    strangers = unit(rng.standard_normal((3, 64)))
    found = cluster(np.concatenate([features, strangers]), replace(CONFIG, eps=0.25))
    np.testing.assert_array_equal(found.labels, [*truth, -1, -1, -1])
    assert (found.count, found.outliers, found.largest, found.warning) == (6, 3, 40, "")
    assert found.sizes.tolist() == [40] * 6
    assert found.labels.dtype == np.int64


def test_numbers_have_no_gaps_and_sizes_are_those_of_the_labels():
    found = cluster(noisy_copies(300, 16, 12, 1.0), replace(CONFIG, eps=0.3, k1=10))
    assert found.count > 5
    assert set(found.labels.tolist()) - {-1} == set(range(found.count))
    np.testing.assert_array_equal(found.sizes, [(found.labels == one).sum() for one in range(found.count)])
    assert found.outliers == (found.labels == -1).sum() > 0


@pytest.mark.parametrize("copies", [3, 50])
@pytest.mark.parametrize("k2", [1, 6])
def test_copies_of_an_image_get_one_label_however_many_there_are(copies, k2):
    features = unit(np.random.default_rng(1).standard_normal((40, 256)))
    found = cluster(np.tile(features, (copies, 1)), replace(CONFIG, eps=0.2, k2=k2))
    assert (found.labels.reshape(copies, 40) == found.labels[:40]).all()
    if copies > CONFIG.k1:
        np.testing.assert_array_equal(found.labels[:40], np.arange(40))


def test_one_image_many_times_over_is_one_cluster_at_once():
    found = cluster(np.repeat(unit(np.ones((1, 8))), 30_000, axis=0), CONFIG)
    assert (found.labels == 0).all()
    assert found.largest == 30_000


def test_images_without_common_neighbours_are_outliers_with_a_warning():
    found = cluster(unit(np.random.default_rng(0).standard_normal((200, 512))), replace(CONFIG, eps=0.2))
    assert (found.labels == -1).all()
    assert (found.count, found.largest, found.outliers, len(found.sizes)) == (0, 0, 200, 0)
    assert found.warning == "all 200 images are outliers; raise eps, or lower min_samples."


def test_one_giant_cluster_gives_a_warning():
    found = cluster(
        unit(1 + 0.1 * np.random.default_rng(0).standard_normal((60, 3))), replace(CONFIG, eps=0.9)
    )
    assert found.count == 1
    assert found.warning.startswith("one cluster has 60 of 60 images; lower eps or k1")


def test_one_image():
    alone = ClusterConfig(eps=0.4, k1=1, k2=1, min_samples=1)
    assert cluster(unit(np.ones((1, 4))), alone).labels.tolist() == [0]
    assert cluster(unit(np.ones((1, 4))), replace(alone, min_samples=2)).labels.tolist() == [-1]


@pytest.mark.parametrize("images", [0, 1, 29])
def test_fewer_images_than_neighbours_are_refused(images):
    with pytest.raises(ParameterError, match=r"at least k1=30 images.*or a lower k1"):
        cluster(noisy_copies(images, 8, 5, 1.0) if images else np.zeros((0, 8), np.float32), CONFIG)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_descriptors_that_are_not_finite_are_refused(value):
    features = noisy_copies(50, 8, 5, 1.0)
    features[[7, 9], 3] = value
    with pytest.raises(ParameterError, match="descriptor 7 is not finite, as the first of 2"):
        cluster(features, CONFIG)


def test_descriptors_that_are_not_of_length_one_are_refused():
    features = noisy_copies(50, 8, 5, 1.0)
    features[4] *= 3
    with pytest.raises(ParameterError, match="descriptor 4 has length 3, not 1; L2-normalize"):
        cluster(features, CONFIG)


def test_one_descriptor_is_not_a_table():
    with pytest.raises(ParameterError, match=r"shape \(64,\) are not \(N, D\)"):
        cluster(np.ones(64, np.float32) / 8, CONFIG)


def test_other_floats_and_orders_are_taken():
    features = noisy_copies(80, 8, 20, 0.5)
    for other in (features.astype(np.float64), np.asfortranarray(features)):
        np.testing.assert_array_equal(cluster(other, CONFIG).labels, cluster(features, CONFIG).labels)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"eps": 0.0}, "eps=0.0 must lie between 0 and 1"),
        ({"eps": 1.0}, "eps=1.0 must lie between 0 and 1"),
        ({"eps": float("nan")}, "eps=nan must lie between 0 and 1"),
        ({"k1": 0}, "k1=0 must be above 0"),
        ({"k2": 0}, "k2=0 must lie in 1..k1"),
        ({"k1": 5}, "k2=6 must lie in 1..k1, and k1=5"),
        ({"min_samples": 0}, "min_samples=0 must be above 0"),
    ],
)
def test_impossible_settings_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        replace(CONFIG, **wrong)


def test_torch_is_not_needed():
    code = "import sys, geoloc_training.clustering; sys.exit(bool({'torch', 'faiss'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
