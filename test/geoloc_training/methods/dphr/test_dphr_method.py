# SPDX-License-Identifier: Apache-2.0
"""DPHR around a host: the sum of both losses, and its own state."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.contract import Batch, Method, Outcome  # noqa: E402
from geoloc_training.methods.dphr.loss import triplet_losses  # noqa: E402
from geoloc_training.methods.dphr.method import Dphr  # noqa: E402
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402

CONFIG = DphrConfig(weight=0.5, window=3, ema=0.5)


class Host(Method):
    """Any method: a view is a number, its descriptor the unit vector of a row."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.encoder = torch.nn.Embedding.from_pretrained(
            torch.randn(8, 4, generator=generator), freeze=False
        )

    def forward(self, batch):
        query, reference = (
            torch.nn.functional.normalize(self.encoder(side.long()), dim=1)
            for side in (batch.query, batch.reference)
        )
        loss = (query - reference).square().sum(dim=1).mean()
        return Outcome(loss, query, reference, batch.ids, {"host_figure": loss.detach()})


def _batch(first=0):
    views = torch.arange(first, first + 4, dtype=torch.uint8) % 8
    return Batch(views, (views + 3) % 8, torch.tensor([0, 1, 1, 2]), torch.ones(4))


@pytest.mark.parametrize("steps", [0, 7])
def test_the_loss_is_the_hosts_with_both_triplet_losses_and_a_constant_lambda(steps):
    """Test before the window is full, when α̂ is 0, and after, when it depends on this loss."""
    method = Dphr(Host(), CONFIG)
    method.palw.coefficient.fill_(0.4)
    method.palw.steps.fill_(steps)
    method.palw.reference.fill_(0.9)
    outcome = method(_batch())
    outcome.loss.backward()
    found = method.encoder.weight.grad

    host = Host()
    bare = host(_batch())
    losses = triplet_losses(bare.query, bare.reference, bare.ids, CONFIG)
    alpha = 1 - losses.plain.item() / 3 / 0.9 if steps else 0.0
    coefficient = 0.5 * 0.4 + 0.5 * alpha
    expected = bare.loss + 0.5 * (losses.plain + coefficient * losses.weighted)
    expected.backward()
    assert outcome.loss.item() == pytest.approx(expected.item())
    assert outcome.figures["dphr_lambda"].item() == pytest.approx(coefficient)
    torch.testing.assert_close(found, host.encoder.weight.grad)


def test_figures_are_the_hosts_and_its_own_without_gradient():
    figures = Dphr(Host(), CONFIG)(_batch()).figures
    names = ("triplet", "weighted", "active", "alpha", "lambda")
    assert set(figures) == {"host_figure", *(f"dphr_{name}" for name in names)}
    assert not any(figure.requires_grad for figure in figures.values())
    assert all(figure.ndim == 0 for figure in figures.values())


def test_descriptors_and_encoder_are_the_hosts():
    host = Host()
    method = Dphr(host, CONFIG)
    outcome, bare = method(_batch()), host(_batch())
    torch.testing.assert_close(outcome.query, bare.query)
    assert torch.equal(outcome.ids, bare.ids)
    assert method.encoder is host.encoder
    assert not any(name.startswith("encoder.") for name in method.state_dict())


def test_figures_of_a_step_are_not_changed_by_the_next():
    method = Dphr(Host(), replace(CONFIG, window=1))
    method.palw.steps.fill_(1)
    method.palw.reference.fill_(0.9)
    first = method(_batch()).figures
    kept = {name: figure.item() for name, figure in first.items()}
    method(_batch(1))
    assert {name: figure.item() for name, figure in first.items()} == kept
    assert kept["dphr_alpha"] > 0


def test_a_run_from_its_saved_state_learns_the_same():
    def train(method, steps):
        optimiser = torch.optim.SGD(method.parameters(), lr=0.2)
        for step in steps:
            optimiser.zero_grad()
            method(_batch(step)).loss.backward()
            optimiser.step()
        return method

    whole = train(Dphr(Host(), CONFIG), range(12))
    half = train(Dphr(Host(), CONFIG), range(5))
    resumed = Dphr(Host(), CONFIG)
    resumed.load_state_dict({name: tensor.clone() for name, tensor in half.state_dict().items()})
    train(resumed, range(5, 12))
    assert whole.palw.coefficient.item() > 0
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
