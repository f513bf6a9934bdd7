# SPDX-License-Identifier: Apache-2.0
"""Labels by the path, batches with the tiles of their frames, and the choice of weights."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.config import build, build_config  # noqa: E402
from geoloc_training.items import Item, TrainingSplit  # noqa: E402
from geoloc_training.label_free.region_batches import RegionBatches  # noqa: E402
from geoloc_training.label_free.sequence_context import SequenceContext  # noqa: E402
from geoloc_training.label_free.validation import LabelFreeValidation  # noqa: E402
from geoloc_training.methods.dmnil.settings import DmnilConfig  # noqa: E402
from geoloc_training.methods.dmnil.source import ClusterBatches  # noqa: E402
from tiny_training import SIDE, Recalls  # noqa: E402
from tiny_unpaired import METHOD, pictures, unpaired_config  # noqa: E402

TILES, FRAMES, FIRST = 24, 16, 4
PATH = {"by": "path", "epoch": 0}


def _split(tmp_path):
    """Return frames over tiles 4 to 19 of a line of 24, with a few repeated images."""
    some = pictures(tmp_path)
    frames = tuple(Item("", "drone", some.queries[i % 18].path) for i in range(FRAMES))
    tiles = tuple(Item("", "satellite", some.references[i % 6].path) for i in range(TILES))
    none = ((),) * FRAMES
    return TrainingSplit(frames, tiles, none, none)


def _around():
    successive = np.stack([np.arange(FRAMES - 1), np.arange(1, FRAMES)], axis=1)
    places = np.stack([10.0 * np.arange(TILES), np.zeros(TILES)], axis=1)
    return SequenceContext(successive, places, 20.0)


def _describe(wrong=None):
    """Return descriptors by which a frame resembles its tile or a wrong tile."""

    def describe(items, *, flip=False, as_trained=False):
        tiles = np.random.default_rng(0).normal(size=(TILES, 64)).astype(np.float32)
        tiles /= np.linalg.norm(tiles, axis=1, keepdims=True)
        if items[0].view == "satellite":
            return tiles
        found = 0.6 * tiles[FIRST : FIRST + FRAMES]
        for frame, tile in (wrong or {}).items():
            found[frame] += 0.7 * tiles[tile]
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    return describe


def _config(**enhancement):
    method = {**METHOD, "mirrored": False, "enhancement": PATH | enhancement}
    return build(DmnilConfig, method, "method.")


def _source(tmp_path, config=None):
    return RegionBatches(_around(), _split(tmp_path), SIDE, 8, 1, config or _config())


def test_frames_have_the_labels_of_their_tiles_on_the_path(tmp_path):
    source = _source(tmp_path)
    source.start_epoch(0, _describe({5: 23, 9: 0}))
    assert source.labels.shared
    assert source.labels.query.tolist() == list(range(FIRST, FIRST + FRAMES))
    assert source.labels.reference.tolist() == list(range(TILES))


def test_a_batch_has_the_tiles_of_its_frames_and_their_surroundings(tmp_path):
    source = _source(tmp_path)
    source.start_epoch(0, _describe())
    for step in range(source.steps_per_epoch):
        batch = source.batch(step, 0, 1)
        assert set(batch.ids.tolist()) <= set(batch.reference_ids.tolist())
        assert len(batch.reference) == 8 * source.config.reference_views
        assert 0 <= batch.reference_rows.min() <= batch.reference_rows.max() < TILES


def test_a_plan_is_kept_in_a_checkpoint(tmp_path):
    source, other = _source(tmp_path), _source(tmp_path)
    source.start_epoch(0, _describe())
    other.load_state_dict(source.state_dict())
    assert all(np.array_equal(source._plan[view], other._plan[view]) for view in ("query", "reference"))
    assert other.labels.shared


def test_before_their_epoch_and_without_a_path_labels_stay_separate(tmp_path, caplog):
    source = _source(tmp_path, _config(epoch=1))
    source.start_epoch(0, _describe())
    assert not source.labels.shared
    lost = _source(tmp_path)
    looks = _describe()
    # Two kinds, to avoid a single cluster, and dissimilar to all tiles.
    tiles = looks([Item("", "satellite", tmp_path)])
    nowhere = np.linalg.svd(tiles)[2][[-1] * 8 + [-2] * 8].astype(np.float32)
    lost.start_epoch(0, lambda items, **how: looks(items) if items[0].view == "satellite" else nowhere)
    assert not lost.labels.shared
    assert "no path was found" in caplog.text


def test_votes_work_as_for_other_data(tmp_path):
    config = replace(_config(by="votes"), steps_per_epoch=2)
    ours = RegionBatches(_around(), _split(tmp_path), SIDE, 8, 1, config)
    theirs = ClusterBatches(_split(tmp_path), SIDE, 8, 1, config)
    for source in (ours, theirs):
        source.start_epoch(0, _describe())
    assert np.array_equal(ours.labels.query, theirs.labels.query)
    assert np.array_equal(ours._plan["reference"], theirs._plan["reference"])


class _Describer:
    def __init__(self, describe):
        self.items = describe


def test_the_weights_are_chosen_without_labels(tmp_path):
    source = _source(tmp_path)
    validate = LabelFreeValidation(source, _around())
    first = validate(_Describer(_describe()))
    assert validate.selected_by == "free_selection"
    assert "free_stability" not in first  # there is no epoch before
    assert "known_r1" not in first  # there are no ids
    assert first["free_continuity"] == pytest.approx(1.0)
    source.start_epoch(0, _describe())
    assert validate(_Describer(_describe()))["free_stability"] == pytest.approx(1.0)
    worse = validate(_Describer(_describe({2: 23, 7: 0, 11: 21})))
    assert worse["free_selection"] < first["free_selection"]


def test_held_out_places_choose_the_weights_if_there_are_any(tmp_path):
    split = pictures(tmp_path)
    source = ClusterBatches(split, SIDE, 8, 1, unpaired_config().method)
    validate = LabelFreeValidation(source, beside=Recalls(0.25))
    rng = np.random.default_rng(0)

    def by_id(items, *, flip=False, as_trained=False):
        found = np.eye(6)[[int(item.id) for item in items]] + 0.01 * rng.normal(size=(len(items), 6))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    found = validate(_Describer(by_id))
    assert (validate.selected_by, found["valid_r1"]) == ("valid_r1", 0.25)
    assert found["known_r1"] == 1.0
    assert "free_continuity" not in found


def test_the_path_is_for_regions():
    tree = {"data": {"name": "u1652", "root": "x"}, "method": METHOD | {"enhancement": PATH}}
    with pytest.raises(ParameterError, match=r"enhancement\.by=path .* data 'u1652' has neither"):
        build_config(tree | {"optimiser": {"pairs": 8}})
    with pytest.raises(ParameterError, match=r"enhancement\.by 'magic' is unknown; use votes or path"):
        build_config(tree | {"method": METHOD | {"enhancement": {"by": "magic"}}})
