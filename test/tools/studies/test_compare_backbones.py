# SPDX-License-Identifier: Apache-2.0
"""Tests the comparison of backbones: one recipe, finished candidates kept, broken ones left out."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

for needed in ("torch", "timm", "onnx", "lightning_fabric", "omegaconf", "matplotlib"):
    pytest.importorskip(needed)

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "studies"))

import compare_backbones as compare  # noqa: E402 - found through the line above
import yaml  # noqa: E402
from backbone_report import markdown, time_all  # noqa: E402

from geoloc.encoder.card import ONNX_NAME  # noqa: E402
from geoloc.encoder.torch_backend import ViewEncoder  # noqa: E402
from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.config import plain  # noqa: E402
from geoloc_training.export import write_onnx  # noqa: E402

TINY = compare.Candidate("tiny", "resnet18", {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}, "unshuffle")
WRONG = compare.Candidate("wrong", "no_such_network")


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Options of a comparison of two candidates, one unknown to timm, which trains nothing."""
    monkeypatch.setattr(compare, "CANDIDATES", (TINY, WRONG))
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--steps", "40", "--pairs", "4"]
    return compare._parser().parse_args([*words, "--px", "64", "--threads", "1"])


@pytest.fixture
def trained(monkeypatch):
    """Names of the candidates that were trained; each leaves a graph and a recipe, as real ones do."""
    names = []

    def train(name, folder, recipe, options):
        names.append(name)
        folder.mkdir()
        (folder / "recipe.yaml").write_text(yaml.safe_dump(plain(recipe)))
        write_onnx(ViewEncoder(recipe.model).eval(), folder / ONNX_NAME)
        measured = compare.Measured(name, 0.5, 0.25, 8, 0.1, 0.4, 1.0)
        (folder / "measured.json").write_text(json.dumps(vars(measured)))
        return measured

    monkeypatch.setattr(compare, "_train_and_measure", train)
    return names


def test_all_candidates_share_a_recipe_except_the_backbone(options):
    recipes = [compare.recipe_of(candidate, options) for candidate in (*compare.CANDIDATES, TINY)]
    assert len({str(plain(replace(recipe, model=recipes[0].model))) for recipe in recipes}) == 1
    assert recipes[0].optimiser.warmup_steps == 2
    assert recipes[1].model.backbone_args == {}


def test_finished_candidates_are_kept_and_broken_ones_skipped(options, trained, capsys):
    compare._compare(options)
    compare._compare(options)
    assert trained == ["tiny"]
    assert "wrong: skipped, no_such_network does not work here" in capsys.readouterr().out
    rows = list(csv.DictReader((options.out / "backbones.csv").open()))
    assert [(row["name"], float(row["r1_crowd"])) for row in rows] == [("tiny", 0.25)]
    assert float(rows[0]["onnxruntime_ms"]) > 0
    assert (options.out / "backbones.png").stat().st_size > 1000


def test_runs_of_another_recipe_are_not_compared(options, trained):
    compare._compare(options)
    options.steps = 50
    with pytest.raises(ParameterError, match="made by other settings"):
        compare._compare(options)


def test_an_interruption_leaves_a_table_of_the_finished_candidates(options, trained, monkeypatch):
    def interrupted(architecture):
        if architecture.backbone == WRONG.backbone:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr(compare, "why_not", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare._compare(options)
    assert "| tiny | 0.500 | 0.250 |" in (options.out / "backbones.md").read_text()


def test_a_missing_backend_is_a_dash():
    row = {"name": "a", "r1": 1, "r1_crowd": 0.5, "onnxruntime_ms": 3.5, "parameters_m": 1, "graph_mb": 4}
    assert "| 3.5 | – | 1 | 4 | 2 |" in markdown([row | {"minutes": 2}])
    assert time_all({}) == {}
