# SPDX-License-Identifier: Apache-2.0
import math
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.config import OptimiserConfig  # noqa: E402
from geoloc_training.training.schedule import (  # noqa: E402
    build_optimiser,
    learning_rate,
    load_optimiser,
    set_rate,
)
from tiny_training import TinyMethod  # noqa: E402


def _rates(**settings):
    plan = OptimiserConfig(steps=100, warmup_steps=10, learning_rate=1.0, **settings)
    return [learning_rate(plan, step) for step in range(100)]


def test_cosine_warms_up_holds_and_descends():
    rates = _rates(descent=0.5)
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[49] == 1.0
    assert all(b <= a for a, b in pairwise(rates[50:]))
    assert rates[-1] < 0.02
    quarter = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 4))  # linear descent would give 0.7525
    assert rates[50 + 12] > quarter > rates[50 + 13]


def test_steps_fall_at_their_milestones():
    rates = _rates(schedule="step", milestones=(0.6, 0.9), gamma=0.1)
    assert (rates[0], rates[59], rates[60], rates[89]) == pytest.approx((0.1, 1.0, 0.1, 0.1))
    assert rates[90] == pytest.approx(0.01)


def test_constant_stays_after_the_warm_up():
    assert set(_rates(schedule="constant")[9:]) == {1.0}


@pytest.mark.parametrize(
    ("settings", "ahead"), [({}, True), ({"nesterov": False}, False), ({"momentum": 0.0}, False)]
)
def test_sgd_looks_ahead_unless_told_otherwise(settings, ahead):
    optimiser = build_optimiser(TinyMethod(), OptimiserConfig(name="sgd", **settings))
    assert {group["nesterov"] for group in optimiser.param_groups} == {ahead}


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_resumed_optimiser_keeps_its_averages_and_takes_the_settings_of_now(name):
    method = TinyMethod()
    first = build_optimiser(method, OptimiserConfig(name=name, weight_decay=0.3))
    method.encoder.backbone.weight.grad = torch.ones_like(method.encoder.backbone.weight)
    first.step()
    second = build_optimiser(method, OptimiserConfig(name=name, weight_decay=0.1, backbone_rate=0.5))
    load_optimiser(second, first.state_dict())
    kept = {"adamw": "exp_avg", "sgd": "momentum_buffer"}[name]
    weight = method.encoder.backbone.weight
    assert torch.equal(second.state[weight][kept], first.state[weight][kept])
    assert {group["weight_decay"] for group in second.param_groups} == {0.0, 0.1}
    assert {group["factor"] for group in second.param_groups} == {0.5, 1.0}


def test_the_state_of_another_optimiser_is_refused():
    adamw, sgd = (build_optimiser(TinyMethod(), OptimiserConfig(name=name)) for name in ("adamw", "sgd"))
    for one, other in ((adamw, sgd), (sgd, adamw)):
        with pytest.raises(ValueError, match="another optimizer"):
            load_optimiser(one, other.state_dict())


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_matrices_decay_and_the_backbone_goes_slower(name):
    method = TinyMethod()
    optimiser = build_optimiser(method, OptimiserConfig(name=name, backbone_rate=0.1, weight_decay=0.3))
    set_rate(optimiser, 2.0)
    settings = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    assert len(settings) == len(list(method.parameters()))
    assert settings[id(method.encoder.backbone.weight)] == pytest.approx((0.2, 0.3))
    assert settings[id(method.encoder.backbone.bias)] == pytest.approx((0.2, 0.0))
    assert settings[id(method.encoder.head[2].weight)] == pytest.approx((2.0, 0.3))
    assert settings[id(method.log_scale)] == pytest.approx((2.0, 0.0))
