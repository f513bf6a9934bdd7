# SPDX-License-Identifier: Apache-2.0
"""Covariances fitted to flights of known scale and floor, chosen thresholds, and the model card."""

import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import flown
from geoloc import integrity
from geoloc.checksums import file_sha256
from geoloc.encoder import load_card
from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card_writing import store_calibration
from geoloc.errors import ModelError, ParameterError
from geoloc_lab.calibration.calibrate import calibrate
from geoloc_lab.calibration.covariance_fit import CovarianceFit, fit_covariance
from geoloc_lab.calibration.operating_point import Rules, Target, choose
from geoloc_lab.metrics.consistency import NOMINAL, consistency_of
from geoloc_lab.reports.written_report import UNCALIBRATED, WrittenReport

SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"
DATE = "2026-01-02"


def report(records, name="a", calibration=UNCALIBRATED, model="toy", filtered=False):
    return WrittenReport(Path("runs") / name, f"flight {name}", model, calibration, tuple(records), filtered)


def shaken(records, floor_m, seed=5):
    """Return the flight's errors with unclaimed noise added, `floor_m` per axis."""
    rng = np.random.default_rng(seed)
    answers = flown.answers(records)
    error_m = answers.error_m + rng.normal(0.0, floor_m, answers.error_m.shape)
    return error_m, answers.covariance_m2


def with_false(records, share, score=0.5, margin=0.01, sigma_m=20.0, seed=6):
    """Return the flight with some false fixes: error 300 m, low score, small margin, large σ."""
    rng = np.random.default_rng(seed)
    values = {"covariance_m2": np.eye(2) * sigma_m**2 / 2, "score": score, "margin": margin}
    return [
        flown.frame_at(i, (8.0 * i, 0), (300.0, 0.0), **values) if rng.random() < share else record
        for i, record in enumerate(records)
    ]


@pytest.mark.parametrize("claimed", [0.2, 1.0, 3.0])
def test_the_scale_of_a_flight_is_found(claimed):
    answers = flown.answers(flown.gaussian(600, claimed))
    fit = fit_covariance(answers.error_m, answers.covariance_m2)
    assert fit.scale == pytest.approx(1 / claimed, rel=0.15)
    assert fit.floor_m < 2.0
    assert fit.false_share < 0.01


def test_floor_and_scale_are_distinguished():
    fit = fit_covariance(*shaken(flown.gaussian(900, claimed=0.5), floor_m=9.0))
    assert fit.scale == pytest.approx(2.0, rel=0.3)
    assert fit.floor_m == pytest.approx(9.0, rel=0.15)


def test_false_fixes_do_not_inflate_the_ellipses():
    answers = flown.answers(with_false(flown.gaussian(600), 0.05))
    fit = fit_covariance(answers.error_m, answers.covariance_m2)
    assert fit.scale == pytest.approx(1.0, rel=0.2)
    assert fit.false_share == pytest.approx(0.05, abs=0.02)


def test_the_calibrated_ellipses_hold_their_share_on_flights_that_were_not_seen():
    seen, unseen = (flown.answers(flown.gaussian(800, 0.2, seed=seed)) for seed in (1, 2))
    fit = fit_covariance(seen.error_m, seen.covariance_m2)
    assert consistency_of(unseen).verdict == "over-confident"
    found = consistency_of(replace(unseen, covariance_m2=fit.apply(unseen.covariance_m2)))
    assert found.verdict == "honest"
    for sigma, nominal in NOMINAL.items():
        assert found.inside[sigma] == pytest.approx(nominal, abs=0.04)


def test_equal_covariances_keep_the_scale_and_get_a_floor():
    rng = np.random.default_rng(0)
    covariance = np.tile(np.eye(2) * 25.0, (500, 1, 1))
    fit = fit_covariance(rng.normal(0.0, 10.0, (500, 2)), covariance)
    assert fit.scale == pytest.approx(1.0, abs=0.05)
    assert fit.floor_m == pytest.approx(math.sqrt(75.0), rel=0.1)


def test_missing_and_impossible_covariances_are_ignored():
    answers = flown.answers(flown.gaussian(60))
    covariance = answers.covariance_m2.copy()
    covariance[:5], covariance[5:10] = math.nan, 0.0
    assert fit_covariance(answers.error_m, covariance).fixes == 50
    with pytest.raises(ParameterError, match="15 fixes have a truth"):
        fit_covariance(answers.error_m[:25], covariance[:25])


def test_a_second_calibration_is_applied_after_the_first():
    first, fit = (
        Calibration(0, 0, "", covariance_scale=2.0, sigma_floor_m=3.0),
        CovarianceFit(1.5, 4.0, 0.0, 99),
    )
    claimed = np.array([[4.0, 1.0], [1.0, 2.0]])
    scale, floor_m = fit.after(first)
    both = Calibration(0, 0, "", covariance_scale=scale, sigma_floor_m=floor_m)
    np.testing.assert_allclose(
        integrity.calibrated(claimed, both), fit.apply(integrity.calibrated(claimed, first))
    )


def test_rules_at_their_limits():
    values = {"covariance_m2": np.diag([9.0, 16.0]), "score": 0.5, "margin": 0.25}
    answers = flown.answers([flown.frame_at(0, (0, 0), (1, 1), **values), flown.frame_at(1, (0, 0))])
    assert Rules().accept(answers).tolist() == [True, False]
    assert Rules(0.5, 0.25, 5.0).accept(answers).tolist() == [True, False]
    for stricter in (Rules(0.51), Rules(min_margin=0.26), Rules(max_sigma_m=4.9)):
        assert not stricter.accept(answers).any()
    unknown = replace(answers, score=answers.score * math.nan, margin=answers.margin * math.nan)
    assert Rules(0.9, 0.9).accept(unknown).tolist() == [True, False]


@pytest.mark.parametrize(
    "tell", [{"margin": 0.2, "sigma_m": 10}, {"score": 0.8, "sigma_m": 10}, {"score": 0.8}]
)
def test_the_threshold_that_separates_false_fixes_is_chosen(tell):
    point = choose(flown.answers(with_false(flown.gaussian(700), 0.05, **tell)), Target(0.02))
    assert point.proven
    assert point.seen.upper <= 0.02
    assert point.seen.available > 0.6
    assert point.crossed.rate <= 0.02


def test_without_false_fixes_nothing_is_refused():
    point = choose(flown.answers(flown.gaussian(400)), Target(0.05, beyond_m=200.0))
    assert point.rules == Rules()
    assert point.proven
    assert (point.seen.false, point.seen.available) == (0, 1.0)


def test_few_frames_are_reported_as_not_proven():
    point = choose(flown.answers(flown.gaussian(60)), Target(0.001))
    assert not point.proven
    assert point.seen.upper >= 1 - 0.05 ** (1 / 60) - 1e-9
    assert point.fixes_needed == 2995  # (1 - 0.001)^n ≤ 0.05


def test_inseparable_false_fixes_are_reported_as_not_proven():
    point = choose(
        flown.answers(with_false(flown.gaussian(500), 0.1, score=0.75, margin=0.2, sigma_m=12)), Target(0.01)
    )
    assert not point.proven
    assert point.seen.upper > 0.05
    assert point.crossed.rate > 0.05


@pytest.mark.parametrize(
    ("share", "beyond_m"), [(0.0, 50), (1.0, 50), (math.nan, 50), (0.1, 0.0), (0.1, math.nan)]
)
def test_an_invalid_target_is_refused(share, beyond_m):
    with pytest.raises(ParameterError):
        Target(share, beyond_m)


def test_without_a_right_answer_nothing_can_be_chosen():
    with pytest.raises(ParameterError, match="no answer lies within 50 m"):
        choose(flown.answers(flown.marked("wwxx")), Target())


def test_a_calibration_records_its_measurements():
    flights = [report(with_false(flown.gaussian(300, 0.5, seed=s), 0.04), str(s)) for s in (1, 2)]
    found, measured = calibrate(flights, "toy", DATE, Target(0.02))
    assert found.covariance_scale == pytest.approx(2.0, rel=0.3)
    assert (found.min_score, found.min_margin, found.max_sigma_m) != (-1.0, 0.0, 0.0)
    facts = found.measured
    assert (facts["date"], facts["flights"], facts["frames"]) == (DATE, ["flight 1", "flight 2"], 600)
    assert facts["target"] == {"false_share": 0.02, "beyond_m": 50.0}
    assert facts["operating_point"]["upper"] <= 0.02
    assert facts["nees"]["before"] > facts["nees"]["after"]
    assert measured.after.inside[2] == pytest.approx(NOMINAL[2], abs=0.05)
    assert "flight 1; flight 2 (600 frames)" in found.derivation


def test_with_a_filter_only_the_limit_on_sigma_is_chosen():
    before = replace(UNCALIBRATED, min_score=0.4, min_margin=0.02)
    records = with_false(flown.gaussian(700), 0.05)
    found, _ = calibrate([report(records, calibration=before, filtered=True)], "toy", DATE, Target(0.02))
    assert (found.min_score, found.min_margin, found.derivation) == (0.4, 0.02, before.derivation)
    assert 0.0 < found.max_sigma_m < 20.0
    alone, _ = calibrate([report(records, calibration=before)], "toy", DATE, Target(0.02))
    assert (alone.min_score, alone.min_margin) != (0.4, 0.02)


def test_the_off_map_score_lies_halfway_between_correct_and_best_other_tiles():
    """Right places score 0.6 to 0.9, others 0.1 to 0.3 less."""
    records = with_false(flown.gaussian(700), 0.05)
    found, _ = calibrate([report(records)], "toy", DATE, Target(0.02))
    assert found.off_map_score == pytest.approx(0.65, abs=0.02)
    unknown = [replace(record, margin=math.nan) for record in records]
    kept, _ = calibrate([report(unknown)], "toy", DATE, Target(0.02))
    assert kept.off_map_score == UNCALIBRATED.off_map_score


def refined(count, floor_m, attitude_m, seed=4):
    """Return refined fixes that claim a decimetre plus the attitude error, and err by `floor_m` more."""
    rng = np.random.default_rng(seed)
    off_m = rng.normal(0.0, math.sqrt(0.1**2 + attitude_m**2 + floor_m**2), (count, 2))
    claim = np.eye(2) * (0.1**2 + attitude_m**2)
    values = {"covariance_m2": claim, "refined": True, "attitude_m": attitude_m, "score": 0.8, "margin": 0.2}
    return [flown.frame_at(i, (8.0 * i, 0.0), error, **values) for i, error in enumerate(off_m)]


def test_unrefined_and_refined_fixes_are_fitted_separately_without_the_attitude_error():
    beliefs = [
        replace(r, attitude_m=1.0, covariance_m2=r.covariance_m2 + np.eye(2))
        for r in flown.gaussian(400, 4.0)
    ]
    found, measured = calibrate(
        [report(beliefs), report(refined(600, 0.5, 2.0), "r")], "toy", DATE, Target(0.05)
    )
    assert found.covariance_scale == pytest.approx(0.25, rel=0.2)
    assert found.registration_m == pytest.approx(0.5, abs=0.25)
    assert measured.registration.fixes == 600
    assert measured.after.verdict == "honest"
    assert found.measured["registration"]["scale"] == 1.0
    again = [replace(r, covariance_m2=r.covariance_m2 + np.eye(2) * 0.25) for r in refined(600, 0.5, 2.0)]
    flown_as = replace(UNCALIBRATED, registration_m=0.5)
    both = [report(beliefs, calibration=flown_as), report(again, "r", flown_as)]
    assert calibrate(both, "toy", DATE, Target(0.05))[0].registration_m == pytest.approx(
        found.registration_m, abs=0.02
    )


def test_too_few_refined_fixes_keep_the_former_registration_error():
    before = replace(UNCALIBRATED, registration_m=0.7)
    flights = [report(flown.gaussian(200), calibration=before), report(refined(5, 0.5, 1.0), "r", before)]
    found, measured = calibrate(flights, "toy", DATE, Target(0.05))
    assert measured.registration is None
    assert found.registration_m == 0.7


def test_calibrating_twice_changes_little():
    records = flown.gaussian(400, 0.25)
    first, _ = calibrate([report(records)], "toy", DATE, Target(0.05))
    flown_again = [replace(r, covariance_m2=integrity.calibrated(r.covariance_m2, first)) for r in records]
    second, measured = calibrate([report(flown_again, calibration=first)], "toy", DATE, Target(0.05))
    assert measured.fit.scale == pytest.approx(1.0, abs=0.05)
    assert second.covariance_scale == pytest.approx(first.covariance_scale, rel=0.05)


def test_reports_that_do_not_belong_to_the_model_are_refused():
    records = flown.gaussian(40)
    with pytest.raises(ParameterError, match="is of model other, not of toy"):
        calibrate([report(records, model="other")], "toy", DATE, Target())
    other = replace(UNCALIBRATED, covariance_scale=2.0)
    with pytest.raises(ParameterError, match="different calibrations"):
        calibrate([report(records), report(records, "b", other)], "toy", DATE, Target())
    with pytest.raises(ParameterError, match="was evaluated with the filter and one without"):
        calibrate([report(records), report(records, "c", filtered=True)], "toy", DATE, Target())
    with pytest.raises(ParameterError, match="needs a report"):
        calibrate([], "toy", DATE, Target())


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def test_a_stored_calibration_is_read_back_and_the_model_stays_intact(model):
    before = load_card(model)
    found, _ = calibrate([report(flown.gaussian(200, 0.5))], "toy", DATE, Target(0.05))
    found = replace(found, min_score=0.6, max_sigma_m=12.5)
    card = store_calibration(model, found)
    assert card.calibration == found
    assert (card.sha256, card.metrics) == (before.sha256, before.metrics)
    assert replace(card, calibration=before.calibration) == before
    parameters = yaml.safe_load((model / "params.yaml").read_text(encoding="utf-8"))["/**"]["ros__parameters"]
    thresholds = {"min_score": 0.6, "min_margin": 0.0, "max_sigma_m": 12.5}
    assert parameters == {"encoder_px": 160, **asdict(before.tolerances), **thresholds}
    text = (model / "params.yaml").read_text(encoding="utf-8")
    assert "geoloc calibrate on flight a" in text.splitlines()[0]
    tree = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))
    assert tree["files"]["params.yaml"] == file_sha256(model / "params.yaml")
    assert tree["training"]
    assert not list(model.glob("*.new"))


def test_a_title_cannot_inject_parameters(model):
    evil = Calibration(0.1, 0.0, "a\n/**:\n  ros__parameters: {min_score: 9.0}")
    store_calibration(model, evil)
    parameters = yaml.safe_load((model / "params.yaml").read_text(encoding="utf-8"))["/**"]["ros__parameters"]
    assert parameters["min_score"] == 0.1


def test_a_damaged_model_is_not_calibrated(model):
    (model / "encoder.onnx").write_bytes(b"cut")
    text = (model / "model.yaml").read_text(encoding="utf-8")
    with pytest.raises(ModelError, match="truncated or altered"):
        store_calibration(model, Calibration(0.1, 0.0, "by hand"))
    assert (model / "model.yaml").read_text(encoding="utf-8") == text


def test_a_parameter_file_of_another_form_is_refused(model):
    (model / "params.yaml").write_text("a: 1\n", encoding="utf-8")
    tree = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))
    tree["files"]["params.yaml"] = file_sha256(model / "params.yaml")
    (model / "model.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(ModelError, match="ros__parameters"):
        store_calibration(model, Calibration(0.1, 0.0, "by hand"))
