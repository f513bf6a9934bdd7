# SPDX-License-Identifier: Apache-2.0
"""Bad inputs between a folder of images and a training step: an error, a warning, or no effect.

These tests use real clustering and complete runs; the tests of the parts are in their own modules.
"""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from geoloc.errors import ModelError, ParameterError  # noqa: E402
from geoloc_training.training.checkpoint import load_checkpoint  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402
from geoloc_training.training.loop import begin, fit  # noqa: E402
from tiny_unpaired import METHOD, PLACES, VIEWS, build_unpaired, pictures, source, unpaired_config  # noqa: E402

QUERIES = PLACES * VIEWS
CLUSTERS = METHOD["clusters"] | {"query_min_samples": 2, "k1": 12, "query_eps": 0.5}


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("pictures"))


def _units(rows):
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _places(seed=0, spread=0.05):
    """Return descriptors of six places, 18 queries and 6 references with 32 dimensions."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(PLACES, 32))
    return tuple(
        _units(np.repeat(centres, count, axis=0) + spread * rng.normal(size=(count * PLACES, 32)))
        for count in (VIEWS, 1)
    )


ALL_APART = _units(np.eye(QUERIES, 32)), _places()[1]
ALL_ALIKE = _units(1 + 0.01 * np.random.default_rng(0).normal(size=(QUERIES, 32))), _places()[1]
ALL_EQUAL = np.repeat(_units(np.ones((1, 32))), QUERIES, axis=0), _places()[1]


def _giant():
    """15 queries in a cloud, and three queries of a place far from the cloud."""
    rng = np.random.default_rng(1)
    cloud, rest = 1 + 0.01 * rng.normal(size=(15, 32)), -1 + 0.01 * rng.normal(size=(3, 32))
    return _units(np.concatenate([cloud, rest])), _places()[1]


def _describing(sides):
    """A function that returns given descriptors, first of the queries, then of the references."""
    coming = iter(sides)
    return lambda items, **_: next(coming)


def _source(split):
    return source(unpaired_config(clusters=CLUSTERS), split)


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [
        (ALL_APART, "18 training images of the query view form no cluster"),
        (ALL_ALIKE, "18 training images of the query view form one cluster"),
        (ALL_EQUAL, "18 training images of the query view form one cluster"),
    ],
)
def test_fewer_than_two_clusters_fail_in_the_first_epoch_and_warn_later(split, caplog, sides, sentence):
    with pytest.raises(ParameterError, match=sentence):
        _source(split).start_epoch(0, _describing(sides))
    made = _source(split)
    made.start_epoch(0, _describing(_places()))
    before = made.labels.query.copy()
    made.start_epoch(1, _describing(sides))
    assert made.labels.query.tolist() == before.tolist()
    assert "18 query images form" in caplog.text
    assert made.batch(2, 0, 1).query.shape[0] == 8
    assert all(math.isfinite(value) for value in made.figures().values())


def test_a_cluster_of_most_pictures_is_a_warning(split, caplog):
    made = _source(split)
    made.start_epoch(0, _describing(_giant()))
    assert made.figures()["query_clusters"] == 2
    assert "query view: one cluster has 15 of 18 images; lower eps" in caplog.text
    assert {made.labels.query[i] for i in made.batch(0, 0, 1).query_rows.tolist()} == {0, 1}


def test_fewer_pictures_than_neighbours(split):
    """Test the published k1 = 30 on a view of four images."""
    few = replace(split, queries=split.queries[:4], references=split.references[:2])
    own, apart = {"reference_labels": "own"}, [np.eye(count, 32, dtype=np.float32) for count in (4, 2)]
    made = source(unpaired_config(clusters=own), few)
    with pytest.raises(ParameterError, match="the 4 training images of the query view form one cluster"):
        made.start_epoch(0, _describing([np.ones_like(side) / 32**0.5 for side in apart]))
    made = source(unpaired_config(clusters=own | {"query_min_samples": 1, "k2": 1}), few)
    made.start_epoch(0, _describing(apart))
    assert made.labels.query.tolist() == [0, 1, 2, 3]
    assert made.batch(0, 0, 1).reference.shape[0] == 16


@pytest.mark.parametrize("view", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_descriptors_that_are_not_finite_are_refused_in_either_view(split, view, value):
    sides = [side.copy() for side in _places()]
    sides[view][[1, 4], 3] = value
    name, count = (("query", QUERIES), ("reference", PLACES))[view]
    made = _source(split)
    with pytest.raises(ParameterError, match=f"2 of {count} training images of the {name} view are not fin"):
        made.start_epoch(0, _describing(sides))


def _log(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_training_continues_without_matches_between_the_views(split, tmp_path, caplog):
    """Test drone images of three places with a map of three other, dissimilar places."""
    half = PLACES // 2
    other = replace(split, queries=split.queries[: half * VIEWS], references=split.references[half:])
    config = unpaired_config()
    figures = fit(config, source(config, other), tmp_path, build=build_unpaired)
    assert all(math.isfinite(value) for value in figures.values())
    planned = _log(tmp_path)[::2]
    assert all(row["labels_shared"] == "0.0" or row["match_purity"] == "0.0" for row in planned)
    apart = [row for row in planned[2:] if row["labels_shared"] == "0.0"]
    assert caplog.text.count("labels of the two views stay separate") == len(apart)


def test_training_continues_with_duplicates_in_both_views(split, tmp_path):
    """Test repeated images, with map images among the drone images."""
    references = split.references * 3
    same = replace(split, queries=references + split.queries, references=references)
    config = unpaired_config()
    figures = fit(config, source(config, same), tmp_path, build=build_unpaired)
    assert all(math.isfinite(value) for value in figures.values())


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [3, 4])
def test_a_resumed_run_with_other_clusters_builds_its_memories_anew(split, tmp_path, at):
    """Interrupt a run within or after an epoch, and resume it with other clustering settings."""
    config = replace(unpaired_config(enhancement={"epoch": 9}), checkpoint_every=at)
    cut = source(config, split)

    def die(batch, step, rank):
        if step == at:
            raise Killed
        return batch

    cut.augment = die
    with pytest.raises(Killed):
        fit(config, cut, tmp_path, build=build_unpaired)
    before = len(load_checkpoint(tmp_path).model["clusters.query.centroids"])
    clusters = METHOD["clusters"] | {"query_eps": 0.01}
    config = unpaired_config(clusters=clusters, enhancement={"epoch": 9})
    resumed = source(config, split)
    figures = fit(config, resumed, tmp_path, build=build_unpaired)
    found = load_checkpoint(tmp_path).model
    assert len(found["clusters.query.centroids"]) == resumed.labels.query.max() + 1 != before
    assert all(math.isfinite(value) for value in figures.values())
    assert len(_log(tmp_path)) == 8


def test_images_without_neighbours_have_no_neighbour_loss(split, tmp_path):
    """Test a map memory opposite to all queries, so that no query has a neighbour."""
    config = unpaired_config(evolution={"intra_epoch": 9, "cross_epoch": 1, "alternate": False})
    trainer = begin(config, source(config, split), tmp_path, launch(config.hardware), build=build_unpaired)
    trainer.step = trainer.source.steps_per_epoch
    trainer.begin_epoch()
    rows = trainer.method.pictures["query"].rows
    rows.copy_(torch.eye(rows.shape[1])[0].expand_as(rows))
    trainer.method.pictures["reference"].rows.copy_(-rows[:PLACES])
    figures = trainer.train_step(trainer.source.batch(trainer.step, 0, 1))
    assert figures["cross_neighbours"] == 0
    assert all(math.isfinite(value) for value in figures.values())


def test_nan_in_a_memory_row_outside_the_batch_stops_training(split, tmp_path):
    """Test that the NaN is detected, because every softmax contains all rows."""
    config = unpaired_config({"steps": 4}, evolution={"intra_epoch": 0})
    trainer = begin(config, source(config, split), tmp_path, launch(config.hardware), build=build_unpaired)
    trainer.begin_epoch()
    batch = trainer.source.batch(0, 0, 1)
    absent = sorted(set(range(QUERIES)) - set(batch.query_rows.tolist()))[0]
    trainer.method.pictures["query"].rows[absent, 2] = torch.nan
    before = trainer.method.encoder.backbone.weight.clone()
    with pytest.raises(ModelError, match=r"loss is nan.*intra_loss is nan"):
        trainer.train_step(batch)
    assert torch.equal(trainer.method.encoder.backbone.weight, before)
