# SPDX-License-Identifier: Apache-2.0
import math

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.methods.sample4geo.loss import info_nce, smoothing_of  # noqa: E402


def _pairs(count: int, noise: float = 0.8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    left = torch.nn.functional.normalize(torch.randn(count, 8, generator=generator), dim=1)
    right = left + noise * torch.randn(count, 8, generator=generator)
    return left, torch.nn.functional.normalize(right, dim=1)


def _naive(left, right, scale, ids, smoothing):
    """Compute the definition entry by entry, in both directions, without other images of a place."""
    total = 0.0
    for one, other in ((left, right), (right, left)):
        for i in range(len(one)):
            candidates = [j for j in range(len(other)) if j == i or ids[j] != ids[i]]
            scores = {j: scale * float(one[i] @ other[j]) for j in candidates}
            whole = math.log(sum(math.exp(score) for score in scores.values()))
            for j, score in scores.items():
                target = (1 - smoothing[i]) * (j == i) + smoothing[i] / len(candidates)
                total -= target * (score - whole)
    return total / (2 * len(left))


def test_two_orthogonal_pairs_by_hand():
    """Test scale 2, where each row's loss is log(e^2 + e^0) - 2."""
    eye = torch.eye(2)
    expected = math.log(math.exp(2) + 1) - 2
    assert info_nce(eye, eye, torch.tensor(2.0)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 1, 0]])
def test_agrees_with_the_definition(ids, smoothing):
    left, right = _pairs(6)
    found = info_nce(left, right, torch.tensor(7.0), torch.tensor(ids), smoothing)
    assert found.item() == pytest.approx(_naive(left, right, 7.0, ids, [smoothing] * 6), abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_distinct_places_it_is_the_ordinary_cross_entropy(smoothing):
    left, right = _pairs(9)
    logits, target = 14.0 * left @ right.T, torch.arange(9)
    entropy = torch.nn.functional.cross_entropy
    expected = sum(entropy(table, target, label_smoothing=smoothing) for table in (logits, logits.T)) / 2
    for ids in (None, torch.arange(9) * 3):
        found = info_nce(left, right, torch.tensor(14.0), ids, smoothing)
        assert found.item() == pytest.approx(expected.item(), abs=1e-5)


def test_another_picture_of_the_place_is_no_negative():
    left, right = _pairs(4, noise=0.1)
    right[1] = right[0]  # the same reference twice
    scale, ids = torch.tensor(20.0), torch.tensor([0, 0, 1, 2])
    assert info_nce(left, right, scale, ids, 0.1) < info_nce(left, right, scale, None, 0.1)
    left.requires_grad_()
    info_nce(left[:2], right[:2], scale, ids[:2], 0.1).backward()
    assert torch.equal(left.grad, torch.zeros_like(left))  # no negatives, so no gradient


def test_gradients_stay_finite_beside_masked_entries():
    left, right = (side.requires_grad_() for side in _pairs(5))
    info_nce(left, right, torch.tensor(100.0), torch.tensor([0, 0, 1, 1, 1]), 0.1).backward()
    assert torch.isfinite(left.grad).all()
    assert torch.isfinite(right.grad).all()


def test_it_is_symmetric_and_worst_when_swapped():
    left, right = _pairs(5, noise=0.3)
    scale = torch.tensor(10.0)
    assert info_nce(left, right, scale).item() == pytest.approx(info_nce(right, left, scale).item(), abs=1e-6)
    assert info_nce(left, right.flip(0), scale) > info_nce(left, right, scale)


def test_weights_smooth_each_pair_by_game4locs_rule():
    weights = torch.tensor([0.0, 0.39, 1.0])
    expected = [1 - 1 / (1 + math.exp(-5 * w)) for w in weights.tolist()]
    assert smoothing_of(weights).tolist() == pytest.approx(expected, abs=1e-6)
    left, right = _pairs(3)
    found = info_nce(left, right, torch.tensor(5.0), None, smoothing_of(weights))
    assert found.item() == pytest.approx(_naive(left, right, 5.0, [0, 1, 2], expected), abs=1e-5)


def test_cosines_are_not_rounded_under_autocast():
    left, right = _pairs(16)
    scale = torch.tensor(50.0)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = info_nce(left, right, scale)
    assert rounded.item() == pytest.approx(info_nce(left, right, scale).item(), abs=1e-6)
