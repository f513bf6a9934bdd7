# SPDX-License-Identifier: Apache-2.0
"""DMNIL on a tiny network: its loss, its memories, and training runs."""

import csv
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from torch.nn import functional  # noqa: E402

from geoloc.errors import ModelError  # noqa: E402
from geoloc_training.methods.dmnil.evolution import Evolution  # noqa: E402
from geoloc_training.methods.dmnil.labels import EpochLabels  # noqa: E402
from geoloc_training.training.checkpoint import load_checkpoint  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402
from geoloc_training.training.loop import begin, fit  # noqa: E402
from tiny_training import TinySource  # noqa: E402
from tiny_unpaired import PLACES, VIEWS, build_unpaired, pictures, source, unpaired_config  # noqa: E402


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("pictures"))


def _units(count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _method(split, epoch=0, shared=False, **settings):
    """Return a method whose memories hold given descriptors, labelled by place, and its source."""
    torch.manual_seed(0)
    config = unpaired_config(**settings)
    made = source(config, split)
    made.start_epoch(epoch, None)
    made.features = _units(PLACES * VIEWS, 1), _units(PLACES * config.method.copies, 2)
    places = np.repeat(np.arange(PLACES), config.method.copies)
    made.labels = EpochLabels(np.arange(PLACES * VIEWS) // VIEWS, places, places, shared)
    method = build_unpaired(config, 0).train()
    method.start_epoch(epoch, made)
    return method, made


def _rows(method, batch):
    """Return unit descriptors of a batch's queries and references."""
    return [method.encoder(views).detach() for views in (batch.query, batch.reference)]


def _cross_entropy(rows, memory, labels):
    return functional.cross_entropy(rows @ memory.T / 0.05, labels)


def test_before_labels_are_shared_each_view_has_memories_of_its_own(split):
    method, made = _method(split)
    assert [len(method.clusters[view]) for view in ("query", "reference")] == [PLACES, PLACES]
    means = torch.from_numpy(made.features[0]).view(PLACES, VIEWS, 5).mean(1)
    torch.testing.assert_close(method.clusters["query"].centroids, functional.normalize(means, dim=1))
    torch.testing.assert_close(method.clusters["reference"].centroids, torch.from_numpy(made.features[1]))
    assert torch.equal(method.levels["query"].long, method.clusters["query"].centroids)
    assert torch.equal(method.pictures["query"].rows, torch.from_numpy(made.features[0]))


def test_the_loss_is_the_documented_sum(split):
    method, made = _method(split, epoch=1)
    batch = made.batch(2, 0, 1)
    query, reference = _rows(method, batch)
    wanted = 2 * _cross_entropy(query, method.clusters["query"].centroids, batch.ids)
    wanted += 2 * _cross_entropy(reference, method.clusters["reference"].centroids, batch.reference_ids)
    outcome = method(batch)
    levels = method.levels.eval()
    wanted += 0.2 * levels["query"](query, batch.ids)[0]
    wanted += 0.2 * levels["reference"](reference, batch.reference_ids)[0]
    evolution = Evolution(method.config.evolution, 0.05)
    sides = {view: side.detached() for view, side in method._seen[0].items()}
    wanted += evolution.loss("intra", 1, sides, method.pictures)[0]
    wanted += 0.5 * evolution.loss("cross", 1, sides, method.pictures)[0]
    assert outcome.loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert set(outcome.figures) == {
        "query_accuracy", "reference_accuracy", "cluster_loss", "level_loss", "absorption",
        "intra_loss", "intra_neighbours", "cross_loss", "cross_neighbours",
    }  # fmt: skip
    outcome.loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.encoder.parameters())


def test_with_shared_labels_both_views_use_one_memory(split):
    method, made = _method(split, epoch=2, shared=True)
    assert method.shared
    assert len(method.levels["query"]) == len(method.clusters["reference"]) == 0
    features = torch.from_numpy(np.concatenate(made.features))
    labels = torch.from_numpy(np.concatenate([made.labels.query, made.labels.reference]))
    means = torch.stack([features[labels == place].mean(0) for place in range(PLACES)])
    centroids = method.clusters["query"].centroids.clone()
    torch.testing.assert_close(centroids, functional.normalize(means, dim=1))
    batch = made.batch(4, 0, 1)
    query, reference = _rows(method, batch)
    outcome = method(batch)
    wanted = _cross_entropy(query, centroids, batch.ids)
    wanted += _cross_entropy(reference, centroids, batch.reference_ids)
    assert outcome.figures["cluster_loss"].item() == pytest.approx(wanted.item(), rel=1e-5)
    drawn = 0.1 * (outcome.figures["intra_loss"] + outcome.figures["cross_loss"])
    assert outcome.loss.item() == pytest.approx((2 * wanted + drawn).item(), rel=1e-5)
    method.after_step()
    rows, ids = torch.cat([reference, query]), torch.cat([batch.reference_ids, batch.ids])
    for place in ids.unique():
        moved = 0.1 * centroids[place] + 0.9 * rows[ids == place].mean(0)
        torch.testing.assert_close(
            method.clusters["query"].centroids[place], functional.normalize(moved, dim=0)
        )


def test_levels_may_stay_with_shared_labels(split):
    method, made = _method(split, epoch=2, shared=True, levels={"in_shared": True})
    assert len(method.levels["query"]) == PLACES
    assert method(made.batch(4, 0, 1)).figures["level_loss"] > 0


@pytest.mark.parametrize(("epoch", "momentum"), [(0, 0.2), (1, 0.1)])
def test_memories_move_after_the_step_and_not_before(split, epoch, momentum):
    method, made = _method(split, epoch=epoch)
    batch = made.batch(2 * epoch, 0, 1)
    query, _ = _rows(method, batch)
    clusters, rows = method.clusters["query"].centroids.clone(), method.pictures["query"].rows.clone()
    method(batch).loss.backward()
    assert torch.equal(method.clusters["query"].centroids, clusters)
    method.after_step()
    label = int(batch.ids[0])
    moved = momentum * clusters[label] + (1 - momentum) * query[batch.ids == label].mean(0)
    torch.testing.assert_close(method.clusters["query"].centroids[label], functional.normalize(moved, dim=0))
    number = int(batch.query_rows[0])
    moved = 0.9 * rows[number] + 0.1 * query[batch.query_rows == number].mean(0)
    torch.testing.assert_close(method.pictures["query"].rows[number], functional.normalize(moved, dim=0))
    after = method.clusters["query"].centroids.clone()
    method.after_step()  # no new rows
    assert torch.equal(method.clusters["query"].centroids, after)


def test_as_released_raw_descriptors_enter_the_picture_memory(split):
    method, made = _method(split, mode="release", copies=2)
    batch = made.batch(0, 0, 1)
    raw = method.encoder.head(method.encoder.features(batch.query)).detach()
    rows = method.pictures["query"].rows.clone()
    method(batch)
    method.after_step()
    for row, number in zip(raw, batch.query_rows.tolist(), strict=True):
        rows[number] = functional.normalize(0.9 * rows[number] + 0.1 * row, dim=0)
    torch.testing.assert_close(method.pictures["query"].rows, rows)


def test_an_epoch_begins_with_memories_of_its_own(split):
    method, made = _method(split)
    given = made.features[0].copy()
    method(made.batch(0, 0, 1))
    method.after_step()
    assert np.array_equal(made.features[0], given)  # the memory is a copy
    made.labels = replace(made.labels, query=np.arange(PLACES * VIEWS) // 2)
    method.start_epoch(1, made)
    assert len(method.clusters["query"]) == PLACES * VIEWS // 2
    assert len(method.levels["query"]) == PLACES * VIEWS // 2


def test_other_batches_and_sources_are_refused(split):
    method, _ = _method(split)
    with pytest.raises(TypeError, match="unpaired batches, not from Batch"):
        method(TinySource().batch(0, 0, 1))
    with pytest.raises(RuntimeError, match="learns from ClusterBatches"):
        method.start_epoch(0, TinySource())


class Killed(Exception):
    pass


def _figures(run):
    with (run / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("at", "settings"),
    [(3, {}), (4, {}), (5, {"levels": {"in_shared": True}}), (5, {"mode": "release", "copies": 2})],
)
def test_a_killed_and_resumed_run_gives_the_same_numbers(split, tmp_path, at, settings):
    """Kill the run within an epoch, with its memories, and between two epochs."""
    config = replace(unpaired_config(**settings), checkpoint_every=at)
    fit(config, source(config, split), tmp_path / "whole", build=build_unpaired)
    cut = source(config, split)

    def die(batch, step, rank):
        if step == at:
            raise Killed
        return batch

    cut.augment = die
    with pytest.raises(Killed):
        fit(config, cut, tmp_path / "cut", build=build_unpaired)
    fit(config, source(config, split), tmp_path / "cut", build=build_unpaired)
    whole, resumed = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut")
    assert whole.model.keys() == resumed.model.keys()
    for name, tensor in whole.model.items():
        assert torch.equal(resumed.model[name], tensor), name
    assert _figures(tmp_path / "cut") == _figures(tmp_path / "whole")


def test_a_run_uses_all_parts_of_the_method(split, tmp_path):
    fit(unpaired_config(), source(unpaired_config(), split), tmp_path, build=build_unpaired)
    rows = _figures(tmp_path)
    assert [bool(row["query_purity"]) for row in rows] == [True, False] * 4  # once an epoch
    assert [bool(row["cross_loss"]) for row in rows] == [False] * 2 + [True] * 6
    assert {row["labels_shared"] for row in rows[4::2]} <= {"0.0", "1.0"}
    assert all(float(row["loss"]) > 0 for row in rows)


def test_ids_and_matches_change_nothing(split, tmp_path):
    """Test that training gives the same weights for any ids and matches."""
    rng = np.random.default_rng(5)
    renamed = [
        tuple(replace(item, id=f"{number}") for item, number in zip(side, rng.permutation(99), strict=False))
        for side in (split.queries, split.references)
    ]
    matches = tuple((int(number),) for number in rng.integers(0, PLACES, PLACES * VIEWS))
    other = replace(
        split, queries=renamed[0], references=renamed[1], matches=matches, weights=((0.1,),) * len(matches)
    )
    for name, data in (("a", split), ("b", other)):
        fit(unpaired_config(), source(unpaired_config(), data), tmp_path / name, build=build_unpaired)
    first, second = (load_checkpoint(tmp_path / name) for name in "ab")
    assert all(torch.equal(first.model[name], second.model[name]) for name in first.model)
    purities = [[row["query_purity"] for row in _figures(tmp_path / name)] for name in "ab"]
    assert purities[0] != purities[1]  # only figures depend on the truth


@pytest.mark.parametrize(
    "memory", ["clusters.query.centroids", "levels.reference.long", "pictures.query.rows"]
)
def test_a_memory_that_is_not_finite_stops_before_the_weights_change(split, tmp_path, memory):
    config = unpaired_config()
    trainer = begin(config, source(config, split), tmp_path, launch(config.hardware), build=build_unpaired)
    trainer.begin_epoch()
    trainer.method.get_buffer(memory)[0, 0] = torch.nan
    before = trainer.method.encoder.backbone.weight.clone()
    clusters = trainer.method.clusters["reference"].centroids.clone()
    with pytest.raises(ModelError, match="loss is nan"):
        trainer.train_step(trainer.source.batch(0, 0, 1))
    assert torch.equal(trainer.method.encoder.backbone.weight, before)
    assert torch.equal(trainer.method.clusters["reference"].centroids, clusters)


def test_accumulated_parts_all_move_the_memories(split, tmp_path):
    config = unpaired_config({"accumulate": 2})
    trainer = begin(config, source(config, split), tmp_path, launch(config.hardware), build=build_unpaired)
    trainer.begin_epoch()
    batch = trainer.source.batch(0, 0, 1)
    before = trainer.method.pictures["query"].rows.clone()
    trainer.train_step(batch)
    changed = (trainer.method.pictures["query"].rows != before).any(1).nonzero()[:, 0]
    assert changed.tolist() == sorted(set(batch.query_rows.tolist()))


def test_bf16_trains(split, tmp_path):
    config = unpaired_config({"steps": 2}, {"precision": "bf16"})
    assert fit(config, source(config, split), tmp_path, build=build_unpaired)["loss"] > 0
