# SPDX-License-Identifier: Apache-2.0
"""Tests `geoloc simulate scenarios` from end to end over an invented place, and its error messages."""

import json
from dataclasses import replace

import pytest
import tiny_suite
from typer.testing import CliRunner

from fakes import FakeEncoder
from geoloc.cli import app
from geoloc.errors import ModelError, ParameterError
from geoloc_lab.scenarios import regions, suite, trials
from geoloc_lab.scenarios.regions import Ortho
from geoloc_lab.scenarios.results import summary
from geoloc_lab.scenarios.suite import Suite, run_suite, trials_of

ENCODER = FakeEncoder()
TINY = (tiny_suite.STRAIGHT, tiny_suite.KIDNAP)


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def world(tmp_path_factory, patch):
    """Replace the world by a small one and the encoder by one without a network."""
    region = tiny_suite.region(tmp_path_factory.mktemp("world"), imagery="world")
    patch.setattr(suite, "world_region", lambda _: region)
    patch.setattr(suite, "load_encoder", lambda _: ENCODER)
    patch.setattr(trials, "_encoder", lambda _: ENCODER)
    return region


@pytest.fixture(scope="module")
def flown(world, tmp_path_factory):
    """Return a suite of two scenarios, its results, and the lines that it said."""
    tried, said = Suite(TINY, tmp_path_factory.mktemp("out"), world.map_image.parent), []
    return tried, run_suite(tried, said.append), said


def invoke(*arguments):
    return CliRunner().invoke(app, ["simulate", "scenarios", *map(str, arguments)])


def test_two_scenarios_end_in_a_table_a_plot_and_metrics(flown):
    tried, results, said = flown
    assert list(results.outcomes) == ["world/leg", "world/taken", "world, all", "all"]
    assert results.outcomes["all"].frames == 36
    assert results.outcomes["world/taken"].back_s
    table = (tried.out / "scenarios.md").read_text(encoding="utf-8")
    assert "| world/leg | 18 |" in table
    assert "an invented place" in table
    content = json.loads((tried.out / "scenarios.json").read_text(encoding="utf-8"))
    assert content["trials"]["all"]["frames"] == 36
    assert {target["figure"] for target in content["trials"]["all"]["targets"]} >= {"NEES", "p95 error"}
    assert (tried.out / "scenarios.png").is_file()
    assert any(line.startswith("world/leg: ") for line in said)
    assert "the targets apply to all scenarios together" in summary(results)
    assert "all: availability after the first fix" in summary(replace(results, complete=True))


def test_what_was_flown_is_not_flown_again(flown):
    tried, results, _ = flown
    calls = ENCODER.calls
    assert repr(run_suite(tried, lambda _: None).outcomes) == repr(results.outcomes)
    assert ENCODER.calls == calls


def test_with_real_imagery_each_scenario_is_flown_there_too(world, tmp_path, monkeypatch):
    town, country = (tiny_suite.region(tmp_path / name, "ortho", seed) for name, seed in (("t", 5), ("c", 6)))
    monkeypatch.setattr(suite, "ortho_regions", lambda *_: Ortho(town, country))
    dull = replace(tiny_suite.STRAIGHT, name="plain", course="dull")
    wide = replace(tiny_suite.STRAIGHT, name="anywhere", far_and_wide=True)
    tried = Suite((tiny_suite.STRAIGHT, dull, wide), tmp_path / "out", tmp_path, data=tmp_path)
    trials = trials_of(tried, print)
    assert [trial.name for trial in trials] == [
        "world/leg", "world/plain", "ortho/leg", "ortho/plain", "ortho/anywhere"
    ]  # fmt: skip
    assert [trial.region for trial in trials[2:]] == [town, country, town]


def test_scenarios_that_need_real_imagery_are_left_out_without_it(world, tmp_path):
    result = invoke(
        "--only", "unknown-start", "--out", tmp_path, "--data", tmp_path / "gone", "--model", "geoloc-small-2"
    )
    assert isinstance(result.exception, ParameterError)
    assert "real imagery" in str(result.exception)
    assert "real imagery (--data): unknown-start" in result.output
    assert "does not exist" in result.output


def test_the_scenarios_are_listed():
    result = invoke("--list")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == 12
    assert "kidnap          the drone is carried" in result.output


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        (("--only", "kidnaped"), ParameterError, "kidnap,"),
        (("--jobs", "-2"), ParameterError, "--jobs is -2"),
        (("--model", "no-such-model"), ModelError, "no-such-model"),
    ],
)
def test_mistakes_end_in_a_sentence(arguments, error, word, tmp_path):
    result = invoke("--out", tmp_path, *arguments)
    assert isinstance(result.exception, error)
    assert word in str(result.exception)


def test_an_interrupted_run_says_that_it_can_continue(monkeypatch, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_suite", interrupt)
    result = invoke("--out", tmp_path, "--model", "geoloc-small-2")
    assert result.exit_code == 130
    assert "run the same command to resume" in result.output


def test_the_world_is_rendered_once(tmp_path, monkeypatch):
    drawn = []

    def draw(folder, seed, size_m):
        drawn.append((seed, size_m))
        folder.mkdir(parents=True)
        for name in ("date0.tif", "date1.tif"):
            (folder / name).write_bytes(b"")

    monkeypatch.setattr(regions, "write_world", draw)
    first, again = (regions.world_region(tmp_path) for _ in range(2))
    assert first == again
    assert drawn == [(regions.WORLD_SEED, regions.WORLD_SIZE_M)]
