# SPDX-License-Identifier: Apache-2.0
import csv
import errno
import os
import shutil
import signal
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from geoloc.errors import ModelError, ParameterError  # noqa: E402
from geoloc_training.training import checkpoint, loop  # noqa: E402
from geoloc_training.training.checkpoint import Best, best_so_far, load_average, load_checkpoint  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402
from geoloc_training.training.interrupts import Interrupted  # noqa: E402
from geoloc_training.training.loop import begin, fit, planned  # noqa: E402
from geoloc_training.training.trainer import Trainer  # noqa: E402
from tiny_training import Recalls, TinySource, build_tiny, tiny_config  # noqa: E402


class Planned(TinySource):
    """A source that plans each epoch by the descriptors of the current weights, like hard negatives."""

    def start_epoch(self, epoch, describe):
        self.describe_views = describe.__self__.views
        super().start_epoch(epoch, describe)


class Killed(Exception):
    pass


class Cut(Planned):
    """A source that ends the program at a step, like a power cut."""

    def __init__(self, at, **options):
        super().__init__(**options)
        self.at = at

    def finish(self, batch, step, rank):
        if step == self.at:
            raise Killed
        return batch


def _figures(run):
    with (run / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("dropout", "optimiser"),
    [
        (0.0, {}),
        (0.3, {}),
        (0.3, {"accumulate": 4, "schedule": "step", "milestones": [0.5], "ema_decay": 0.0}),
        (0.0, {"name": "sgd", "schedule": "constant", "backbone_rate": 0.1, "clip_value": 0.01}),
    ],
)
@pytest.mark.parametrize("at", [3, 4])
def test_a_killed_and_resumed_run_gives_the_same_numbers(tmp_path, dropout, optimiser, at):
    """Test epochs of two steps, planned by descriptors, killed between or within epochs."""
    config = replace(tiny_config(**optimiser), checkpoint_every=at)
    options = {"validate": Recalls(0.5), "build": partial(build_tiny, dropout=dropout)}
    fit(config, Planned(), tmp_path / "whole", **options)
    with pytest.raises(Killed):
        fit(config, Cut(at), tmp_path / "cut", **options)
    resumed = Planned()
    fit(config, resumed, tmp_path / "cut", **options)
    assert resumed.planned == [epoch for epoch in (0, 1, 2) if 2 * epoch >= at]
    whole, cut = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut")
    for part in ("model", "average"):
        for name, tensor in getattr(whole, part).items():
            torch.testing.assert_close(getattr(cut, part)[name], tensor, rtol=0, atol=0)
    assert _figures(tmp_path / "cut") == _figures(tmp_path / "whole")
    assert len(_figures(tmp_path / "cut")) == 6


@pytest.mark.parametrize("saved", [False, True])
def test_killed_beside_a_checkpoint_the_log_has_every_step_once(tmp_path, monkeypatch, saved):
    save = Trainer.save

    def killed(trainer):
        if saved:
            save(trainer)
        raise Killed

    options = {"validate": Recalls(0.5), "build": build_tiny}
    fit(tiny_config(), TinySource(), tmp_path / "whole", **options)
    monkeypatch.setattr(Trainer, "save", killed)
    with pytest.raises(Killed):
        fit(tiny_config(), TinySource(), tmp_path / "cut", **options)
    monkeypatch.undo()
    assert (load_checkpoint(tmp_path / "cut") is not None) == saved
    fit(tiny_config(), TinySource(), tmp_path / "cut", **options)
    assert _figures(tmp_path / "cut") == _figures(tmp_path / "whole")
    assert len(_figures(tmp_path / "cut")) == 6


def test_resuming_at_another_step_gives_other_weights(tmp_path):
    """Show that the test above can fail, because another order of places gives other weights."""
    fit(tiny_config(), Planned(), tmp_path / "a", build=build_tiny)
    fit(tiny_config(), TinySource(), tmp_path / "b", build=build_tiny)
    a, b = (load_average(tmp_path / name)[1]["backbone.weight"] for name in "ab")
    assert not torch.equal(a, b)


def test_training_learns_the_places(tmp_path):
    fit(tiny_config(steps=60), TinySource(), tmp_path, build=build_tiny)
    losses = [float(row["loss"]) for row in _figures(tmp_path)]
    assert losses[-1] < losses[0] / 2


def test_accumulated_parts_are_batches_of_their_own(tmp_path):
    fabric = launch(tiny_config().hardware)
    whole, halves = (
        begin(tiny_config(accumulate=n, clip_norm=0.0), TinySource(), tmp_path, fabric, build=build_tiny)
        for n in (1, 2)
    )
    batch = TinySource().batch(0, 0, 1)
    first, second = whole.train_step(batch), halves.train_step(batch)
    assert second["loss"] < first["loss"]  # fewer negatives
    assert second["seen"] == 1.5  # the mean of the parts' figures


def test_the_best_on_validation_is_kept_beside_the_last(tmp_path):
    last = fit(tiny_config(), TinySource(), tmp_path, Recalls(0.2, 0.9, 0.4), build=build_tiny)
    assert last["valid_r1"] == 0.4
    assert (load_average(tmp_path)[0], load_average(tmp_path, "last")[0]) == (4, 6)
    assert [row["valid_r1"] for row in _figures(tmp_path)] == ["", "0.2", "", "0.9", "", "0.4"]


def test_the_later_of_equal_scores_is_the_best(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path, Recalls(0.9, 0.9, 0.4), build=build_tiny)
    assert load_average(tmp_path)[0] == 4


def test_the_best_so_far_stays_the_best_of_a_resumed_run(tmp_path):
    fit(tiny_config(steps=3), TinySource(), tmp_path, Recalls(0.9), build=build_tiny)
    best = load_average(tmp_path)[1]["backbone.weight"]
    fit(tiny_config(), TinySource(), tmp_path, Recalls(0.4), build=build_tiny)
    step, weights = load_average(tmp_path)
    assert step == 3
    assert torch.equal(weights["backbone.weight"], best)


def test_the_best_by_another_figure_is_not_the_best_of_a_resumed_run(tmp_path):
    fit(tiny_config(steps=3), TinySource(), tmp_path, Recalls(0.9), build=build_tiny)
    other = Recalls(0.4, selected_by="agreement")
    fit(tiny_config(), TinySource(), tmp_path, other, build=build_tiny)
    assert best_so_far(tmp_path) == Best(6, "agreement", 0.4)


def test_a_new_run_has_no_best_of_an_earlier_one(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path, Recalls(0.9), build=build_tiny)
    shutil.rmtree(tmp_path / "checkpoint")
    fit(tiny_config(steps=4), TinySource(), tmp_path, Recalls(0.4), build=build_tiny)
    assert best_so_far(tmp_path).score == 0.4


def test_without_validation_the_last_weights_count(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path, build=build_tiny)
    assert load_average(tmp_path)[0] == 6
    with pytest.raises(ModelError, match="holds no best checkpoint"):
        load_average(tmp_path, "best")


def test_epochs_become_steps_and_are_written_down(tmp_path):
    config = tiny_config(steps=0, epochs=2)
    assert planned(config, TinySource()).optimiser.steps == 4
    fit(config, TinySource(), tmp_path, build=build_tiny)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["optimiser"]["steps"] == 4
    with pytest.raises(ParameterError, match="warmup_steps=9 is not below steps=2"):
        planned(tiny_config(steps=0, epochs=1, warmup_steps=9), TinySource())


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(tmp_path, value):
    class Poisoned(TinySource):
        def finish(self, batch, step, rank):
            if step == 4:
                with torch.no_grad():
                    self.method.log_scale.fill_(float(value))
            return batch

    source = Poisoned()

    def build(config, places):
        source.method = build_tiny(config, places)
        return source.method

    with pytest.raises(
        ModelError, match=r"loss is nan.* at step 5 \(the last checkpoint in .*, of step 3, is valid\)"
    ):
        fit(tiny_config(), source, tmp_path, build=build)
    kept = load_checkpoint(tmp_path)
    assert kept.step == 3
    assert all(torch.isfinite(tensor).all() for tensor in kept.model.values())


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(tmp_path):
    trainer = begin(tiny_config(), TinySource(), tmp_path, launch(tiny_config().hardware), build=build_tiny)
    trainer.method.encoder.head[2].weight.register_hook(lambda grad: grad * float("inf"))
    before = trainer.method.encoder.backbone.weight.clone()
    with pytest.raises(ModelError, match=r"gradient_norm is (nan|inf) at step 1 \(no checkpoint was due"):
        trainer.train_step(TinySource().batch(0, 0, 1))
    assert torch.equal(trainer.method.encoder.backbone.weight, before)


def test_a_full_disk_loses_nothing_and_says_how_much_it_takes(tmp_path, monkeypatch):
    config = replace(tiny_config(), checkpoint_every=2)
    saved, calls = checkpoint.torch.save, []

    def full(tree, path):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved(tree, path)

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(ModelError, match=r"No space left.*it needs \d+\.\d MB.*rerun the same command"):
        fit(config, TinySource(), tmp_path / "run", build=build_tiny)
    assert load_checkpoint(tmp_path / "run").step == 2
    assert not (tmp_path / "run" / "checkpoint.new").exists()
    fit(config, TinySource(), tmp_path / "run", build=build_tiny)
    monkeypatch.undo()
    fit(config, TinySource(), tmp_path / "whole", build=build_tiny)
    assert _figures(tmp_path / "run") == _figures(tmp_path / "whole")


def test_too_little_room_is_seen_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(ModelError, match=r"only 0.0 MB are free\); it needs"):
        fit(tiny_config(), TinySource(), tmp_path, build=build_tiny)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_continue(tmp_path, number):
    class Signalled(TinySource):
        def finish(self, batch, step, rank):
            if step == 1:
                os.kill(os.getpid(), number)
            return batch

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"after step 2 of 6 .* rerun the same command") as stopped:
        fit(tiny_config(), Signalled(), tmp_path / "cut", build=build_tiny)
    assert stopped.value.number == number
    assert signal.getsignal(number) == before
    fit(tiny_config(), TinySource(), tmp_path / "cut", build=build_tiny)
    fit(tiny_config(), TinySource(), tmp_path / "whole", build=build_tiny)
    assert _figures(tmp_path / "cut") == _figures(tmp_path / "whole")


def test_a_checkpoint_of_another_method_architecture_or_optimiser_is_a_sentence(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path, build=build_tiny)
    other = replace(tiny_config(), dphr=replace(tiny_config().dphr, weight=1.0))
    with pytest.raises(ModelError, match=r"made by method sample4geo, but .* says sample4geo with dphr"):
        fit(other, TinySource(), tmp_path, build=build_tiny)

    def wider(config, places):
        method = build_tiny(config, places)
        method.encoder.head[2] = torch.nn.Linear(8, 7)
        return method

    for config, build in ((tiny_config(), wider), (tiny_config(name="sgd"), build_tiny)):
        with pytest.raises(ModelError, match="another architecture, optimizer or number of places"):
            fit(config, TinySource(), tmp_path, build=build)


def test_a_run_may_begin_with_anothers_weights_even_under_a_wider_head(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path / "first", build=build_tiny)
    weights = load_average(tmp_path / "first")[1]

    def wider(config, places):
        method = build_tiny(config, places)
        method.encoder.head[2] = torch.nn.Linear(8, 7)
        return method

    fabric = launch(tiny_config().hardware)
    trainer = begin(tiny_config(), TinySource(), tmp_path / "second", fabric, tmp_path / "first", wider)
    state = trainer.average.state_dict()
    assert torch.equal(state["backbone.weight"], weights["backbone.weight"])
    assert torch.equal(state["head.2.weight"][:5], weights["head.2.weight"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_initial_weights_of_another_backbone_are_refused(tmp_path):
    fit(tiny_config(), TinySource(), tmp_path / "first", build=build_tiny)

    def other(config, places):
        method = build_tiny(config, places)
        method.encoder.backbone = torch.nn.Sequential(method.encoder.backbone)
        return method

    with pytest.raises(ModelError, match=r"not of backbone 'resnet18'; set model.backbone to their"):
        fit(tiny_config(), TinySource(), tmp_path / "second", initial=tmp_path / "first", build=other)


def test_fp16_is_refused_on_a_cpu_also_where_auto_finds_one():
    hardware = tiny_config().hardware
    with pytest.raises(ParameterError, match="fp16 needs a GPU"):
        replace(hardware, precision="fp16")
    with pytest.raises(ParameterError, match=r"fp16"):
        launch(replace(hardware, precision="fp16", accelerator="auto"))


def test_without_a_progress_bar_lines_report_step_and_log(tmp_path, capsys):
    for steps in (4, 6):
        fit(tiny_config(steps=steps), TinySource(), tmp_path, build=build_tiny)
    begins, *saved = capsys.readouterr().out.splitlines()
    assert begins == f"step 0 of 4; figures are logged in {tmp_path / 'log.csv'}"
    assert f"step 4 of 6; figures are logged in {tmp_path / 'log.csv'}" in saved
    assert all(line.endswith("saved") for line in saved if "loss" in line)
    assert [line.split("  ")[0] for line in saved if "loss" in line][-1] == "step 6 of 6"


def test_a_bar_shows_how_far_a_run_and_a_resumed_one_have_come(tmp_path, monkeypatch):
    bars = []

    class Bar:
        write = staticmethod(lambda _: None)
        disable = False

        def __init__(self, total, initial, **_):
            self.place, self.shown = [initial, initial, total], {}
            bars.append(self)

        def set_postfix(self, shown, **_):
            self.shown = shown

        def update(self):
            self.place[1] += 1

        def close(self):
            self.place.append("closed")

    monkeypatch.setattr(loop, "tqdm", Bar)
    for steps in (4, 6):
        fit(tiny_config(steps=steps), TinySource(), tmp_path, Recalls(0.5), build=build_tiny)
    assert [bar.place for bar in bars] == [[0, 4, 4, "closed"], [4, 6, 6, "closed"]]
    assert set(bars[1].shown) == {"loss", "valid_r1"}


def test_tensorboard_has_the_figures_of_every_step_once(tmp_path):
    with pytest.raises(Killed):
        fit(tiny_config(), Cut(5), tmp_path, build=build_tiny)
    time.sleep(1.1)  # TensorBoard reads files in the order of their names, which contain the second
    fit(tiny_config(), Planned(), tmp_path, build=build_tiny)
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
