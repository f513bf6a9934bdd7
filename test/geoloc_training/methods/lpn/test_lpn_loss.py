# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.methods.lpn.loss import part_loss, part_votes  # noqa: E402
from geoloc_training.methods.lpn.settings import LpnConfig  # noqa: E402


def test_the_loss_is_the_sum_over_parts_of_the_mean_cross_entropy():
    logits = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    ids = torch.tensor([4, 0, 2])
    naive = 0.0
    for part in range(2):
        rows = [-torch.log(logits[n, part].exp()[ids[n]] / logits[n, part].exp().sum()) for n in range(3)]
        naive += sum(rows) / 3
    assert part_loss(logits, ids).item() == pytest.approx(naive.item(), abs=1e-5)


def test_parts_vote_by_probability():
    # One part strongly predicts place 2, the other slightly prefers place 0.
    logits = torch.tensor([[[0.0, 0.0, 9.0], [0.2, 0.0, 0.0]]])
    assert part_votes(logits).tolist() == [2]


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_impossible_dropout_is_refused(dropout):
    with pytest.raises(ParameterError, match=r"method.dropout"):
        LpnConfig(dropout=dropout)
