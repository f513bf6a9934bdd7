# SPDX-License-Identifier: Apache-2.0
import itertools
import math

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.methods.dphr.loss import (  # noqa: E402
    hardness_weights,
    relative_difficulty,
    triplet_losses,
)
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402


def _pairs(count: int = 6, noise: float = 0.9, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query = torch.nn.functional.normalize(torch.randn(count, 5, generator=generator), dim=1)
    reference = query + noise * torch.randn(count, 5, generator=generator)
    return query, torch.nn.functional.normalize(reference, dim=1)


def _distance(left, right, squared):
    square = sum((a - b) ** 2 for a, b in zip(left.tolist(), right.tolist(), strict=True))
    return square if squared else math.sqrt(square)


def _naive(query, reference, ids, config):
    """Section by section with loops: every anchor, every negative, its triplet and its weight."""
    low, high = config.weight_range
    directions = [(query, reference), (reference, query)][: 2 if config.directions == "both" else 1]
    plain, weighted = [], []
    for anchors, others in directions:
        triplets = []
        for i in range(len(ids)):
            positive = _distance(anchors[i], others[i], config.squared)
            negatives = [
                _distance(anchors[i], others[k], config.squared) for k in range(len(ids)) if ids[k] != ids[i]
            ]
            if config.negatives == "hardest":
                negatives = [min(negatives)]
            for negative in negatives:
                weight = low + (high - low) * positive / (positive + negative)
                triplets.append((max(0.0, config.margin + positive - negative), weight))
        if config.reduction == "active":
            triplets = [(loss, weight) for loss, weight in triplets if loss > 0]
        plain.append(sum(loss for loss, _ in triplets) / len(triplets))
        weighted.append(sum(loss * weight for loss, weight in triplets) / len(triplets))
    return sum(plain) / len(plain), sum(weighted) / len(weighted)


OPTIONS = list(itertools.product(("all", "active"), ("all", "hardest"), (False, True), ("both", "query")))


@pytest.mark.parametrize(("reduction", "negatives", "squared", "directions"), OPTIONS)
@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 2, 3]])
def test_agrees_with_the_definition(ids, reduction, negatives, squared, directions):
    config = DphrConfig(
        weight_range=(0.2, 1.7),
        reduction=reduction,
        negatives=negatives,
        squared=squared,
        directions=directions,
    )
    query, reference = _pairs()
    found = triplet_losses(query, reference, torch.tensor(ids), config)
    plain, weighted = _naive(query, reference, ids, config)
    assert found.plain.item() == pytest.approx(plain, abs=1e-5)
    assert found.weighted.item() == pytest.approx(weighted, abs=1e-5)


def test_the_difficulty_does_not_change_with_the_scale_of_distances():
    positive, negative = torch.rand(4) + 0.1, torch.rand(4, 7) + 0.1
    difficulty = relative_difficulty(positive, negative)
    assert torch.allclose(difficulty, relative_difficulty(3.7 * positive, 3.7 * negative), atol=1e-6)


def test_a_negative_as_near_as_the_positive_weighs_one():
    weights = hardness_weights(relative_difficulty(torch.tensor([0.4]), torch.tensor([[0.4]])), (0.5, 1.5))
    assert weights.item() == pytest.approx(1.0, abs=1e-6)


def test_the_weight_rises_with_the_ratio_of_positive_to_negative():
    negative = torch.linspace(2.0, 0.05, 40)[None]
    weights = hardness_weights(relative_difficulty(torch.tensor([0.5]), negative), (0.5, 1.5))[0]
    assert (weights.diff() > 0).all()
    assert 0.5 < weights.min() < weights.max() < 1.5


def test_no_gradient_flows_through_the_weights():
    """The weighted loss differentiates as if its weights were constants."""
    config = DphrConfig(reduction="active")
    query, reference = _pairs()
    ids = torch.arange(6)
    first = query.clone().requires_grad_()
    triplet_losses(first, reference, ids, config).weighted.backward()

    second = query.clone().requires_grad_()
    table = (2 - 2 * second @ reference.T).sqrt()
    total = 0.0
    for entry in (table, table.T):
        positive, others = entry.diagonal()[:, None], ~torch.eye(6, dtype=torch.bool)
        constant = (0.5 + positive / (positive + entry)).detach()
        triplets = (0.3 + positive - entry).clamp(min=0)[others]
        total = total + (constant[others] * triplets).sum() / (triplets > 0).sum() / 2
    total.backward()
    assert torch.allclose(first.grad, second.grad, atol=1e-5)
    assert first.grad.abs().sum() > 0


def test_identical_descriptors_have_a_finite_gradient():
    query = torch.nn.functional.normalize(torch.ones(3, 4), dim=1).requires_grad_()
    losses = triplet_losses(query, query.detach().clone(), torch.arange(3), DphrConfig())
    losses.weighted.backward()
    assert losses.plain.item() == pytest.approx(0.3, abs=1e-6)
    assert torch.isfinite(query.grad).all()


@pytest.mark.parametrize("negatives", ["all", "hardest"])
def test_a_batch_of_one_place_has_no_negatives_and_no_loss(negatives):
    query, reference = _pairs(3)
    query.requires_grad_()
    losses = triplet_losses(query, reference, torch.zeros(3), DphrConfig(negatives=negatives))
    losses.weighted.backward()
    assert losses.plain.item() == losses.weighted.item() == 0.0
    assert torch.isfinite(query.grad).all()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"weight": -1.0}, "dphr.weight=-1"),
        ({"margin": 0.0}, "dphr.margin=0"),
        ({"weight_range": (1.5, 0.5)}, "1.5..0.5"),
        ({"window": 0}, "dphr.window=0"),
        ({"smoothing": 1.0}, "dphr.smoothing=1"),
        ({"reduction": "some"}, "all or active"),
        ({"negatives": "some"}, "all or hardest"),
        ({"directions": "some"}, "both or query"),
    ],
)
def test_impossible_settings_are_refused(setting, words):
    with pytest.raises(ParameterError, match=words.replace(".", r"\.")):
        DphrConfig(**setting)
