# SPDX-License-Identifier: Apache-2.0
"""Cluster and image memories, compared with loops written from their formulas."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from geoloc_training.methods.dmnil.memory import (  # noqa: E402
    ClusterMemory,
    Groups,
    PictureMemory,
    SizedBuffers,
)


def _units(*shape, seed=0):
    return functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def _memory(repeated="mean", rows=5):
    memory = ClusterMemory(0.05, repeated)
    memory.start(_units(rows, 4, seed=9))
    return memory


def _one_by_one(memory, rows, labels, momentum):
    """Update the row of each label by one row after the other."""
    memory = memory.clone()
    for row, label in zip(rows, labels.tolist(), strict=True):
        memory[label] = functional.normalize(momentum * memory[label] + (1 - momentum) * row, dim=0)
    return memory


@pytest.mark.parametrize("repeated", ["mean", "sequence"])
def test_one_row_of_a_cluster_moves_it_as_published(repeated):
    memory, rows = _memory(repeated), _units(2, 4)
    before = memory.centroids.clone()
    memory.update(rows, torch.tensor([3, 1]), 0.1)
    for number, row in ((3, rows[0]), (1, rows[1])):
        wanted = functional.normalize(0.1 * before[number] + 0.9 * row, dim=0)
        torch.testing.assert_close(memory.centroids[number], wanted)
    assert torch.equal(memory.centroids[[0, 2, 4]], before[[0, 2, 4]])


def test_several_rows_update_a_cluster_once_by_their_mean():
    memory, rows, labels = _memory(), _units(5, 4), torch.tensor([2, 0, 2, 2, 0])
    before = memory.centroids.clone()
    memory.update(rows, labels, 0.2)
    for number in (0, 2):
        mean = rows[labels == number].mean(0)
        wanted = functional.normalize(0.2 * before[number] + 0.8 * mean, dim=0)
        torch.testing.assert_close(memory.centroids[number], wanted)
    again = _memory()
    shuffled = torch.tensor([4, 2, 0, 3, 1])
    again.update(rows[shuffled], labels[shuffled], 0.2)
    torch.testing.assert_close(again.centroids, memory.centroids)


def test_in_sequence_rows_update_a_cluster_one_by_one():
    memory, rows, labels = _memory("sequence"), _units(7, 4), torch.tensor([2, 0, 2, 2, 0, 4, 2])
    wanted = _one_by_one(memory.centroids, rows, labels, 0.2)
    memory.update(rows, labels, 0.2)
    torch.testing.assert_close(memory.centroids, wanted)


def test_the_loss_is_the_cross_entropy_of_cosines_and_so_is_its_gradient():
    memory, labels = _memory(), torch.tensor([1, 4, 1])
    rows = [_units(3, 4).requires_grad_() for _ in range(2)]
    loss, accuracy = memory.loss(rows[0], labels)
    shares = torch.exp(rows[1] @ memory.centroids.T / 0.05)
    wanted = -(shares[torch.arange(3), labels] / shares.sum(1)).log().mean()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    loss.backward()
    wanted.backward()
    torch.testing.assert_close(rows[0].grad, rows[1].grad, rtol=1e-4, atol=1e-5)
    nearest = (rows[0] @ memory.centroids.T).argmax(1)
    assert accuracy.item() == pytest.approx((nearest == labels).float().mean().item())


@pytest.mark.parametrize("repeated", ["mean", "sequence"])
def test_rows_that_cancel_out_leave_a_unit_row(repeated):
    memory = _memory(repeated)
    before = memory.centroids[0].clone()
    memory.update(-before[None], torch.tensor([0]), 0.5)
    assert torch.equal(memory.centroids[0], before)


@pytest.mark.parametrize("repeated", ["mean", "sequence"])
def test_a_row_that_is_not_finite_never_enters(repeated):
    memory = _memory(repeated)
    before = memory.centroids.clone()
    memory.update(torch.full((1, 4), torch.nan), torch.tensor([2]), 0.1)
    assert torch.equal(memory.centroids, before)


def test_a_picture_twice_in_a_batch_moves_its_row_once():
    memory = PictureMemory(0.9, "mean")
    memory.start(_units(3, 4, seed=9))
    before, rows = memory.rows.clone(), _units(2, 4)
    memory.update(rows, torch.tensor([1, 1]))
    wanted = functional.normalize(0.9 * before[1] + 0.1 * rows.mean(0), dim=0)
    torch.testing.assert_close(memory.rows[1], wanted)


def test_raw_descriptors_nearly_replace_an_images_row():
    memory = PictureMemory(0.9, "sequence")
    memory.start(torch.eye(4))
    row = torch.zeros(1, 4)
    row[0, 1] = 27.7  # the length of ConvNeXt-T's descriptors
    memory.update(row, torch.tensor([0]))
    torch.testing.assert_close(memory.rows[0, :2], functional.normalize(torch.tensor([0.9, 2.77]), dim=0))


def test_rows_of_a_group_get_identical_values():
    labels = torch.tensor([1, 0, 1, 1, 0])
    groups, rows = Groups.of(labels), _units(5, 4)
    torch.testing.assert_close(groups.mean(rows)[[0, 2, 3]], rows[[0, 2, 3]].mean(0).expand(3, 4))
    assert torch.equal(groups.last(rows), rows[[3, 4, 3, 3, 4]])
    memory = torch.zeros(2, 4)
    groups.write(memory, rows)
    assert torch.equal(memory, rows[[1, 0]])


def test_a_checkpoint_restores_the_size_of_a_memory():
    first, second = (SizedBuffers("a", "b") for _ in range(2))
    first.a, first.b = torch.rand(4, 3), torch.rand(2, 3)
    second.a = torch.rand(9, 3)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.a, first.a)
    assert torch.equal(second.b, first.b)
    assert len(second) == 4
    second.clear()
    assert len(second) == 0
