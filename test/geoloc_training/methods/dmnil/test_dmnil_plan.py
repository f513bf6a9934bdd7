# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from geoloc_training.methods.dmnil.plan import plan_view


def _plan(labels, steps=20, clusters=3, instances=2, seed=0):
    return plan_view(np.asarray(labels), steps, clusters, instances, np.random.default_rng(seed))


LABELS = np.repeat([4, -1, 0, 2, 9, 1, 7], [3, 5, 2, 1, 4, 2, 6])


def test_a_batch_holds_each_of_its_clusters_once_with_so_many_pictures():
    plan = _plan(LABELS)
    assert plan.shape == (20, 6)
    for batch in plan:
        drawn = LABELS[batch].reshape(3, 2)
        assert (drawn[:, 0] == drawn[:, 1]).all()
        assert len(set(drawn[:, 0])) == 3
    assert set(LABELS[plan].ravel()) == {4, 0, 2, 9, 1, 7}


def test_clusters_come_equally_often_and_so_do_pictures_of_a_small_one():
    plan = _plan(LABELS, steps=40)
    assert np.unique(LABELS[plan], return_counts=True)[1].tolist() == [40] * 6
    five = _plan([0, 0, 0, 1, 1, 1, 1, 1, 1], instances=5, clusters=2)
    for batch in five:
        small = np.bincount(batch[batch < 3], minlength=3)
        assert small.min() >= 1
        assert small.max() <= 2
        assert len(set(batch[batch >= 3])) == 5  # no repeats if there are enough images


@pytest.mark.parametrize("clusters", [5, 8])
def test_fewer_clusters_than_a_batch_has_room_for_come_several_times(clusters):
    plan = _plan([0, 0, 1, 2], clusters=clusters)
    assert plan.shape == (20, 2 * clusters)
    counts = np.unique(np.array([0, 0, 1, 2])[plan], return_counts=True)[1]
    assert counts.max() - counts.min() <= 2


def test_it_is_a_function_of_labels_and_seed():
    assert (_plan(LABELS) == _plan(LABELS)).all()
    assert (_plan(LABELS) != _plan(LABELS, seed=1)).any()


def test_outliers_never_come():
    assert (LABELS[_plan(LABELS, steps=200)] >= 0).all()
