# SPDX-License-Identifier: Apache-2.0
"""`geoloc compare` and `geoloc calibrate` as a user types them, on recorded reports."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import flown
import toy_flight
from geoloc.cli import app
from geoloc.encoder import load_card
from geoloc.errors import BagError, ParameterError
from geoloc_lab.metrics.records import EvaluationRun
from geoloc_lab.reports.report import write_report

SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"
MAP = replace(toy_flight.pixel_map(), model_id="geoloc-small-2")


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Reports of one flight, over-confident and consistent, and of another flight."""
    folder = tmp_path_factory.mktemp("reports")
    calibration = replace(load_card(SHIPPED).calibration, covariance_scale=1.0)
    other = [replace(r, stamp_ns=r.stamp_ns + 7) for r in flown.gaussian(30)]
    for name, records in (
        ("sure", flown.gaussian(60, 0.2)),
        ("honest", flown.gaussian(60)),
        ("other", other),
    ):
        write_report(EvaluationRun(name, tuple(records), MAP, calibration=calibration), folder / name)
    return folder


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def test_compare_prints_differences_and_writes_a_page(reports, tmp_path):
    out = tmp_path / "out"
    result = invoke("compare", reports / "sure", reports / "honest" / "report.json", "--out", out)
    assert result.exit_code == 0, result.output
    assert "60 frames that all reports have" in result.output
    nees = next(line for line in result.output.splitlines() if line.startswith("NEES"))
    assert "*" in nees
    assert str(out / "compare.html") in result.output
    assert (out / "compare.png").stat().st_size > 10_000


def test_reports_of_different_flights_are_refused(reports, tmp_path):
    result = invoke("compare", reports / "sure", reports / "other", "--out", tmp_path / "out")
    assert isinstance(result.exception, ParameterError)
    assert "not of one flight" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_report_is_refused(reports, tmp_path):
    result = invoke("compare", reports / "sure", tmp_path)
    assert isinstance(result.exception, BagError)
    assert "is not a report" in str(result.exception)


def test_calibrate_stores_what_it_measured(reports, model):
    result = invoke("calibrate", model, reports / "sure", "--target-false-fix", "0.1", "--overwrite")
    assert result.exit_code == 0, result.output
    assert f"stored in {model}" in result.output
    card = load_card(model)
    assert 3.0 < card.calibration.covariance_scale < 8.0
    assert card.calibration.measured["flights"] == ["sure"]
    assert "note:" not in result.output


def test_a_target_that_few_frames_cannot_prove_is_noted(reports, model):
    result = invoke("calibrate", model, reports / "sure", "--overwrite")
    assert result.exit_code == 0, result.output
    assert "note: 60 frames do not prove a rate of 0.10%, which takes 2995 independent fixes" in result.output
    assert load_card(model).calibration.measured["proven"] is False


def test_a_calibration_on_more_frames_is_not_replaced_without_overwrite(reports, model):
    before = load_card(model)
    result = invoke("calibrate", model, reports / "sure")
    assert isinstance(result.exception, ParameterError)
    frames = before.calibration.measured["frames"]
    assert f"a calibration on {frames} frames, more than the 60 of this one" in str(result.exception)
    assert load_card(model) == before


def test_a_dry_run_stores_nothing(reports, model):
    before = load_card(model)
    result = invoke("calibrate", model, reports / "sure", "--dry-run")
    assert "nothing stored" in result.output
    assert load_card(model) == before


def test_help_names_inputs():
    for command, words in (("compare", "report folders"), ("calibrate", "config/open.yaml")):
        output = " ".join(invoke(command, "--help").output.lower().split())
        assert words in output
