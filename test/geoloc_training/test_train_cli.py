# SPDX-License-Identifier: Apache-2.0
"""The commands end to end on a tiny procedural world: fit, resume, export, load."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")

from geoloc.encoder import load_encoder
from geoloc.errors import ModelError, ParameterError, RasterError
from geoloc_training import cli, export

RECIPE = {
    "threads": 1,
    "model": {
        "backbone": "resnet18",
        "backbone_args": {"layers": [1, 1, 1, 1], "channels": [8, 16, 16, 16]},
        "head_channels": 4,
        "descriptor_size": 16,
        "input_px": 64,
    },
    "optimiser": {"steps": 3, "pairs": 4, "warmup_steps": 1},
    "sources": [
        {"kind": "naip", "share": 1.0, "view_size_m": [60, 90], "cities": ["x"]},
        {
            "kind": "world",
            "share": 1.0,
            "view_size_m": [20, 40],
            "seeds": [5],
            "world_size_m": 120.0,
            "world_dates": 2,
        },
    ],
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


def test_fit_leaves_a_run_that_names_its_step(run):
    assert (run / "log.csv").read_text().count("\n") == 4
    assert yaml.safe_load((run / "config.yaml").read_text())["optimiser"]["steps"] == 3


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
    assert tree["id"] == "tiny-model"
    parameters = yaml.safe_load((model / "params.yaml").read_text())["/**"]["ros__parameters"]
    assert parameters["encoder_px"] == 64
    assert isinstance(parameters["min_score"], float)


def test_a_graph_that_differs_from_torch_is_not_exported(run, monkeypatch):
    monkeypatch.setattr(export, "_MIN_COSINE", 1.1)
    with pytest.raises(ModelError, match="differs from torch"):
        _command("export", run, "--out", run.parent / "other-model")
    assert not (run.parent / "other-model").exists()


def test_missing_data_and_runs_are_sentences(run, tmp_path):
    with pytest.raises(RasterError, match="does not exist"):
        _command(
            "fit", "--config", run.parent / "recipe.yaml", "--out", tmp_path / "r", "--data", tmp_path / "no"
        )
    with pytest.raises(ParameterError, match="does not exist"):
        _command("export", tmp_path / "no-run", "--out", tmp_path / "m")


def test_nothing_to_train_on_is_a_sentence(run, tmp_path):
    with pytest.raises(ParameterError, match="nothing to train on"):
        _command(
            "fit",
            "--config",
            run.parent / "recipe.yaml",
            "--out",
            tmp_path / "r",
            "--set",
            "sources.1.share=0.0",
        )


def test_main_ends_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["geoloc-train", "fit", "--config", str(Path("no.yaml"))])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("geoloc-train: no.yaml does not exist")
