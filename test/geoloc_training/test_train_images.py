# SPDX-License-Identifier: Apache-2.0
"""The published presets on a tiny tree in the layout of University-1652: fit, resume, evaluate, export."""

import csv
import json

import pytest
import yaml

from tiny_imagery import tree

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")
pytest.importorskip("lightning_fabric")

from geoloc.encoder import load_card  # noqa: E402
from geoloc.errors import ModelError  # noqa: E402
from geoloc_training.cli import app as cli  # noqa: E402
from geoloc_training.training import loop  # noqa: E402
from geoloc_training.training.checkpoint import load_average, load_checkpoint  # noqa: E402

TINY = (
    "model={backbone: resnet18, backbone_args: {layers: [1, 1, 1, 1], channels: [8, 16, 16, 16]}, "
    "descriptor_size: 16, input_px: 32, pretrained: false}",
    "optimiser={steps: 4, pairs: 2, warmup_steps: 0}",
    "hardware={accelerator: cpu, threads: 1, workers: 1, precision: fp32}",
    "data.validation_share=0.3",
    "checkpoint_every=2",
    "evaluate_every=2",
)
UNPAIRED = (
    "method={steps_per_epoch: 2, instances: 1, clusters: {k1: 3, k2: 1, query_min_samples: 1, "
    "reference_labels: own}, evolution: {cross_epoch: 1}, enhancement: {epoch: 1}}",
)
PRESETS = {
    "sample4geo": (),
    "dphr": (),
    "lpn": (),
    "lpn-dphr": ("dphr.weight=1",),
    "dmnil": UNPAIRED,
}
METHODS = {
    "sample4geo": "sample4geo",
    "dphr": "sample4geo with dphr",
    "lpn": "lpn",
    "lpn-dphr": "lpn with dphr",
    "dmnil": "dmnil",
}


class Killed(Exception):
    pass


def _command(*words):
    cli.app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tree("u1652", tmp_path_factory.mktemp("tiny"))


def _words(name, data):
    preset = name.partition("-")[0]
    return (f"+preset={preset}", "data=u1652", f"data.root={data}", *TINY, *PRESETS[name])


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_fitted_resumed_evaluated_and_exported(name, data, tmp_path, monkeypatch, capsys):
    words = _words(name, data)
    _command("fit", *words, "--out", tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_advance", _killed_after(2, loop._advance))
        with pytest.raises(Killed):
            _command("fit", *words, "--out", tmp_path / "run")
    _command("fit", *words, "--out", tmp_path / "run")
    whole, run = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "run")
    assert all(torch.equal(whole.model[tensor], run.model[tensor]) for tensor in whole.model)
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert all(0 <= float(row["valid_r1"]) <= 1 for row in rows[1::2])
    assert load_average(tmp_path / "run")[0] in (2, 4)
    _command("evaluate", tmp_path / "run", "--protocol", "both", "--out", tmp_path / "tests", "--no-cache",
             "--json", tmp_path / "also.json")  # fmt: skip
    assert "sample4geo" in capsys.readouterr().out
    measured = json.loads((tmp_path / "tests" / "metrics.json").read_text())
    assert len(measured) == 4  # two directions by two protocols
    _command("export", tmp_path / "run", "--out", tmp_path / "model", "--view-size-m", 50, 100,
             "--also", tmp_path / "also.json")  # fmt: skip
    card = load_card(tmp_path / "model")
    assert card.method == METHODS[name]
    assert {(metric.data, metric.seed) for metric in card.metrics} == {("u1652", 1)}
    assert len({metric.protocol for metric in card.metrics}) == 5
    assert all(metric.commit for metric in card.metrics)
    step, held_out = load_average(tmp_path / "run")[0], card.metrics[0]
    assert held_out.protocol == "places held out of training to choose the weights by"
    assert held_out.r1 == pytest.approx(float(rows[step - 1]["valid_r1"]), abs=5e-4)
    assert (held_out.queries, held_out.gallery) == (2, 1)
    tree_ = yaml.safe_load((tmp_path / "model" / "model.yaml").read_text(encoding="utf-8"))
    assert tree_["training"]["data"] == ["u1652"]
    assert str(data) not in yaml.safe_dump(tree_)


def test_dmnil_is_fitted_as_released(data, tmp_path):
    words = (*_words("dmnil", data), "method.mode=release", "method.copies=2", "data.validation_share=0")
    _command("fit", *words, "--out", tmp_path)
    assert load_average(tmp_path)[0] == 4  # without a validation the last weights are used
    saved = load_checkpoint(tmp_path)
    pictures = [len(saved.model[f"pictures.{view}.rows"]) for view in ("query", "reference")]
    assert pictures == [8, 8]  # four places of two drone pictures and one satellite picture, that one twice


def test_a_run_of_another_method_is_not_continued(data, tmp_path):
    _command("fit", *_words("sample4geo", data), "--out", tmp_path)
    with pytest.raises(ModelError, match=r"made by method sample4geo, but .* lpn; use another --out"):
        _command("fit", *_words("lpn", data), "--out", tmp_path)


def _killed_after(steps, advance):
    def advance_or_die(trainer, batch, validate):
        if trainer.step == steps:
            raise Killed
        return advance(trainer, batch, validate)

    return advance_or_die
