# SPDX-License-Identifier: Apache-2.0
"""Validation places are training places that are held out, never places of a test."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("kornia")
pytest.importorskip("lightning_fabric")

import torch

from geoloc_training.config import build_config
from geoloc_training.datasets.published.registry import load_benchmark
from geoloc_training.prepare import prepare
from tiny_imagery import tree


class Watcher:
    """Describes images by their place, and records the images."""

    def __init__(self):
        self.shown = []

    def items(self, items):
        self.shown += items
        places = sorted({item.id for item in items})
        return np.eye(8, dtype=np.float32)[[places.index(item.id) for item in items]]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tree("u1652", tmp_path_factory.mktemp("tiny"))


def _prepared(data, share):
    config = build_config(
        {
            "data": {"name": "u1652", "root": str(data), "validation_share": share},
            "model": {"input_px": 16},
            "optimiser": {"pairs": 2},
        }
    )
    return prepare(config, data.parent / "cache", torch.device("cpu"))


def test_validation_is_of_training_places_that_are_not_learnt_from(data):
    prepared, watcher = _prepared(data, 0.5), Watcher()
    assert prepared.validate(watcher) == {"valid_r1": 1.0, "valid_r5": 1.0}
    benchmark = load_benchmark("u1652", data)
    validated = {item.path for item in watcher.shown}
    learnt = {item.path for item in (*prepared.source.split.queries, *prepared.source.split.references)}
    training = {item.path for item in (*benchmark.training.queries, *benchmark.training.references)}
    tested = {item.path for test in benchmark.tests for item in (*test.queries, *test.gallery)}
    assert validated | learnt == training
    assert not validated & learnt
    assert not validated & tested
    assert len({item.id for item in watcher.shown}) == 2
    assert prepared.validate.size == (4, 2)


def test_without_held_out_places_there_is_no_validation(data):
    assert _prepared(data, 0.0).validate is None
