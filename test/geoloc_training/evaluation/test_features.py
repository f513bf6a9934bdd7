# SPDX-License-Identifier: Apache-2.0
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_task import colours, picture

from geoloc.errors import ModelError, ParameterError, RasterError
from geoloc_training.datasets.image_files import read_square
from geoloc_training.evaluation import features
from geoloc_training.evaluation.features import FeatureCache, Reading, describe_items
from geoloc_training.items import Item

READING = Reading(16, batch=3, progress=False)


class Counting:
    """A descriptor that counts its views."""

    def __init__(self):
        self.views = 0

    def __call__(self, views):
        self.views += len(views)
        return colours(views)


@pytest.fixture
def items(tmp_path):
    return [Item(str(n), "drone", picture(tmp_path / f"{n}.png", n)) for n in range(7)]


def test_descriptors_come_in_the_items_order_whatever_the_batch(items):
    views = np.stack([read_square(item.path, 16) for item in items])
    for batch in (1, 3, 7, 64):
        found = describe_items(items, colours, replace(READING, batch=batch))
        np.testing.assert_allclose(found, colours(views), rtol=1e-5)
        assert found.dtype == np.float32


def test_the_cache_is_used_and_told_apart_by_model_mirror_size_and_pictures(items, tmp_path):
    describe, cache = Counting(), FeatureCache(tmp_path / "cache", "weights-a")

    def described(some, reading=READING, kept=cache):
        before = describe.views
        result = describe_items(some, describe, reading, kept)
        return result, describe.views - before

    first, count = described(items)
    again, nothing = described(items)
    assert (count, nothing) == (7, 0)
    np.testing.assert_array_equal(first, again)
    assert described(items, kept=None)[1] == 7
    assert described(items, kept=FeatureCache(cache.folder, "weights-b"))[1] == 7
    assert described(items, replace(READING, flip=True))[1] == 14
    assert described(items, replace(READING, size_px=8))[1] == 7
    assert described(items, replace(READING, batch=2))[1] == 0
    assert described(items[:-1])[1] == 6
    assert described(items[::-1])[1] == 7
    picture(items[2].path, 99, shape=(30, 30))
    assert described(items)[1] == 7
    os.utime(items[3].path, (1, 1))
    assert described(items)[1] == 7


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_cache_is_described_again(items, tmp_path, damage):
    describe, cache = Counting(), FeatureCache(tmp_path / "cache", "m")
    good = describe_items(items, describe, READING, cache)
    path = cache.path(items, READING)
    data = bytearray(path.read_bytes())
    if damage == "other":
        np.savez(path, features=good[:2])
    else:
        data[len(data) // 2] ^= 0xFF
        path.write_bytes({"cut": data[: len(data) // 2], "flipped": data, "empty": b""}[damage])
    np.testing.assert_array_equal(describe_items(items, describe, READING, cache), good)
    assert describe.views == 14
    describe_items(items, describe, READING, cache)
    assert describe.views == 14


def test_a_full_disk_only_disables_the_cache(items, tmp_path, monkeypatch, caplog):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features.np, "savez", full)
    cache = FeatureCache(tmp_path / "cache", "m")
    assert len(describe_items(items, colours, READING, cache)) == 7
    assert "No space left" in caplog.text
    assert list(cache.folder.iterdir()) == []


def test_an_unreadable_picture_is_named(items, tmp_path):
    items[4].path.write_bytes(b"no picture")
    with pytest.raises(RasterError, match=r"4\.png cannot be read"):
        describe_items(items, colours, READING)
    gone = [*items[:2], Item("x", "drone", Path("gone.png"))]
    for cache in (None, FeatureCache(tmp_path / "cache", "m")):
        with pytest.raises(RasterError, match=r"gone\.png cannot be read"):
            describe_items(gone, colours, READING, cache)


def test_broken_weights_are_named_and_not_kept(items, tmp_path):
    cache = FeatureCache(tmp_path / "cache", "m")
    with pytest.raises(ModelError, match=r"0\.png"):
        describe_items(items, lambda views: colours(views) * np.nan, READING, cache)
    assert not cache.folder.exists()
    with pytest.raises(ParameterError, match="no images to describe"):
        describe_items([], colours, READING)
