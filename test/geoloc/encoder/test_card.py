# SPDX-License-Identifier: Apache-2.0
"""A model directory that is incomplete, foreign or damaged is refused in a sentence."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from geoloc.checksums import file_sha256
from geoloc.encoder import load_card
from geoloc.errors import ModelError
from geoloc.hypotheses import Tolerances
from geoloc.settings import fill

CALIBRATION = {"min_score": 0.5, "min_margin": 0.0, "derivation": "by hand"}
SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def _edit(model, **changes):
    tree = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))
    tree.update(changes)
    (model / "model.yaml").write_text(yaml.safe_dump({k: v for k, v in tree.items() if v is not None}))


def test_the_shipped_card_has_the_facts_that_maps_and_nodes_need():
    card = load_card(SHIPPED)
    assert card.id == "geoloc-small-2"
    assert card.sha256 == file_sha256(SHIPPED / "encoder.safetensors")
    assert card.input_px == card.architecture.input_px == 160
    assert card.descriptor_size == 256
    assert len(card.mean) == len(card.std) == 3
    assert 0 < card.gsd_range_m[0] < card.gsd_range_m[1] <= 1.0
    assert card.licence == "Apache-2.0"
    assert -1 <= card.calibration.min_score <= 1
    assert card.calibration.derivation
    assert all(0 <= m.r1 <= m.r5 <= 1 for m in card.metrics)


def test_the_shipped_model_is_small():
    assert (SHIPPED / "encoder.onnx").stat().st_size < 25e6


def test_the_parameter_file_has_the_thresholds_and_tolerances_of_the_card():
    card = load_card(SHIPPED)
    parameters = yaml.safe_load((SHIPPED / "params.yaml").read_text(encoding="utf-8"))["/**"][
        "ros__parameters"
    ]
    assert parameters["encoder_px"] == card.input_px
    assert parameters["min_score"] == card.calibration.min_score
    assert parameters["min_margin"] == card.calibration.min_margin
    assert isinstance(parameters["min_score"], float)
    assert isinstance(parameters["min_margin"], float)
    assert fill(Tolerances, parameters) == card.tolerances
    assert set(asdict(card.tolerances)) <= set(parameters)


def test_a_card_without_tolerances_has_those_of_the_shipped_model(model):
    _edit(model, tolerances=None)
    assert load_card(model).tolerances == load_card(SHIPPED).tolerances == Tolerances(13.0, 0.14)


def test_a_card_states_the_tolerances_of_its_encoder(model):
    _edit(model, tolerances={"heading_tolerance_deg": 20.0})
    assert load_card(model).tolerances == Tolerances(20.0, 0.14)


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is not a model directory"):
        load_card(tmp_path)
    with pytest.raises(ModelError, match="is not a model directory"):
        load_card(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["encoder.safetensors", "encoder.onnx", "params.yaml"])
def test_a_missing_file_is_refused(model, name):
    (model / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_card(model)


@pytest.mark.parametrize("name", ["encoder.safetensors", "encoder.onnx", "params.yaml"])
def test_a_truncated_file_is_refused(model, name):
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=f"{name} is truncated or altered"):
        load_card(model)


def test_another_format_is_refused(model):
    _edit(model, format=99)
    with pytest.raises(ModelError, match="format 99"):
        load_card(model)


@pytest.mark.parametrize(
    "text", ["- a\n- list\n", "just words", "", "a: [1", "!!python/object/apply:os.getcwd []"]
)
def test_foreign_yaml_is_refused(model, text):
    (model / "model.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"not valid YAML|not a model card"):
        load_card(model)


def test_bytes_that_are_not_text_are_refused(model):
    (model / "model.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ModelError, match="not valid YAML"):
        load_card(model)


def test_a_file_outside_the_folder_is_refused(model):
    outside = model.parent / "secret"
    outside.write_text("x")
    files = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))["files"]
    _edit(model, files={**files, "../secret": file_sha256(outside)})
    with pytest.raises(ModelError, match="outside its folder; do not use this model"):
        load_card(model)
    _edit(model, files={**files, "link": file_sha256(outside)})
    (model / "link").symlink_to(outside)
    with pytest.raises(ModelError, match="outside its folder; do not use this model"):
        load_card(model)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": None}, "'id' is missing; .* export the model again"),
        ({"id": 5}, "'id' must be text, found 5"),
        ({"seed": "one"}, "'seed'"),
        ({"files": {}}, "does not list encoder.safetensors"),
        ({"gsd_range_m": [0.1]}, "'gsd_range_m' must be a list of 2 values"),
        ({"architecture": {"backbone": 3}}, "architecture.backbone"),
        (
            {"architecture": {"backbone": "resnet18", "surprise": 1}},
            "surprise' is unknown; known: backbone",
        ),
        ({"architecture": {"backbone": "resnet18", "mean": [0.1, 0.2]}}, "architecture.mean"),
        ({"calibration": {"min_score": 0.1}}, "calibration.min_margin' is missing"),
        ({"calibration": {**CALIBRATION, "covariance_scale": 0.0}}, "scale 0.0"),
        ({"calibration": {**CALIBRATION, "sigma_floor_m": -1.0}}, "sigma_floor_m -1.0"),
        ({"calibration": {**CALIBRATION, "off_map_score": 1.5}}, "off_map_score is 1.5"),
        (
            {"calibration": {**CALIBRATION, "max_sigma_m": float("nan")}},
            "sigma_m' must be a number, found nan",
        ),
        ({"calibration": {**CALIBRATION, "measured": "much"}}, "calibration.measured"),
        ({"metrics": [3]}, "'metrics.0' must be a mapping"),
        ({"tolerances": {"heading_tolerance_deg": 5.0}}, "a number from 7.5 to 180 deg"),
        ({"tolerances": {"heading_deg": 13.0}}, "'tolerances.heading_deg' is unknown"),
        ({"tolerances": 13.0}, "'tolerances' must be a mapping"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(model, changes, sentence):
    _edit(model, **changes)
    with pytest.raises(ModelError, match=sentence):
        load_card(model)
