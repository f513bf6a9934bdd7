# SPDX-License-Identifier: Apache-2.0
"""Tests a trial from region to report: finished steps are kept, damaged ones repeated."""

from dataclasses import replace

import pytest
import tiny_suite

from fakes import FakeEncoder
from geoloc.errors import BagError, ParameterError
from geoloc_lab.evaluation.distractors import Picture
from geoloc_lab.scenarios import trials
from geoloc_lab.scenarios.trials import Trial, answers_of, area_km2, map_of, run_trial

ENCODER = FakeEncoder()


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch):
    monkeypatch.setattr(trials, "_encoder", lambda _: ENCODER)


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    return tiny_suite.region(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def map_folder(region, tmp_path_factory):
    return map_of(region, ENCODER, tmp_path_factory.mktemp("maps"), far_and_wide=False).path


def run(trial, map_folder, out, **options):
    return run_trial(trial, map_folder, out, out, **options)


def times(folder):
    return {name: (folder / name).stat().st_mtime_ns for name in ("bag/metadata.yaml", "report/frames.csv")}


def test_a_trial_leaves_a_report_and_is_not_made_again(region, map_folder, tmp_path):
    trial = Trial(tiny_suite.KIDNAP, region)
    report = run(trial, map_folder, tmp_path)
    assert (report / "report.html").is_file()
    assert "set down elsewhere" in (report / "report.html").read_text(encoding="utf-8")
    answers = answers_of(trial, tmp_path)
    assert len(answers) == 18
    assert answers.answered.any()
    before = times(tmp_path / trial.name)
    run(trial, map_folder, tmp_path)
    assert times(tmp_path / trial.name) == before
    run(trial, map_folder, tmp_path, again=True)
    after = times(tmp_path / trial.name)
    assert after["bag/metadata.yaml"] == before["bag/metadata.yaml"]
    assert after["report/frames.csv"] > before["report/frames.csv"]


def test_another_flight_of_the_same_name_is_flown_anew(region, map_folder, tmp_path):
    trial = Trial(tiny_suite.STRAIGHT, region)
    run(trial, map_folder, tmp_path)
    shorter = Trial(replace(tiny_suite.STRAIGHT, duration_s=5.0), region)
    run(shorter, map_folder, tmp_path)
    assert len(answers_of(shorter, tmp_path)) == 10


def test_an_interrupted_trial_continues(region, map_folder, tmp_path, monkeypatch):
    trial = Trial(tiny_suite.STRAIGHT, region)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trials, "write_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(trial, map_folder, tmp_path)
    with pytest.raises(BagError, match="table of frames"):
        answers_of(trial, tmp_path)
    (tmp_path / trial.name / ".bag.killed").mkdir()
    bag_ns = (tmp_path / trial.name / "bag" / "metadata.yaml").stat().st_mtime_ns
    run(trial, map_folder, tmp_path)
    assert times(tmp_path / trial.name)["bag/metadata.yaml"] == bag_ns
    (tmp_path / trial.name / "bag" / "metadata.yaml").unlink()  # a damaged bag is flown again
    (tmp_path / trial.name / "bag" / "recipe.txt").unlink()


def test_a_flight_that_does_not_fit_is_refused(region, map_folder, tmp_path):
    wide = replace(tiny_suite.STRAIGHT, gust_deg=10.0, duration_s=30.0)
    low = replace(region, height_m=150.0)
    with pytest.raises(ParameterError, match="too small to fly in"):
        run(Trial(wide, low), map_folder, tmp_path)


def test_other_imagery_is_searched_where_a_scenario_asks_for_it(region, tmp_path):
    elsewhere = tiny_suite.region(tmp_path / "else", seed=9)
    moved = replace(
        region,
        others=(Picture(elsewhere.map_image), Picture(elsewhere.flown_image)),  # one place, two dates
    )
    alone = map_of(moved, ENCODER, tmp_path, far_and_wide=False)
    wide = map_of(moved, ENCODER, tmp_path, far_and_wide=True)
    assert len(wide.tiles) == len(alone.tiles) + 2 * 100
    assert area_km2(alone) == pytest.approx(0.16, abs=0.01)


def test_a_trial_is_named_after_imagery_and_scenario(region):
    assert Trial(tiny_suite.KIDNAP, region).name == "toy/taken"
