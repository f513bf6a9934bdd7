# SPDX-License-Identifier: Apache-2.0
"""Batches of clusters: their content, their parts on several ranks, and their checkpoints."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ModelError, ParameterError  # noqa: E402
from geoloc_training.contract import UnpairedBatch  # noqa: E402
from geoloc_training.datasets.image_files import read_square  # noqa: E402
from geoloc_training.training.batches import split as cut  # noqa: E402
from tiny_training import SIDE  # noqa: E402
from tiny_unpaired import PLACES, VIEWS, pictures, source, unpaired_config  # noqa: E402


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("pictures"))


def _describe(items, *, flip=False, as_trained=False):
    """Return descriptors that only identify the image."""
    assert flip
    assert as_trained
    rows = np.stack([read_square(item.path, SIDE).ravel() for item in items]).astype(np.float32) - 120
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _planned(split, epoch=0, **method):
    made = source(unpaired_config(**method), split)
    made.start_epoch(epoch, _describe)
    return made


def test_a_batch_has_clusters_of_both_views_with_their_labels(split):
    made = _planned(split)
    for step in range(2):
        batch = made.batch(step, 0, 1)
        assert isinstance(batch, UnpairedBatch)
        assert batch.query.shape == (8, SIDE, SIDE, 3)
        assert batch.reference.shape == (16, SIDE, SIDE, 3)
        assert batch.ids.tolist() == made.labels.query[batch.query_rows].tolist()
        assert batch.reference_ids.tolist() == made.labels.reference[batch.reference_rows].tolist()
        assert (batch.ids.view(4, 2)[:, 0] == batch.ids.view(4, 2)[:, 1]).all()
        # Two variants of each image are adjacent, and with own labels each image occurs twice.
        assert (batch.reference_rows.view(4, 4) == batch.reference_rows.view(4, 4)[:, :1]).all()
        for rows, views, items in (
            (batch.query_rows, batch.query, split.queries),
            (batch.reference_rows, batch.reference, split.references),
        ):
            wanted = np.stack([read_square(items[row].path, SIDE) for row in rows.tolist()])
            assert np.array_equal(views.numpy(), wanted)


def test_copies_are_pictures_of_their_own_with_the_same_file(split):
    made = _planned(split, copies=3)
    assert made.features[1].shape[0] == 3 * PLACES
    batch = made.batch(0, 0, 1)
    assert batch.reference_rows.max() >= PLACES
    assert (batch.reference_rows // 3 == batch.reference_ids).all()
    wanted = np.stack([read_square(split.references[row // 3].path, SIDE) for row in batch.reference_rows])
    assert np.array_equal(batch.reference.numpy(), wanted)


def test_ranks_share_a_batch(split):
    made = _planned(split)
    whole, parts = made.batch(1, 0, 1), [made.batch(1, rank, 2) for rank in range(2)]
    for name, tensor in vars(whole).items():
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), tensor)
    with pytest.raises(ParameterError, match="pairs=8 cannot be divided evenly among 3"):
        made.batch(0, 0, 3)


def test_a_batch_is_split_with_all_its_fields(split):
    halves = cut(_planned(split).batch(0, 0, 1), 2)
    assert [type(half) for half in halves] == [UnpairedBatch] * 2
    assert [len(half.reference_ids) for half in halves] == [8, 8]
    assert [len(half.query_rows) for half in halves] == [4, 4]


def test_epochs_differ_and_a_seed_decides(split):
    first, again, later = _planned(split), _planned(split), _planned(split, epoch=1)
    assert torch.equal(first.batch(0, 0, 1).query_rows, again.batch(0, 0, 1).query_rows)
    assert not torch.equal(first.batch(0, 0, 1).query_rows, later.batch(2, 0, 1).query_rows)
    with pytest.raises(RuntimeError, match="step 0 is of epoch 0"):
        later.batch(0, 0, 1)


def test_a_plan_continues_from_a_checkpoint(split):
    first, second = _planned(split, epoch=2), source(unpaired_config(), split)
    second.load_state_dict(first.state_dict())
    for name, tensor in vars(first.batch(5, 0, 1)).items():
        assert torch.equal(getattr(second.batch(5, 0, 1), name), tensor)
    assert vars(second.labels).keys() == vars(first.labels).keys()
    assert second.labels.own_reference.tolist() == first.labels.own_reference.tolist()


def test_a_checkpoint_of_other_data_or_settings_is_refused(split):
    state = _planned(split).state_dict()
    fewer = replace(split, queries=split.queries[1:])
    for other in (
        source(unpaired_config(), fewer),
        source(unpaired_config(copies=2), split),
        source(unpaired_config(steps_per_epoch=3), split),
        source(unpaired_config({"pairs": 4}), split),
    ):
        with pytest.raises(ModelError, match=r"the checkpoint's plan is not for 1[78] query and"):
            other.load_state_dict(state)


def test_pictures_are_described_with_their_mirror_images_only_where_asked(split):
    asked = []

    def describe(items, *, flip=False, as_trained=False):
        asked.append(flip)
        return _describe(items, flip=True, as_trained=as_trained)

    for mirrored in (True, False):
        source(unpaired_config(mirrored=mirrored), split).start_epoch(0, describe)
    assert asked == [True, True, False, False]


def test_without_descriptors_every_picture_stands_alone(split):
    """Test the views on which an export compares backends."""
    made = source(unpaired_config(), split)
    made.start_epoch(0, None)
    batch = made.batch(0, 0, 1)
    assert (batch.ids == batch.query_rows).all()
    assert made.features is None


def test_a_view_of_one_picture_is_refused(split):
    with pytest.raises(ParameterError, match="1 images of the reference view"):
        source(unpaired_config(), replace(split, references=split.references[:1]))


def test_figures_are_those_of_the_true_places(split):
    made = _planned(split, epoch=2)
    found = made.figures()
    assert found["query_coverage"] == 1.0
    assert found["reference_purity"] == 1.0
    assert 0 < found["query_purity"] <= 1.0
    assert found["query_clusters"] <= PLACES * VIEWS
