# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from geoloc_training.methods.contract import Batch, Method, Outcome  # noqa: E402
from geoloc_training.methods.dphr.method import Dphr, Palw  # noqa: E402
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402

SHORT = DphrConfig(weight=0.7, window=4, smoothing=0.5)


def _fed(palw: Palw, losses) -> list[float]:
    """λ after each loss."""
    found = []
    for loss in losses:
        palw.update(torch.tensor(float(loss)))
        found.append(palw.coefficient.item())
    return found


def test_the_first_window_counts_for_nothing():
    assert _fed(Palw(SHORT), [0.4, 0.3, 0.2, 0.1]) == [0.0] * 4


def test_the_coefficient_follows_the_formula():
    """Reference (0.4 + 0.4 + 0.4 + 0.4) / 4; means 0.35, 0.25, 0.15; alpha 1/8, 3/8, 5/8; beta 0.5."""
    found = _fed(Palw(SHORT), [0.4] * 4 + [0.2, 0.0, 0.0])[4:]
    assert found == pytest.approx([0.0625, 0.21875, 0.421875], abs=1e-6)


def test_it_never_falls_while_the_loss_falls_and_stays_within_one():
    found = _fed(
        Palw(DphrConfig(window=5, smoothing=0.8)), torch.linspace(0.5, 0.0, 60).tolist() + [0.0] * 60
    )
    assert found == sorted(found)
    assert found[0] == 0.0
    assert 0.99 < found[-1] <= 1.0


def test_alpha_is_one_once_the_triplet_loss_has_vanished():
    palw = Palw(SHORT)
    _fed(palw, [0.3] * 4 + [0.0] * 4)
    assert palw.alpha.item() == 1.0


def test_a_loss_that_was_never_there_is_progress_too():
    palw = Palw(SHORT)
    _fed(palw, [0.0] * 4)
    assert palw.alpha.item() == 1.0


def test_a_loss_above_the_reference_gives_no_progress_and_lifts_the_reference_to_the_margin():
    palw = Palw(SHORT)
    _fed(palw, [0.1] * 4 + [0.9])
    assert palw.alpha.item() == 0.0
    assert palw.reference.item() == pytest.approx(0.3)
    _fed(palw, [0.9] * 8)
    assert palw.reference.item() == pytest.approx(0.3)
    assert 0.0 <= palw.coefficient.item() <= 1.0


def test_a_restored_state_goes_on_identically():
    losses = [0.5, 0.4, 0.45, 0.3, 0.25, 0.3, 0.1, 0.2, 0.05]
    whole, first, second = Palw(SHORT), Palw(SHORT), Palw(SHORT)
    expected = _fed(whole, losses)
    begun = _fed(first, losses[:5])
    second.load_state_dict(first.state_dict())
    assert begun + _fed(second, losses[5:]) == expected


class _Host(Method):
    """Descriptors straight from a table; its own loss is their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(3, 4)

    def forward(self, batch: Batch) -> Outcome:
        both = [self.encoder(side.float()[:, 0, 0] / 255) for side in (batch.query, batch.reference)]
        query, reference = (torch.nn.functional.normalize(side, dim=1) for side in both)
        return Outcome(query.sum(), query, reference, batch.ids, {"host": torch.tensor(2.0)})


def _batch() -> Batch:
    views = torch.randint(
        0, 256, (2, 5, 1, 1, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    return Batch(views[0], views[1], torch.arange(5), torch.ones(5))


def test_the_hosts_loss_and_figures_stay_and_dphrs_are_added():
    host = _Host()
    method = Dphr(host, SHORT)
    plain, whole = host(_batch()), method(_batch())
    triplet = whole.figures["dphr_triplet"]
    assert triplet > 0
    assert whole.loss.item() == pytest.approx((plain.loss + 0.7 * triplet).item(), abs=1e-6)
    assert whole.figures["host"] == 2.0
    assert method.encoder is host.encoder


def test_hard_negatives_gain_weight_as_training_goes_on():
    """With λ set, the weighted loss comes in: the difference is γ λ L_wtri, between 0.5 and 1.5 of L_tri."""
    method = Dphr(_Host(), SHORT).eval()
    before = method(_batch())
    method.palw.coefficient.fill_(0.8)
    after = method(_batch())
    added = (after.loss - before.loss).item() / (0.7 * 0.8 * before.figures["dphr_triplet"].item())
    assert 0.5 < added < 1.5


def test_only_training_moves_the_coefficient():
    method = Dphr(_Host(), SHORT)
    method.eval()(_batch())
    assert method.palw.updates == 0
    method.train()(_batch())
    assert method.palw.updates == 1


def test_all_state_is_in_the_checkpoint():
    method = Dphr(_Host(), SHORT)
    for _ in range(6):
        method(_batch())
    other = Dphr(_Host(), SHORT)
    other.load_state_dict(method.state_dict())
    assert other(_batch()).loss.item() == method(_batch()).loss.item()
