# SPDX-License-Identifier: Apache-2.0
"""The commands `geoloc evaluate` and `geoloc flight` as a user types them."""

import json
import math

import pytest
from typer.testing import CliRunner

import photo_folder
import toy_flight
from geoloc.cli import app
from geoloc.errors import BagError, ParameterError
from geoloc.mapping.builder import build_map
from geoloc.mapping.recipe import BuildOptions
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.cli.evaluate import parse_topics
from geoloc_lab.reports.frames_csv import read_frames


class Encoder(toy_flight.PixelEncoder):
    def __init__(self):
        super().__init__()
        self.card.id, self.card.gsd_range_m = "pixels", (0.1, 5.0)


@pytest.fixture
def pixel_encoder(monkeypatch, tmp_path):
    """Make every command load the pixel encoder, whatever the model is called."""
    encoder = Encoder()
    monkeypatch.setattr("geoloc.encoder.load_encoder", lambda *_, **__: encoder)
    monkeypatch.setattr("geoloc.installed.find_model", lambda _: tmp_path)
    monkeypatch.setattr("geoloc.installed.default_model", lambda: "pixels")
    return encoder


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_evaluate_prints_errors_and_the_path_of_the_report(tmp_path, pixel_encoder):
    folder = photo_folder.write_folder(tmp_path / "data")
    build_map(folder / "map.tif", pixel_encoder, tmp_path / "map", BuildOptions(view_size_m=40.0))
    bag = toy_flight.write_flight(tmp_path / "bag", count=3)
    out = tmp_path / "report"
    result = invoke("evaluate", bag, "--map", tmp_path / "map", "--model", "pixels", "--out", out)
    assert result.exit_code == 0, result.output
    assert "median error" in result.output
    assert str(out / "report.html") in result.output
    assert (out / "report.html").is_file()


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    """Evaluate two flights with `--heading-error` and so on, one without a photo that can be read."""
    root = tmp_path_factory.mktemp("flights")
    photo_folder.write_folder(root / "data", gimbal=(-40.0, -90.0, 0.0, 50.0), flight_yaw=0.0)
    broken = photo_folder.write_folder(root / "data", "broken")
    for photo in (broken / "images").iterdir():
        photo.write_bytes(b"")
    small = ("--view-size", 40, "--overlap", 0.5, "--distractors", 0, "--no-nodes")
    errors = ("--heading-error", 20, "--height-error", 0.2, "--attitude-error", 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geoloc.encoder.load_encoder", lambda *_, **__: Encoder())
        patch.setattr("geoloc.installed.find_model", lambda _: root)
        result = invoke("flight", root / "data", "--out", root / "out", *small, *errors)
    return result, root / "out" / "toy_flight" / "report"


def test_flight_in_one_process_prints_a_table_for_each_flight(flown):
    result, report = flown
    assert "toy_flight: 3 photos" in result.output
    assert (report / "report.html").is_file()


def test_flight_takes_errors_as_the_nodes_do(flown):
    notes = json.loads((flown[1] / "report.json").read_text(encoding="utf-8"))["notes"]
    assert notes["hypotheses"].endswith("heading errors up to 20 degrees, height errors up to 20%")
    records = read_frames(flown[1] / "frames.csv")
    assert len(records) == 3
    attitude_m = photo_folder.HEIGHT_M * math.tan(math.radians(6.0))
    assert all(record.covariance_m2[0, 0] > attitude_m**2 for record in records)
    assert invoke("flight", "data", "--height-error", 0.9).exit_code == 2


def test_a_flight_that_cannot_be_read_does_not_stop_the_others(flown):
    result, _ = flown
    assert result.exit_code == 1
    assert "broken was not evaluated: none of the 3 photos of broken can be used" in result.output


def test_a_remark_on_a_flight_is_told_once_in_terminal_and_report(flown):
    result, report = flown
    assert result.output.count("GimbalYawDegree") == 1
    assert "note: GimbalYawDegree is wrong by a constant (-40 degrees" in result.output
    notes = json.loads((report / "report.json").read_text(encoding="utf-8"))["notes"]
    assert notes["remarks"].count("GimbalYawDegree is wrong") == 1


def test_a_missing_bag_is_refused(tmp_path, pixel_encoder):
    folder = photo_folder.write_folder(tmp_path / "data")
    build_map(folder / "map.tif", pixel_encoder, tmp_path / "map", BuildOptions(view_size_m=40.0))
    result = invoke(
        "evaluate",
        tmp_path / "gone",
        "--map",
        tmp_path / "map",
        "--model",
        "pixels",
        "--out",
        tmp_path / "out",
    )
    assert isinstance(result.exception, BagError)
    assert "there is no bag" in str(result.exception)


def test_help_shows_examples_and_inputs():
    for command, words in (("evaluate", "Examples"), ("flight", "queries*.csv")):
        output = invoke(command, "--help").output
        assert words in output


def test_topics_are_read_as_role_and_name():
    assert parse_topics(["image=/cam", "truth=/rtk"]) == Topics(image="/cam", truth="/rtk")
    assert parse_topics([]) == Topics()


@pytest.mark.parametrize("entry", ["image", "lidar=/points", "=x"])
def test_topics_of_another_form_are_refused(entry):
    with pytest.raises(ParameterError, match=r"write ROLE=NAME"):
        parse_topics([entry])
