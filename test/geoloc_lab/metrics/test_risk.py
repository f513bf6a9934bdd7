# SPDX-License-Identifier: Apache-2.0
"""Risk–coverage areas and false fixes, computed by hand."""

import math

import numpy as np
import pytest

import flown
from geoloc_lab.metrics import risk


def flight(errors_m, sigmas_m, refused=0):
    records = [
        flown.frame_at(i, (10.0 * i, 0), (error, 0.0), covariance_m2=np.eye(2) * sigma**2 / 2)
        for i, (error, sigma) in enumerate(zip(errors_m, sigmas_m, strict=True))
    ]
    records += [flown.frame_at(100 + i, (0, 0)) for i in range(refused)]
    return flown.answers(records)


def test_the_curve_by_hand():
    # Smallest σ first: errors 2, 60, 10; mean 2, 31, 24; more than 50 m off 0, 1/2, 1/3.
    curve = risk.risk_curve(flight([10.0, 2.0, 60.0], [9.0, 1.0, 3.0], refused=1))
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75])
    assert curve.mean_error_m == pytest.approx([2.0, 31.0, 24.0], abs=1e-3)
    assert curve.false_rate == pytest.approx([0.0, 1 / 2, 1 / 3])


def test_the_areas_by_hand():
    found = risk.risk_of(flight([10.0, 2.0, 60.0], [9.0, 1.0, 3.0], refused=1))
    assert found.aurc.metres == pytest.approx(19.0, abs=1e-3)
    assert found.aurc.false == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert found.best.metres == pytest.approx((2 + 6 + 24) / 3, abs=1e-3)
    assert found.blind.metres == pytest.approx(24.0, abs=1e-3)
    assert found.blind.false == pytest.approx(1 / 3)


def test_a_constant_sigma_gives_the_mean_risk_in_any_order():
    for errors in ([1.0, 100.0, 7.0], [100.0, 7.0, 1.0]):
        found = risk.risk_of(flight(errors, [5.0] * 3))
        assert found.aurc == found.blind
        assert found.blind.metres == pytest.approx(36.0, abs=1e-3)


def test_a_fix_without_a_covariance_is_accepted_last():
    curve = risk.risk_curve(flight([80.0, 3.0], [math.nan, 50.0]))
    assert curve.mean_error_m == pytest.approx([3.0, 41.5], abs=1e-3)


def test_false_fixes_are_counted_with_their_interval():
    answers = flight([0.0] * 58 + [60.0, 120.0], [5.0] * 60, refused=40)
    beyond_50, beyond_100 = (risk.false_fixes(answers, radius) for radius in risk.FALSE_BEYOND_M)
    assert (beyond_50.count, beyond_50.fixes, beyond_50.rate) == (2, 60, pytest.approx(2 / 60))
    assert beyond_100.count == 1
    assert beyond_50.low < beyond_50.rate < beyond_50.high < 0.5


def test_no_false_fix_among_few_leaves_a_large_upper_end():
    found = risk.false_fixes(flight(list(np.random.default_rng(0).uniform(0, 9, 60)), [5.0] * 60), 50)
    assert (found.count, found.low) == (0, 0.0)
    assert 0.04 < found.high < 0.2


@pytest.mark.parametrize("records", [[], flown.marked("xx")], ids=["empty", "no fix"])
def test_without_fixes_the_risk_is_unknown(records):
    answers = flown.answers(records)
    assert math.isnan(risk.risk_of(answers).aurc.metres)
    assert risk.risk_curve(answers).coverage.size == 0
    found = risk.false_fixes(answers, 50)
    assert (found.count, found.fixes) == (0, 0)
    assert math.isnan(found.rate)
