# SPDX-License-Identifier: Apache-2.0
"""`geoloc map` on the command line."""

import cv2
import pytest
from typer.testing import CliRunner

import geoloc.encoder
from fakes import FakeEncoder, ground, write_bands
from geoloc.cli import app
from geoloc.errors import MapError, ParameterError

runner = CliRunner()


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(geoloc.encoder, "load_encoder", lambda *_: FakeEncoder())
    return write_bands(tmp_path / "ortho.tif", ground(240, 240).transpose(2, 0, 1))


def run(*arguments):
    result = runner.invoke(app, ["map", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def build(source, out, *options):
    return run("build", source, "--out", out, *options)


def test_build_inspect_and_verify(source, tmp_path):
    out = tmp_path / "map"
    printed = build(source, out, "--view-size", 40, "--scales", "1,1.5", "--imagery-date", "2026-05")
    assert "0.01" in printed
    assert "2026-05" in printed
    table = run("inspect", out, "--picture", tmp_path / "map.png")
    for word in ("km²", "tiles", "of 60 m", "pitch", "0.5", "fake", "ortho.tif", "MB", "WGS 84"):
        assert word in table
    picture = cv2.imread(str(tmp_path / "map.png"))
    assert picture is not None
    assert picture.shape[0] > 500
    assert "is complete and undamaged" in run("verify", out)
    assert "already holds this map" in build(
        source, out, "--view-size", 40, "--scales", "1,1.5", "--imagery-date", "2026-05"
    )


def test_an_image_with_bounds(source, tmp_path):
    cv2.imwrite(str(tmp_path / "town.png"), ground(300, 300))
    bounds = ("--bounds", -93.002, 44.999, -93.0, 45.0)
    assert "-93.0" in build(tmp_path / "town.png", tmp_path / "map", *bounds, "--view-size", 40)


def test_help_shows_an_example(source):
    text = run("build", "--help")
    assert "geoloc map build ortho.tif" in text
    assert "--view-size" in text


def test_mistakes_reach_the_shell_as_errors(source, tmp_path):
    with pytest.raises(ParameterError, match=r"as in 1,1\.5,2"):
        build(source, tmp_path / "map", "--scales", "big")
    with pytest.raises(MapError, match="there is no map"):
        run("inspect", tmp_path / "nowhere")
    build(source, tmp_path / "map", "--view-size", 40)
    with pytest.raises(MapError, match="cannot be written"):
        run("inspect", tmp_path / "map", "--picture", tmp_path / "no" / "map.png")


def test_an_interrupted_build_says_how_to_resume(source, tmp_path, monkeypatch):
    class Interrupted(FakeEncoder):
        def describe(self, views):
            raise KeyboardInterrupt

    monkeypatch.setattr(geoloc.encoder, "load_encoder", lambda *_: Interrupted())
    arguments = ["map", "build", source, "--out", tmp_path / "map", "--view-size", 40]
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 130
    assert "run the same command to resume" in result.output
    assert (tmp_path / "map" / "build.json").exists()
