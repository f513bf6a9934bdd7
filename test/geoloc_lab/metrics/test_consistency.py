# SPDX-License-Identifier: Apache-2.0
"""NEES and ellipses on flights of known consistency."""

import math

import numpy as np
import pytest

import flown
from geoloc import integrity
from geoloc_lab.metrics import consistency
from geoloc_lab.metrics.answers import Answers, joined
from geoloc_lab.metrics.consistency import consistency_of
from geoloc_lab.metrics.scalar_metrics import intervals_of

NAN2 = np.full((2, 2), math.nan)


def one(error_m, covariance):
    return consistency_of(
        flown.answers([flown.frame_at(0, (0, 0), error_m, covariance_m2=np.array(covariance))])
    )


def test_one_fix_by_hand():
    found = one((2.0, 3.0), [[4.0, 0.0], [0.0, 9.0]])
    assert found.nees == pytest.approx(2.0, abs=1e-4)
    assert found.inside == {1: 0.0, 2: 1.0, 3: 1.0}
    # χ² with two degrees of freedom: -2 ln(1 - p) at 2.5 and 97.5 %.
    assert (found.band_low, found.band_high) == pytest.approx((0.0506, 7.3778), abs=1e-3)
    assert (found.fixes, found.effective_fixes, found.verdict) == (1, 1.0, "honest")


def test_a_correlated_covariance_by_hand():
    covariance = np.array([[4.0, 2.0], [2.0, 3.0]])
    expected = np.array([1.0, -2.0]) @ np.linalg.inv(covariance) @ np.array([1.0, -2.0])
    assert integrity.normalised_error(np.array([1.0, -2.0]), covariance) == pytest.approx(expected)


def test_a_consistent_flight_is_recognized():
    answers = flown.answers(flown.gaussian(1500))
    found = consistency_of(answers)
    assert found.verdict == "honest"
    assert found.nees == pytest.approx(2.0, abs=0.2)
    intervals = intervals_of(answers)
    for sigma, nominal in consistency.NOMINAL.items():
        assert found.inside[sigma] == pytest.approx(nominal, abs=0.04)
        low, high = intervals[f"inside_{sigma}"]
        assert low <= nominal <= high
    assert found.integrity_risk == pytest.approx(1 - consistency.NOMINAL[3], abs=0.01)


@pytest.mark.parametrize(("claimed", "verdict"), [(0.25, "over-confident"), (4.0, "over-cautious")])
def test_an_inconsistent_flight_is_recognized(claimed, verdict):
    answers = flown.answers(flown.gaussian(200, claimed))
    found = consistency_of(answers)
    assert found.verdict == verdict
    assert found.nees == pytest.approx(2.0 / claimed, rel=0.25)
    low, high = intervals_of(answers)["inside_2"]
    assert not low <= consistency.NOMINAL[2] <= high


def test_the_band_holds_for_correlated_errors():
    honest = [consistency_of(flown.answers(flown.gaussian(150, seed=s, correlation=0.8))) for s in range(40)]
    inside = np.mean([found.band_low <= found.nees <= found.band_high for found in honest])
    naive = np.mean([1.68 <= found.nees <= 2.34 for found in honest])  # χ² band of 150 independent fixes
    assert inside >= 0.8
    assert naive < inside - 0.15
    assert np.median([found.effective_fixes for found in honest]) < 75


def test_an_invalid_covariance_lies_outside_every_ellipse():
    for covariance in (
        np.zeros((2, 2)),
        np.ones((2, 2)),
        -np.eye(2),
        np.diag([1.0, 0.0]),
        np.diag([4.0, -1.0]),
    ):
        found = one((1.0, 2.0), covariance)
        assert (found.fixes, found.impossible) == (1, 1)
        assert found.inside == {1: 0.0, 2: 0.0, 3: 0.0}
        assert math.isnan(found.nees)
        assert found.verdict == "unknown"
        assert found.integrity_risk == 1.0


def test_false_fixes_do_not_hide_the_consistency_of_the_others():
    records = flown.gaussian(100, claimed=4.0)
    records[50] = flown.frame_at(50, (400.0, 0.0), (900.0, 0.0), covariance_m2=np.eye(2) * 25.0)
    found = consistency_of(flown.answers(records))
    assert found.verdict == "over-confident"
    assert found.nees > 300
    assert found.nees_of_right == pytest.approx(0.5, abs=0.15)


def test_fixes_without_a_covariance_are_counted_separately():
    records = [flown.frame_at(0, (0, 0), (1, 1), covariance_m2=NAN2), *flown.gaussian(20)[1:]]
    found = consistency_of(flown.answers(records))
    assert (found.fixes, found.unclaimed, found.impossible) == (19, 1, 0)


@pytest.mark.parametrize("records", [[], flown.marked("xxx")], ids=["empty", "no fix"])
def test_without_fixes_nothing_is_known(records):
    found = consistency_of(flown.answers(records))
    assert (found.fixes, found.effective_fixes, found.verdict) == (0, 0.0, "unknown")
    assert all(map(math.isnan, [found.nees, found.band_low, found.band_high, *found.inside.values()]))
    assert all(math.isnan(low) for low, _ in [intervals_of(flown.answers(records))["nees"]])


def test_frames_without_truth_are_left_out():
    blind = flown.Record(0, math.nan, math.nan, 47.0, 8.0, np.eye(2))
    assert len(flown.answers([blind])) == 0
    assert len(flown.answers([blind, *flown.marked("fx")])) == 2


def test_refused_frames_carry_no_covariance():
    record = flown.frame_at(0, (0, 0), None, covariance_m2=np.eye(2))
    assert np.isnan(flown.answers([record]).covariance_m2).all()


def test_flights_are_joined_and_rows_taken():
    first, second = flown.answers(flown.marked("fw")), flown.answers(flown.marked("x"))
    both = joined([first, second])
    assert isinstance(both, Answers)
    assert both.answered.tolist() == [True, True, False]
    assert both.take(np.array([1, 1])).distance_m == pytest.approx([200.0, 200.0], abs=0.01)
