# SPDX-License-Identifier: Apache-2.0
"""RDA, compared with loops that follow the paper's formulas."""

import itertools
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.methods.dphr.loss import (  # noqa: E402
    hardness_weights,
    relative_difficulty,
    triplet_losses,
)
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402

OPTIONS = [
    {"reduction": reduction, "negatives": negatives, "squared": squared, "directions": directions}
    for reduction, negatives, squared, directions in itertools.product(
        ("all", "active"), ("all", "hardest"), (False, True), ("both", "query_to_reference")
    )
]
UNIQUE, REPEATED = (0, 1, 2, 3, 4, 5), (7, 7, 2, 3, 2, 2)


def _descriptors(count=6, size=4, seed=0, spread=0.8):
    """Return similar pairs of descriptors, from places that are also similar."""
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(count, size, generator=generator)
    reference = query + spread * torch.randn(count, size, generator=generator)
    return [torch.nn.functional.normalize(side, dim=1).requires_grad_() for side in (query, reference)]


def _distance(a, b, squared):
    square = ((a - b) ** 2).sum()
    return square if squared else square.sqrt()


def _naive(query, reference, ids, config):
    """Return L_tri, L_wtri and the active share by loops; difficulties have no gradient."""
    low, high = config.weight_range
    plain, weighted, active = [], [], []
    sides = [(query, reference), (reference, query)][: 2 if config.directions == "both" else 1]
    for anchors, others in sides:
        terms = []
        for i, anchor in enumerate(anchors):
            d_p = _distance(anchor, others[i], config.squared)
            found = [
                _distance(anchor, other, config.squared) for k, other in enumerate(others) if ids[k] != ids[i]
            ]
            if config.negatives == "hardest" and found:
                found = [min(found, key=torch.Tensor.item)]
            for d_n in found:
                h = d_p.item() / (d_p.item() + d_n.item())
                terms.append((low + (high - low) * h, torch.relu(config.margin + d_p - d_n)))
        hit = [(weight, t) for weight, t in terms if t > 0]
        active.append(len(hit) / len(terms))
        kept = hit if config.reduction == "active" else terms
        plain.append(sum(t for _, t in kept) / len(kept))
        weighted.append(sum(weight * t for weight, t in kept) / len(kept))
    return [sum(values) / len(values) for values in (plain, weighted, active)]


@pytest.mark.parametrize("ids", [UNIQUE, REPEATED])
@pytest.mark.parametrize("options", OPTIONS)
def test_losses_and_gradients_are_those_of_the_loops(options, ids):
    config = DphrConfig(margin=0.4, weight_range=(0.25, 2.0), **options)
    query, reference = _descriptors()
    losses = triplet_losses(query, reference, torch.tensor(ids), config)
    gradients = torch.autograd.grad(losses.plain + 0.7 * losses.weighted, [query, reference])
    plain, weighted, active = _naive(query, reference, ids, config)
    expected = torch.autograd.grad(plain + 0.7 * weighted, [query, reference])
    assert losses.plain.item() == pytest.approx(plain.item(), abs=1e-5)
    assert losses.weighted.item() == pytest.approx(weighted.item(), abs=1e-5)
    assert losses.active.item() == pytest.approx(active, abs=1e-6)
    assert 0 < active < 1  # otherwise the reduction would not be tested
    for found, wanted, rows in zip(gradients, expected, (query, reference), strict=True):
        # The code uses inner products of unit vectors, so gradients differ along the vectors.
        torch.testing.assert_close(_tangent(found, rows), _tangent(wanted, rows), rtol=1e-4, atol=1e-5)


def _tangent(gradient, rows):
    rows = rows.detach()
    return gradient - (gradient * rows).sum(dim=1, keepdim=True) * rows


def test_no_gradient_flows_through_the_difficulty():
    d_p = torch.tensor([0.4, 0.9], requires_grad=True)
    difficulty = relative_difficulty(d_p, torch.tensor([0.6, 0.1], requires_grad=True))
    assert not difficulty.requires_grad


def test_difficulty_is_a_ratio_of_distances():
    d_p, d_n = torch.tensor([0.2, 0.5, 1.0]), torch.tensor([0.8, 0.5, 0.25])
    difficulty = relative_difficulty(d_p, d_n)
    torch.testing.assert_close(difficulty, torch.tensor([0.2, 0.5, 0.8]))
    torch.testing.assert_close(relative_difficulty(7.3 * d_p, 7.3 * d_n), difficulty)
    assert torch.isfinite(relative_difficulty(torch.zeros(1), torch.zeros(1))).all()


def test_weights_rise_with_difficulty_within_their_range():
    d_n = torch.linspace(2.0, 0.01, 50)  # increasingly near, so increasingly hard
    weights = hardness_weights(relative_difficulty(torch.tensor(0.5), d_n), (0.5, 1.5))
    assert (weights.diff() > 0).all()
    assert weights.min() > 0.5
    assert weights.max() < 1.5
    assert hardness_weights(torch.tensor(0.5), (0.5, 1.5)).item() == 1.0


def test_weights_of_one_leave_the_plain_loss():
    query, reference = _descriptors()
    losses = triplet_losses(query, reference, torch.tensor(UNIQUE), DphrConfig(weight_range=(1.0, 1.0)))
    torch.testing.assert_close(losses.weighted, losses.plain)


@pytest.mark.parametrize("negatives", ["all", "hardest"])
@pytest.mark.parametrize("reduction", ["all", "active"])
def test_pictures_of_one_place_are_no_negatives(negatives, reduction):
    config = DphrConfig(negatives=negatives, reduction=reduction)
    query, reference = _descriptors()
    losses = triplet_losses(query, reference, torch.zeros(6, dtype=torch.int64), config)
    gradients = torch.autograd.grad(losses.plain + losses.weighted, [query, reference])
    assert losses.plain.item() == losses.weighted.item() == losses.active.item() == 0
    assert all((gradient == 0).all() for gradient in gradients)


def test_coinciding_descriptors_have_a_finite_gradient():
    query = torch.nn.functional.normalize(torch.ones(3, 4), dim=1).requires_grad_()
    losses = triplet_losses(query, query.detach().clone(), torch.arange(3), DphrConfig())
    (losses.plain + losses.weighted).backward()
    assert torch.isfinite(query.grad).all()
    assert losses.plain.item() == pytest.approx(0.3, abs=1e-3)  # the margin, because all places are equal


def test_half_precision_does_not_round_distances():
    query, reference = _descriptors()
    ids = torch.tensor(UNIQUE)
    exact = triplet_losses(query, reference, ids, DphrConfig()).plain
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert triplet_losses(query, reference, ids, DphrConfig()).plain.item() == exact.item()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"margin": 0.0}, "dphr.margin=0.0"),
        ({"margin": float("nan")}, "dphr.margin=nan"),
        ({"weight_range": (1.5, 0.5)}, "dphr.weight_range"),
        ({"weight_range": (-0.5, 0.5)}, "dphr.weight_range"),
        ({"window": 0}, "dphr.window=0"),
        ({"ema": 1.0}, "dphr.ema=1.0"),
        ({"reduction": "sum"}, "dphr.reduction 'sum' is unknown; use all or active"),
        ({"negatives": "easy"}, "dphr.negatives"),
        ({"directions": "back"}, "dphr.directions"),
    ],
)
def test_impossible_settings_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        replace(DphrConfig(), **wrong)
