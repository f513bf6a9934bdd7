# SPDX-License-Identifier: Apache-2.0
"""The peak of a surface between its pixels, and its uncertainty."""

import numpy as np
import pytest

from geoloc.refine.peaks import best_rival, find_peak, spread, vertex

CURVATURE = np.array([[0.04, 0.01], [0.01, 0.02]])


def hill(row, column, curvature=CURVATURE, side=21):
    away = np.moveaxis(np.mgrid[:side, :side], 0, -1) - (row, column)
    return (0.8 - np.einsum("...i,ij,...j", away, curvature, away) / 2).astype(np.float32)


@pytest.mark.parametrize(("row", "column"), [(10.0, 10.0), (8.3, 11.6), (12.45, 3.2)])
def test_the_top_lies_between_pixels(row, column):
    peak = find_peak(hill(row, column))
    assert (peak.row, peak.column) == pytest.approx((row, column), abs=1e-3)
    np.testing.assert_allclose(peak.curvature, CURVATURE, atol=1e-4)
    assert peak.inside


def test_a_top_at_the_rim_stays_on_its_pixel():
    peak = find_peak(hill(-0.3, 5.2, np.diag([0.04, 0.02])))
    assert (peak.row, peak.column, peak.inside) == (0, 5, False)
    assert not peak.curvature.any()


def test_a_ridge_is_wide_along_itself():
    ridge = find_peak(hill(10.0, 10.0, np.diag([0.04, 1e-6])))
    covariance = spread(ridge.curvature, 0.01, widest=20.0)
    assert covariance[0, 0] == pytest.approx(0.25, rel=1e-2)
    assert covariance[1, 1] == pytest.approx(400.0, rel=1e-2)


def test_spread_is_temperature_over_curvature():
    np.testing.assert_allclose(spread(CURVATURE, 0.01, 100.0), 0.01 * np.linalg.inv(CURVATURE))


def test_a_rival_lies_apart_from_the_peak():
    surface = np.zeros((21, 21), np.float32)
    surface[5, 5], surface[6, 7], surface[15, 3] = 0.9, 0.8, 0.4
    assert best_rival(surface, find_peak(surface), apart=2) == pytest.approx(0.4)
    assert best_rival(surface, find_peak(surface), apart=30) == -1.0


def test_a_parabola_has_its_vertex():
    assert vertex(0.0, 1.0, 0.0) == 0.0
    assert vertex(0.0, 1.0, 0.5) == pytest.approx(1 / 6)
    assert vertex(1.0, 0.0, 1.0) == 0.0
