# SPDX-License-Identifier: Apache-2.0
"""The commands `geoloc evaluate` and `geoloc flight` as a user types them."""

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


def test_flight_in_one_process_prints_a_table_for_each_flight(tmp_path, pixel_encoder):
    photo_folder.write_folder(tmp_path / "data")
    options = (
        "--out",
        tmp_path / "out",
        "--view-size",
        40,
        "--overlap",
        0.5,
        "--distractors",
        0,
        "--no-nodes",
    )
    result = invoke("flight", tmp_path / "data", *options)
    assert result.exit_code == 0, result.output
    assert "toy_flight: 3 photos" in result.output
    assert (tmp_path / "out" / "toy_flight" / "report" / "report.html").is_file()


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
