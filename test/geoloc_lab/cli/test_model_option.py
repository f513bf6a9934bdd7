# SPDX-License-Identifier: Apache-2.0
"""Every command takes a model by directory or id, and the shipped model by default."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from geoloc.cli import app
from geoloc.errors import ModelError
from geoloc.installed import default_model

ID = "geoloc-small-2"
DIRECTORY = Path(__file__).resolve().parents[3] / "models" / ID
WAYS = {"directory": ["--model", str(DIRECTORY)], "id": ["--model", ID], "none": []}


class Opened(Exception):
    """Raised with the model that a command opens, so that the command goes no further."""


def opened(model, *_, **__):
    raise Opened(str(getattr(model, "model", model)))


def started(nodes):
    raise Opened(str(next(node.parameters["model"] for node in nodes if node.entry.takes_model)))


COMMANDS = {
    "map build": ["map", "build", "ortho.tif", "--out", "map"],
    "evaluate": ["evaluate", "bag", "--map", "map", "--out", "report"],
    "flight": ["flight", "data"],
    "demo": ["demo"],
    "scenarios": ["simulate", "scenarios"],
    "up": ["up", "--map", "."],
}


def run(words):
    return CliRunner().invoke(app, words)


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.yaml").touch()
    monkeypatch.setattr("geoloc.encoder.load_encoder", opened)
    monkeypatch.setattr("geoloc.encoder.card.load_card", opened)
    monkeypatch.setattr("geoloc.installed.require_ros", lambda: None)
    monkeypatch.setattr("geoloc.nodes.startup.processes.running", started)
    monkeypatch.setattr("geoloc_lab.scenarios.suite.run_suite", opened)
    monkeypatch.setattr("geoloc_lab.demo.load_encoder", opened)
    monkeypatch.setattr("geoloc_lab.demo.write_world", lambda *_: None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_is_named_by_directory_by_id_or_not_at_all(command, way):
    if command == "demo":
        pytest.importorskip("rclpy")
    assert default_model() == ID
    result = run([*COMMANDS[command], *WAYS[way]])
    assert isinstance(result.exception, Opened), (result.output, result.exception)
    assert str(result.exception) == str(DIRECTORY)


@pytest.mark.parametrize("model", [str(DIRECTORY), ID])
def test_the_model_to_calibrate_is_named_by_directory_or_by_id(model):
    result = run(["calibrate", model, "report"])
    assert isinstance(result.exception, Opened), result.output
    assert str(result.exception) == str(DIRECTORY)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_that_does_not_exist_is_refused(command):
    if command == "demo":
        pytest.importorskip("rclpy")
    result = run([*COMMANDS[command], "--model", "nowhere"])
    assert isinstance(result.exception, ModelError), result.output
    assert "nowhere is neither a model directory nor a shipped model (" in str(result.exception)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_option_reads_the_same_everywhere(command):
    names = command.split() if command == "map build" else COMMANDS[command][: 1 + (command == "scenarios")]
    words = " ".join(run([*names, "--help"]).output.replace("│", " ").split())
    assert "Model directory, or id of a shipped model. Default: the shipped model." in words
