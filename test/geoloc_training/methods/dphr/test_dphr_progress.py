# SPDX-License-Identifier: Apache-2.0
"""PALW: λ and α̂ for different courses of the triplet loss."""

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.methods.dphr import progress  # noqa: E402
from geoloc_training.methods.dphr.progress import Palw  # noqa: E402
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402

CONFIG = DphrConfig(window=5, ema=0.9)


def _run(palw, losses):
    """Return α̂ and λ after each loss."""
    found = []
    for loss in losses:
        coefficient = palw(torch.tensor(float(loss)))
        found.append((palw.alpha.item(), coefficient.item()))
    return [list(values) for values in zip(*found, strict=True)]


def _falling(steps):
    return [0.3 * 0.95**step for step in range(steps)]


def _by_hand(losses, window, beta, margin):
    """Run the reconstructed algorithm on a list."""
    reference, coefficient, alphas, coefficients = None, 0.0, [], []
    for count in range(1, len(losses) + 1):
        mean = sum(losses[max(0, count - window) : count]) / window
        alpha = 0.0
        if count == window:
            reference = mean
        elif count > window and mean > reference:
            reference = margin
        if count >= window:
            alpha = min(1.0, max(0.0, 1 - mean / reference))
        coefficient = beta * coefficient + (1 - beta) * alpha
        alphas.append(alpha)
        coefficients.append(coefficient)
    return alphas, coefficients


def test_every_step_follows_the_algorithm():
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(60, generator=generator)
    losses = [0.25 * 0.96**step * (0.7 + 0.6 * float(noise[step])) for step in range(60)]
    alphas, coefficients = _run(Palw(CONFIG), losses)
    wanted_alphas, wanted = _by_hand(losses, window=5, beta=0.9, margin=0.3)
    assert alphas == pytest.approx(wanted_alphas, abs=1e-5)
    assert coefficients == pytest.approx(wanted, abs=1e-5)
    assert max(wanted) > 0.5


def test_lambda_is_0_until_the_window_is_full():
    alphas, coefficients = _run(Palw(CONFIG), [*_falling(4), 0.0, 0.0])
    assert alphas[:5] == coefficients[:5] == [0.0] * 5  # the fifth mean is the reference
    assert alphas[5] > 0
    assert coefficients[5] > 0


def test_with_the_defaults_lambda_rises_slowly():
    coefficients = _run(Palw(DphrConfig()), [0.3 * 0.995**step for step in range(150)])[1]
    assert coefficients[99] == 0.0
    assert 0 < coefficients[149] < 0.1


def test_lambda_never_falls_while_the_loss_does():
    coefficients = torch.tensor(_run(Palw(CONFIG), _falling(200))[1])
    assert (coefficients.diff() >= 0).all()
    assert 0.99 < coefficients[-1] <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_lambda_and_alpha_stay_between_0_and_1(seed):
    losses = torch.rand(300, generator=torch.Generator().manual_seed(seed)) ** 4 * (1 + seed)
    for values in _run(Palw(CONFIG), losses):
        assert min(values) >= 0
        assert max(values) <= 1


def test_alpha_is_1_when_the_triplet_loss_has_vanished():
    alphas, coefficients = _run(Palw(CONFIG), [*_falling(10), *[0.0] * 100])
    assert alphas[-1] == 1.0
    assert coefficients[-1] == pytest.approx(1.0, abs=1e-4)


def test_alpha_is_1_for_a_loss_that_was_always_0():
    alphas, coefficients = _run(Palw(CONFIG), [0.0] * 6)
    assert alphas == [0.0] * 4 + [1.0] * 2
    assert coefficients[-1] == pytest.approx(0.19)


def test_the_margin_replaces_a_reference_that_is_exceeded():
    palw = Palw(CONFIG)
    _run(palw, [0.1] * 5)
    assert palw.reference.item() == pytest.approx(0.1)
    alphas = _run(palw, [0.2] * 5)[0]
    assert palw.reference.item() == pytest.approx(0.3)
    assert alphas[-1] == pytest.approx(1 - 0.2 / 0.3, abs=1e-6)
    _run(palw, [0.9] * 5)
    assert palw.reference.item() == pytest.approx(0.3)
    assert palw.alpha.item() == 0.0


def test_a_saved_state_continues_identically():
    losses = [loss * (1 + 0.3 * (-1) ** step) for step, loss in enumerate(_falling(40))]
    whole, first, second = Palw(CONFIG), Palw(CONFIG), Palw(CONFIG)
    wanted = _run(whole, losses)[1]
    _run(first, losses[:13])
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    assert _run(second, losses[13:])[1] == wanted[13:]


def test_only_training_takes_a_step():
    palw = Palw(CONFIG)
    _run(palw, _falling(20))
    before = {name: tensor.clone() for name, tensor in palw.state_dict().items()}
    coefficient = palw.eval()(torch.tensor(0.0))
    assert coefficient.item() == before["coefficient"].item() > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in palw.state_dict().items())


def test_the_mean_over_ranks_counts(monkeypatch):
    monkeypatch.setattr(progress, "mean_over_ranks", lambda value: value.detach() + 1)
    palw = Palw(CONFIG)
    palw(torch.tensor(0.25, requires_grad=True))
    assert palw.window.tolist() == [1.25, 0, 0, 0, 0]
