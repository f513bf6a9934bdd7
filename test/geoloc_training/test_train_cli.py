# SPDX-License-Identifier: Apache-2.0
"""The commands on a procedural world and on dated crops of the map set: fit, resume, evaluate, export."""

import errno
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tiny_ground import place

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")
pytest.importorskip("lightning_fabric")

from geoloc.encoder import load_card, load_encoder
from geoloc.errors import ModelError, ParameterError, RasterError
from geoloc_training.cli import app as cli
from geoloc_training.training.checkpoint import load_average

RECIPE = {
    "model": {
        "backbone": "resnet18",
        "backbone_args": {"layers": [1, 1, 1, 1], "channels": [8, 16, 16, 16]},
        "head_channels": 4,
        "descriptor_size": 16,
        "input_px": 64,
    },
    "optimiser": {"steps": 3, "pairs": 4, "warmup_steps": 1},
    "hardware": {"accelerator": "cpu", "threads": 1, "precision": "bf16"},
    "data": {
        "name": "map",
        "sources": [
            {"kind": "map", "images": "towns", "share": 1.0, "view_size_m": [60, 90], "cities": ["x"]},
            {
                "kind": "world",
                "share": 1.0,
                "view_size_m": [20, 40],
                "seeds": [5],
                "world_size_m": 120.0,
                "world_dates": 2,
            },
        ],
    },
}


def _command(*words):
    cli.app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    _command("fit", "--config", folder / "recipe.yaml", "--out", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def model(run):
    _command("export", run, "--out", run.parent / "tiny-model")
    return run.parent / "tiny-model"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two cities of five places in two years, in the layout of the multi-date set."""
    root = tmp_path_factory.mktemp("data") / "towns"
    (root / "images").mkdir(parents=True)
    lines = ["file,location_id,city,year,gsd_m"]
    for city, first in (("x", 0), ("y", 100)):
        for number in range(5):
            for year, levels in place(first + number).dates.items():
                name = f"{city}{number}_{year}.png"
                cv2.imwrite(str(root / "images" / name), levels[0])
                lines.append(f"{name},{city}{number},{city},{year},0.6")
    (root / "index.csv").write_text("\n".join(lines))
    return root.parent


def test_a_run_with_data_is_validated_calibrated_and_compared_with_hog(run, data, tmp_path, capsys):
    recipe = ("--config", run.parent / "recipe.yaml", "data.validation=[y:2016:2020]", f"data.root={data}")
    _command("fit", *recipe, "--init", run, "--out", tmp_path / "run")
    _command("evaluate", tmp_path / "run", "--pair", "y:2016:2020", "--floor",
             "--label", "left out: ", "--json", tmp_path / "also.json")  # fmt: skip
    assert "HOG: y 2016→2020" in capsys.readouterr().out
    _command("export", tmp_path / "run", "--out", tmp_path / "model", "--also",
             tmp_path / "also.json", "--note", "place=here")  # fmt: skip
    card = load_card(tmp_path / "model")
    assert {m.protocol.split(" ")[0] for m in card.metrics} == {"y", "left", "HOG:"}
    assert {(m.data, m.seed, bool(m.commit)) for m in card.metrics} == {("map", 1, True)}
    assert "y 2016→2020" in card.calibration.derivation
    assert -1 < card.calibration.min_score < 1
    text = (tmp_path / "model" / "model.yaml").read_text(encoding="utf-8")
    tree = yaml.safe_load(text)
    assert tree["notes"] == {"place": "here"}
    assert "y:2016:2020" in tree["training"]["command"]
    assert str(data) not in text


def test_a_model_directory_can_be_the_initial_model_and_be_evaluated(run, model, data, tmp_path, capsys):
    world = ("--config", run.parent / "recipe.yaml", "--init", model, "optimiser.learning_rate=1e-9")
    _command("fit", *world, "optimiser.ema_decay=0", "--out", tmp_path / "run")
    first, second = load_average(run)[1], load_average(tmp_path / "run")[1]
    name = "backbone.layer1.0.conv1.weight"
    np.testing.assert_allclose(first[name], second[name], atol=1e-6)
    towns = "data.sources=[{kind: map, images: towns, share: 1, view_size_m: [60, 90]}]"
    _command("evaluate", model, "data=map", towns, f"data.root={data}", "--pair", "y:2016:2020")
    assert "y 2016→2020" in capsys.readouterr().out


def test_fit_writes_a_run_with_its_step(run):
    assert (run / "log.csv").read_text().count("\n") == 4
    assert yaml.safe_load((run / "config.yaml").read_text())["optimiser"]["steps"] == 3


def test_a_runs_own_configuration_makes_the_same_run_again(run, tmp_path):
    _command("fit", "--config", run / "config.yaml", "--out", tmp_path / "again")
    first, again = load_average(run)[1], load_average(tmp_path / "again")[1]
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_an_exported_model_loads_in_every_backend_and_they_agree(model):
    views = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    reference = load_encoder(model, "torch").describe(views)
    assert reference.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(reference, axis=1), 1, atol=1e-5)
    for backend in ("onnxruntime", "openvino"):
        pytest.importorskip(backend)
        described = load_encoder(model, backend, 1).describe(views)
        assert (described * reference).sum(axis=1).min() > 0.999


def test_the_card_says_how_it_was_made(model):
    tree = yaml.safe_load((model / "model.yaml").read_text())
    assert tree["training"]["steps"] == 3
    assert tree["training"]["data"] == ["world"]
    assert tree["training"]["commit"]
    assert (tree["id"], tree["method"]) == ("tiny-model", "sample4geo")
    assert tree["parity_with_torch"]["onnxruntime"]["queries"] == 200
    parameters = yaml.safe_load((model / "params.yaml").read_text())["/**"]["ros__parameters"]
    assert parameters["encoder_px"] == 64
    assert isinstance(parameters["min_score"], float)
    assert tree["tolerances"] == {name: parameters[name] for name in tree["tolerances"]} != {}


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_run_whose_configuration_is_of_another_architecture_is_a_sentence(run, tmp_path, command):
    other = Path(shutil.copytree(run, tmp_path / "run"))
    recipe = yaml.safe_load((run / "config.yaml").read_text())
    recipe["model"]["descriptor_size"] = 12
    (other / "config.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(ModelError, match=r"of another architecture than its config\.yaml \(resnet18"):
        _command(command, other, *(["--out", tmp_path / "model"] if command == "export" else []))


def test_missing_data_and_runs_are_sentences(run, tmp_path):
    recipe = ("--config", run.parent / "recipe.yaml")
    with pytest.raises(RasterError, match="does not exist"):
        _command("fit", *recipe, "--out", tmp_path / "r", f"data.root={tmp_path / 'no'}")
    with pytest.raises(ParameterError, match="does not exist"):
        _command("export", tmp_path / "no-run", "--out", tmp_path / "m")
    with pytest.raises(ModelError, match="neither a model directory nor a shipped model"):
        _command("evaluate", tmp_path / "no-run", "data=map", "data.root=x")
    with pytest.raises(ParameterError, match=r"data 'u1652' has no folder; add data\.root=DIR"):
        _command("fit", "+preset=sample4geo", "--out", tmp_path / "r")
    with pytest.raises(ParameterError, match="no source to train on"):
        _command("fit", *recipe, "--out", tmp_path / "r", "data.sources.1.share=0.0")


def test_main_ends_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["geoloc-train", "fit", "--config", str(Path("no.yaml"))])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("geoloc-train: no.yaml does not exist")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_main_ends_in_one_sentence_when_the_disk_is_full(monkeypatch, capsys, number):
    def full():
        raise OSError(number, os.strerror(number), "runs/x/log.csv")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    assert stopped.value.code == 2
    assert "make room and rerun the same command" in capsys.readouterr().err
