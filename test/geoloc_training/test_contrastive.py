# SPDX-License-Identifier: Apache-2.0
import math

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.methods.contrastive import Contrastive, info_nce  # noqa: E402


def test_info_nce_by_hand():
    """Two orthogonal pairs, scale 2: each row's loss is log(e^2 + e^0) - 2."""
    eye = torch.eye(2)
    assert info_nce(eye, eye, torch.tensor(2.0)).item() == pytest.approx(
        math.log(math.exp(2) + 1) - 2, abs=1e-6
    )


def test_info_nce_is_symmetric_and_worst_when_swapped():
    generator = torch.Generator().manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(5, 8, generator=generator), dim=1)
    right = torch.nn.functional.normalize(left + 0.3 * torch.randn(5, 8, generator=generator), dim=1)
    scale = torch.tensor(10.0)
    assert info_nce(left, right, scale).item() == pytest.approx(info_nce(right, left, scale).item(), abs=1e-6)
    assert info_nce(left, right.flip(0), scale) > info_nce(left, right, scale)


def test_smoothing_by_hand():
    """Smoothing s spreads s over all rows: (1 - s) own + s * mean of all negative log shares."""
    eye, scale, share = torch.eye(3), 2.0, 0.3
    total = math.log(math.exp(scale) + 2)
    expected = (1 - share) * (total - scale) + share * (total - scale / 3)
    assert info_nce(eye, eye, torch.tensor(scale), share).item() == pytest.approx(expected, abs=1e-6)


def test_recall_counts_drone_views_that_find_their_map_view():
    class Table(torch.nn.Module):
        def forward(self, views):
            return torch.nn.functional.one_hot(views.long(), 4).float()

    method = Contrastive(Table(), 0.1, 0.0)
    _, recall = method(torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1]))
    assert recall.item() == pytest.approx(1 / 3)


def test_temperature_is_learnt_and_bounded():
    method = Contrastive(torch.nn.Identity(), 0.1, 0.0)
    assert float(method.log_scale.exp()) == pytest.approx(10.0)
    with torch.no_grad():
        method.log_scale.fill_(20.0)
    # Unbounded, e^20 would overflow; bounded, a perfect match costs nothing and stays finite.
    loss, _ = method(torch.eye(3), torch.eye(3))
    assert torch.isfinite(loss)
