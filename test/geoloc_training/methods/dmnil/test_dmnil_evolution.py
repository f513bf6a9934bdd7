# SPDX-License-Identifier: Apache-2.0
"""ICEL: neighbourhoods, the loss and its regularizer, and the schedule of directions."""

import math

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from geoloc_training.methods.dmnil.evolution import (  # noqa: E402
    Evolution,
    neighbour_loss,
    neighbourhood,
    uniform_divergence,
)
from geoloc_training.methods.dmnil.memory import PictureMemory  # noqa: E402
from geoloc_training.methods.dmnil.settings import DmnilConfig, EvolutionSettings  # noqa: E402
from geoloc_training.methods.dmnil.side import Side  # noqa: E402


def _units(*shape, seed=0):
    return functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_within_a_view_an_image_is_its_own_neighbour():
    bank = _units(40, 3)
    around = neighbourhood(bank[:10], bank, 0.9, 5)
    assert around.near[torch.arange(10), torch.arange(10)].all()
    similarity = bank[:10] @ bank.T
    for row in range(10):
        wanted = {j for j in range(40) if similarity[row, j] > 0.9 * similarity[row].max()}
        assert set(around.near[row].nonzero()[:, 0].tolist()) == wanted
    assert around.size.item() > 1
    assert torch.equal(around.nearest[:, 0], torch.arange(10))


def test_across_views_the_nearest_is_a_neighbour_unless_nothing_is_similar():
    around = neighbourhood(_units(30, 3, seed=1), _units(20, 3, seed=2), 0.9, 10)
    similarity = _units(30, 3, seed=1) @ _units(20, 3, seed=2).T
    assert around.near[torch.arange(30), similarity.argmax(1)].all()
    opposite = neighbourhood(torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [-0.6, -0.8]]), 0.9, 10)
    assert not opposite.near.any()
    assert opposite.nearest.tolist() == [[1, 0]]  # k is limited by the size of the memory


def test_the_loss_is_a_mean_over_neighbours_and_one_more():
    cosines = torch.tensor([[0.05, 0.0], [0.0, 0.05]])
    near = torch.tensor([[True, True], [False, True]])
    likely, unlikely = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    wanted = ((likely + unlikely) / 3 + likely / 2) / 2
    assert neighbour_loss(cosines, near, 0.05).item() == pytest.approx(wanted, rel=1e-5)


def test_a_picture_without_neighbours_has_no_loss():
    cosines = _units(2, 5).requires_grad_()
    loss = neighbour_loss(cosines, torch.zeros(2, 5, dtype=torch.bool), 0.05)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(cosines.grad, torch.zeros(2, 5))


def test_a_very_unlikely_neighbour_has_no_gradient():
    cosines = torch.tensor([[1.0, -1.0]], requires_grad=True)
    loss = neighbour_loss(cosines, torch.tensor([[False, True]]), 0.05)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8) / 2)
    assert torch.equal(cosines.grad, torch.zeros(1, 2))


def test_the_regulariser_compares_each_pictures_own_nearest():
    cosines, nearest = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.2, 0.2]]), torch.tensor([[1, 2], [0, 1]])
    first = torch.softmax(torch.tensor([0.9, 0.5]), 0)
    wanted = (0.5 * (0.5 / first).log()).sum() / 2  # the second row is uniform
    assert uniform_divergence(cosines, nearest, "own").item() == pytest.approx(wanted.item(), abs=1e-6)


def test_as_released_it_compares_pictures_of_the_batch():
    cosines, nearest = _units(3, 5), torch.tensor([[1, 2], [0, 1], [4, 2]])
    total = 0.0
    for row in range(3):
        for place in range(2):
            shares = torch.stack([cosines[row, nearest[other, place]] for other in range(3)]).softmax(0)
            total += (1 / 3 * (1 / 3 / shares).log()).sum() / 3
    assert uniform_divergence(cosines, nearest, "batch").item() == pytest.approx(float(total), abs=1e-6)


def _directions(**settings):
    evolution = Evolution(EvolutionSettings(**settings), 0.05)
    return [
        {kind: ["".join(v[0] for v in pair) for pair in evolution.directions(kind, epoch)] for kind in KINDS}
        for epoch in (0, 1, 9, 10, 11)
    ]


KINDS = ("intra", "cross")


def test_views_are_drawn_to_themselves_from_epoch_1_and_to_each_other_in_turn_from_10():
    intra = ["qq", "rr"]
    assert _directions() == [
        {"intra": [], "cross": []},
        {"intra": intra, "cross": []},
        {"intra": intra, "cross": []},
        {"intra": intra, "cross": ["rq"]},
        {"intra": intra, "cross": ["qr"]},
    ]
    assert _directions(alternate=False)[3]["cross"] == ["rq", "qr"]


def _one_way(kind, epoch, config):
    sides, pictures = {}, {}
    for seed, (view, size) in enumerate((("query", 9), ("reference", 6))):
        pictures[view] = PictureMemory(0.9, "mean")
        pictures[view].start(_units(size, 4, seed=seed))
        rows = torch.tensor([1, 4, 5])
        unit = _units(3, 4, seed=7 + seed)
        sides[view] = Side(unit, unit, rows, rows)
    return Evolution(config, 0.05).loss(kind, epoch, sides, pictures), sides, pictures


@pytest.mark.parametrize(
    ("mode", "epoch", "view", "target", "weight", "uniform"),
    [
        ("clean", 10, "reference", "query", 0.5, 0.01),
        ("clean", 11, "query", "reference", 0.5, 0.01),
        ("release", 10, "reference", "query", 0.55, 0.01),
        ("release", 11, "query", "reference", 0.5, 0.0),
    ],
)
def test_weights_of_the_directions_across_views(mode, epoch, view, target, weight, uniform):
    config = DmnilConfig(mode=mode).evolution
    (loss, size), sides, pictures = _one_way("cross", epoch, config)
    bank, side = pictures[target].rows, sides[view]
    around = neighbourhood(pictures[view].rows[side.rows], bank, 0.9, 10)
    cosines = side.unit @ bank.T
    wanted = weight * neighbour_loss(cosines, around.near, 0.05)
    wanted += uniform * uniform_divergence(cosines, around.nearest, config.uniform_rows)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert size.item() == around.near.sum(1).float().mean().item()


def test_only_clean_mode_regularizes_within_views():
    (clean, _), sides, pictures = _one_way("intra", 3, DmnilConfig().evolution)
    (release, _), *_ = _one_way("intra", 3, DmnilConfig(mode="release").evolution)
    plain = regular = 0.0
    for view, side in sides.items():
        around = neighbourhood(pictures[view].rows[side.rows], pictures[view].rows, 0.9, 10)
        cosines = side.unit @ pictures[view].rows.T
        plain += 0.5 * neighbour_loss(cosines, around.near, 0.05).item()
        regular += 0.01 * uniform_divergence(cosines, around.nearest, "own").item()
    assert release.item() == pytest.approx(plain, rel=1e-5)
    assert clean.item() == pytest.approx(plain + regular, rel=1e-5)
    assert regular > 0
