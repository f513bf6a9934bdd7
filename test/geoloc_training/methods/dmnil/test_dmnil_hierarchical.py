# SPDX-License-Identifier: Apache-2.0
"""DHML: short-term and long-term memory, compared with their formulas."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from geoloc_training.methods.dmnil.hierarchical import LevelMemory  # noqa: E402
from geoloc_training.methods.dmnil.settings import LevelSettings  # noqa: E402


def _units(*shape, seed=0):
    return functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def _levels(clusters=3, **settings):
    levels = LevelMemory(LevelSettings(**settings), 0.05)
    levels.start(_units(clusters, 4, seed=5))
    return levels


@pytest.mark.parametrize(("keep", "limit"), [(0.8, 1.0), (0.7, 2 / 3)])
def test_from_zero_the_short_term_memory_grows_as_a_geometric_series(keep, limit):
    levels, row = _levels(start="zeros", keep=keep), _units(1, 4)
    for count in range(1, 60):
        levels(row, torch.tensor([1]))
        wanted = 0.2 * sum(keep**power for power in range(count)) * row[0]
        torch.testing.assert_close(levels.short[1], wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(levels.short[1], limit * row[0], rtol=1e-3, atol=1e-3)


def test_a_step_follows_the_formulas():
    levels, rows, labels = _levels(), _units(3, 4), torch.tensor([2, 0, 2])
    short, long = levels.short.clone(), levels.long.clone()
    loss, absorbed = levels(rows, labels)
    short[0] = 0.2 * rows[1] + 0.8 * short[0]
    short[2] = 0.2 * (rows[0] + rows[2]) / 2 + 0.8 * short[2]
    alpha = torch.sigmoid((rows - short[labels]).norm(dim=1).mean())
    for number in (0, 2):
        long[number] = alpha * short[number] + (1 - alpha) * long[number]
    combined = 0.7 * long + 0.3 * short
    torch.testing.assert_close(levels.short, short)
    torch.testing.assert_close(levels.long, long)
    assert absorbed.item() == pytest.approx(alpha.item())
    wanted = functional.cross_entropy(rows @ combined.T / 0.05, labels)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_as_released_the_last_of_several_rows_counts():
    levels, rows = _levels(start="zeros", repeated="last", keep=0.7), _units(3, 4)
    levels(rows, torch.tensor([1, 1, 0]))
    torch.testing.assert_close(levels.short[1], 0.2 * rows[1])
    torch.testing.assert_close(levels.short[0], 0.2 * rows[2])
    assert torch.equal(levels.short[2], torch.zeros(4))


@pytest.mark.parametrize("seed", range(5))
def test_absorption_lies_between_that_of_equal_and_of_opposite_rows(seed):
    levels = _levels()
    for step in range(4):
        absorbed = levels(_units(6, 4, seed=10 * seed + step), torch.arange(6) % 3)[1].item()
        assert 0.5 <= absorbed < 0.881
    assert levels(levels.short / levels.short.norm(dim=1, keepdim=True), torch.arange(3))[1].item() < 0.7


def test_memories_start_at_separate_copies_of_the_centroids():
    levels = _levels()
    assert torch.equal(levels.short, levels.long)
    assert levels.short.norm(dim=1).tolist() == pytest.approx([1.0] * 3)
    before = levels.long.clone()
    levels.short.zero_()
    assert torch.equal(levels.long, before)


def test_only_training_updates_memories_and_rows_get_gradients():
    levels, rows = _levels().eval(), _units(2, 4).requires_grad_()
    before = levels.short.clone()
    loss = levels(rows, torch.tensor([0, 1]))[0]
    assert torch.equal(levels.short, before)
    loss.backward()
    assert rows.grad.abs().sum() > 0
