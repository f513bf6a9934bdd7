# SPDX-License-Identifier: Apache-2.0
import csv
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tiny_ground import places

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from geoloc.errors import ModelError  # noqa: E402
from geoloc_training.checkpoint import checkpoint_step, load_average, load_checkpoint, save_checkpoint  # noqa: E402
from geoloc_training.config import OptimiserConfig, SourceConfig, build_config  # noqa: E402
from geoloc_training.datasets.pairs import Source, draw_batch  # noqa: E402
from geoloc_training.loop import Trainer, fit, learning_rate  # noqa: E402

TINY = {
    "checkpoint_every": 2,
    "evaluate_every": 4,
    "threads": 1,
    "validation": ["town:2016:2020"],
    "model": {
        "backbone": "resnet18",
        "backbone_args": {"layers": [1, 1, 1, 1], "channels": [8, 16, 16, 16]},
        "head_channels": 4,
        "descriptor_size": 16,
        "input_px": 64,
    },
    "augment": {"ramp_steps": 0},
    "optimiser": {"steps": 4, "pairs": 4, "warmup_steps": 1, "precision": "fp32"},
    "sources": [],
}


def tiny_config(**optimiser):
    config = build_config(TINY)
    return replace(config, optimiser=replace(config.optimiser, **optimiser))


def tiny_sources():
    return [Source(places(6), SourceConfig("naip", 1.0, (60.0, 90.0)))]


def test_resuming_gives_the_same_numbers(tmp_path):
    """Interrupted after two of four steps and resumed, the weights are those of the run in one go."""
    fit(tiny_config(), tiny_sources(), tmp_path / "whole", places(4))

    class Stop(Exception):
        pass

    class Interrupted(Source):
        calls = 0

        def spots(self, *args):
            Interrupted.calls += 1
            if Interrupted.calls > 3:
                raise Stop
            return super().spots(*args)

    with pytest.raises(Stop):
        fit(
            tiny_config(),
            [Interrupted(places(6), SourceConfig("naip", 1.0, (60.0, 90.0)))],
            tmp_path / "cut",
            places(4),
        )
    assert checkpoint_step(tmp_path / "cut") == 2
    fit(tiny_config(), tiny_sources(), tmp_path / "cut", places(4))
    whole, cut = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut")
    for first, second in zip(whole[:2], cut[:2], strict=True):
        for name, tensor in first.items():
            torch.testing.assert_close(second[name], tensor, rtol=0, atol=0)


def test_a_log_has_one_line_a_step_and_ends_with_a_validation(tmp_path):
    last = fit(tiny_config(), tiny_sources(), tmp_path, places(4))
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert 0.0 <= last["valid_r1"] <= last["valid_r5"] <= 1.0


def test_training_learns_a_batch_by_heart(tmp_path):
    """Thirty steps on the same pairs: from guessing among six to finding all."""
    trainer = Trainer(tiny_config(steps=30, learning_rate=3e-3), tmp_path)
    rng = np.random.default_rng(0)
    maps, drones = draw_batch(tiny_sources(), 6, 64, tiny_config().augment, 0.3, rng)
    results = [trainer.train_step(maps, drones) for _ in range(30)]
    assert results[-1]["batch_r1"] == 1.0
    assert results[-1]["loss"] < results[0]["loss"] / 2


def test_a_new_run_may_begin_with_anothers_weights_even_under_a_wider_head(tmp_path):
    fit(tiny_config(steps=2), tiny_sources(), tmp_path / "first", places(4))
    weights = load_average(tmp_path / "first")[1]
    wider = replace(tiny_config(), model=replace(tiny_config().model, head="both"))
    trainer = Trainer(wider, tmp_path / "second")
    trainer.begin_with(weights)
    state, columns = trainer.average.state_dict(), weights["head.project.weight"].shape[1]
    torch.testing.assert_close(
        state["backbone.layer1.0.conv1.weight"], weights["backbone.layer1.0.conv1.weight"]
    )
    torch.testing.assert_close(state["head.project.weight"][:, :columns], weights["head.project.weight"])
    assert state["head.project.weight"].shape[1] > columns


def test_another_architecture_in_the_run_is_a_sentence(tmp_path):
    fit(tiny_config(steps=2), tiny_sources(), tmp_path, places(4))
    other = replace(tiny_config(), model=replace(tiny_config().model, descriptor_size=8))
    with pytest.raises(ModelError, match="another architecture"):
        Trainer(other, tmp_path)


def test_a_loss_that_is_not_finite_stops_and_names_the_step(tmp_path):
    trainer = Trainer(tiny_config(), tmp_path)
    with torch.no_grad():
        trainer.method.log_scale.fill_(float("nan"))
    views = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    with pytest.raises(ModelError, match="at step 0"):
        trainer.train_step(views, views)


def test_a_damaged_or_missing_checkpoint_is_a_sentence(tmp_path):
    with pytest.raises(ModelError, match="holds no checkpoint"):
        load_average(tmp_path)
    save_checkpoint(tmp_path, 3, {"a": torch.ones(2)}, {"a": torch.ones(2)}, {})
    assert load_average(tmp_path)[0] == 3
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="delete it to start afresh"):
        load_average(tmp_path)


def test_a_swap_that_was_interrupted_keeps_the_old_checkpoint(tmp_path):
    save_checkpoint(tmp_path, 3, {"a": torch.ones(2)}, {"a": torch.ones(2)}, {})
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    assert load_average(tmp_path)[0] == 3


def test_the_learning_rate_warms_up_holds_and_descends():
    plan = OptimiserConfig(steps=100, warmup_steps=10, learning_rate=1.0, descent=0.5)
    rates = [learning_rate(plan, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[49] == 1.0
    assert all(b <= a for a, b in pairwise(rates[50:]))
    assert rates[-1] < 0.02
