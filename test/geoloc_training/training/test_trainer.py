# SPDX-License-Identifier: Apache-2.0
"""A training step, compared with the step written out: gradients, clipping, rates, averages, precision."""

import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from geoloc_training.training.batches import split  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402
from geoloc_training.training.loop import begin  # noqa: E402
from tiny_training import TinySource, build_tiny, tiny_config  # noqa: E402

# Plain descent, so that weights change by the rate times the gradient, in the first of two warm-up steps.
DESCENT = {
    "name": "sgd",
    "momentum": 0.0,
    "weight_decay": 0.0,
    "learning_rate": 0.5,
    "backbone_rate": 0.1,
    "warmup_steps": 2,
    "clip_norm": 0.0,
}
RATE = 0.25


def _trainer(tmp_path, precision="fp32", **optimiser):
    config = tiny_config(**optimiser)
    config = replace(config, hardware=replace(config.hardware, precision=precision))
    return begin(config, TinySource(), tmp_path, launch(config.hardware), build=build_tiny)


def _step(trainer, number=0):
    """Take a step, and return weights before, figures and weights after."""
    before = copy.deepcopy(trainer.method)
    figures = trainer.train_step(TinySource().batch(number, 0, 1))
    return before, figures, dict(trainer.method.named_parameters())


def _gradients(method, parts):
    """Return the gradients of the parts' mean loss, by name."""
    loss = sum(method(part).loss for part in split(TinySource().batch(0, 0, 1), parts)) / parts
    names = [name for name, _ in method.named_parameters()]
    return dict(zip(names, torch.autograd.grad(loss, list(method.parameters())), strict=True))


def _length(gradients):
    return torch.stack([gradient.norm() for gradient in gradients.values()]).norm()


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_step_descends_the_mean_of_its_parts_losses_at_the_rate_of_the_schedule(tmp_path, parts):
    before, figures, after = _step(_trainer(tmp_path, accumulate=parts, **DESCENT))
    gradients = _gradients(copy.deepcopy(before), parts)
    assert figures["learning_rate"] == RATE
    assert figures["gradient_norm"] == pytest.approx(_length(gradients).item(), rel=1e-5)
    for name, old in before.named_parameters():
        rate = RATE * (0.1 if name.startswith("encoder.backbone") else 1.0)
        torch.testing.assert_close(after[name], old - rate * gradients[name], rtol=1e-5, atol=1e-6)


def test_a_long_gradient_is_clipped_and_its_norm_returned(tmp_path):
    before, figures, after = _step(_trainer(tmp_path, **{**DESCENT, "clip_norm": 0.01}))
    gradients = _gradients(copy.deepcopy(before), 1)
    length = _length(gradients)
    assert length > 0.02
    assert figures["gradient_norm"] == pytest.approx(length.item(), rel=1e-5)
    name = "encoder.head.2.weight"
    expected = dict(before.named_parameters())[name] - RATE * gradients[name] * 0.01 / length
    torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)


def test_large_entries_of_a_gradient_are_cut(tmp_path):
    before, _, after = _step(_trainer(tmp_path, **DESCENT, clip_value=0.01))
    name = "encoder.head.2.weight"
    gradient = _gradients(copy.deepcopy(before), 1)[name]
    assert (gradient.abs() > 0.01).any()
    expected = dict(before.named_parameters())[name] - RATE * gradient.clamp(-0.01, 0.01)
    torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.9])
def test_the_average_decays_faster_at_the_start(tmp_path, decay):
    trainer = _trainer(tmp_path, ema_decay=decay)
    average = {name: value.clone() for name, value in trainer.method.encoder.state_dict().items()}
    for number in range(3):
        _step(trainer, number % 2)
        kept = min(decay, (2 + number) / (11 + number))
        for name, value in trainer.method.encoder.state_dict().items():
            average[name] = kept * average[name] + (1 - kept) * value
    for name, value in trainer.average.state_dict().items():
        torch.testing.assert_close(value, average[name], rtol=1e-5, atol=1e-6)
    different = [torch.equal(value, average[name]) for name, value in
                 trainer.method.encoder.state_dict().items()]  # fmt: skip
    assert all(different) if decay == 0 else not any(different)


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_network_computes_in_the_precision_asked_for_and_keeps_its_weights_whole(
    tmp_path, precision, kind
):
    trainer, seen = _trainer(tmp_path, precision), []
    trainer.method.encoder.backbone.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    _step(trainer)
    assert seen == [kind]
    assert {parameter.dtype for parameter in trainer.method.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in trainer.method.parameters()} == {torch.float32}
    views = TinySource().pictures
    exact = copy.deepcopy(trainer.method.encoder).eval()(torch.from_numpy(views))
    described = torch.from_numpy(trainer.describer(average=False).views(views))
    torch.testing.assert_close(described, exact.detach(), rtol=0, atol=1e-6)


def test_another_seed_begins_with_other_weights(tmp_path):
    config = tiny_config()
    first, second, again = (
        begin(replace(config, seed=seed), TinySource(), tmp_path, launch(config.hardware), build=build_tiny)
        for seed in (1, 2, 1)
    )
    weights = [trainer.method.encoder.backbone.weight for trainer in (first, second, again)]
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])
