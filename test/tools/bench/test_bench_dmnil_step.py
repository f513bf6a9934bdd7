# SPDX-License-Identifier: Apache-2.0
"""Tests the measurement of DMNIL's overhead on a network of a few weights."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
for needed in ("timm", "lightning_fabric", "omegaconf", "kornia"):
    pytest.importorskip(needed)

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "bench"))

import bench_dmnil_step as module  # noqa: E402 - found through the line above

WORDS = (
    "model.backbone=resnet18", "model.backbone_args={layers: [1, 1, 1, 1], channels: [8, 8, 8, 8]}",
    "model.stem=unshuffle", "model.head=pool", "model.descriptor_size=16", "model.input_px=64",
    "hardware.threads=1", "hardware.workers=1", "method.steps_per_epoch=9",
)  # fmt: skip


def _setup(whole=True):
    return module.Setup(WORDS, queries=20, references=6, pairs=4, instances=2, whole=whole)


@pytest.fixture
def trainer(tmp_path):
    return module._trainer(_setup(), tmp_path, ())


def test_a_step_and_the_passes_alone_are_timed_with_their_parts():
    cost = module.measure(_setup(), 1)
    assert min(cost.step, cost.bare) > 0
    assert set(cost.parts) == set(module._PARTS)
    assert min(cost.parts.values()) > 0


def test_memories_alone_are_added_to_the_passes():
    cost = module.measure(_setup(whole=False), 1)
    assert set(cost.parts) == {"memories"}
    assert cost.step > cost.bare + cost.parts["memories"]


def test_the_timed_method_is_complete_and_learns(trainer):
    """All losses are active: clusters, levels, neighbours; the memories have the requested size."""
    method = trainer.method
    assert [len(method.pictures[view]) for view in ("query", "reference")] == [20, 6]
    before = method.encoder.backbone.conv1[1].weight.clone()
    rows = method.pictures["query"].rows.clone()
    batch = next(iter(module._steps(trainer, module.defaultdict(list))))
    assert not torch.equal(method.encoder.backbone.conv1[1].weight, before)
    moved = (method.pictures["query"].rows != rows).any(1).nonzero()[:, 0]
    assert moved.tolist() == sorted(set(batch.query_rows.tolist()))
    assert {"level_loss", "intra_loss", "cross_loss"} <= set(method(batch).figures)


def test_the_first_batch_which_takes_longest_is_not_timed(trainer):
    laps = module.defaultdict(list)
    assert len(list(module._steps(trainer, laps))) == module._BLOCK + 1
    assert {name: len(values) for name, values in laps.items()} == {
        "step": module._BLOCK,
        "wait for batch": module._BLOCK,
    }


def test_neither_a_pass_nor_a_memory_update_alone_changes_weights(trainer):
    before = {name: value.clone() for name, value in trainer.method.encoder.state_dict().items()}
    batch = module._without_passes(trainer, module.defaultdict(list))[0]
    for name, value in trainer.method.encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    module._bare_pass(trainer, batch, module.defaultdict(list))
    weights = dict(trainer.method.encoder.named_parameters())
    assert all(torch.equal(value, before[name]) for name, value in weights.items())
    assert all(value.grad is not None for value in weights.values())


def test_the_overhead_is_a_share_of_the_passes():
    cost = module.Cost(step=135.0, bare=100.0, parts={"augmentation": 20.0, "wait for batch": 1.0})
    assert cost.overhead == pytest.approx(0.15)
    assert cost.note == "overhead 15.0% (wait for batch 1.0%, losses 14.0%); augmentation 20.0%"
