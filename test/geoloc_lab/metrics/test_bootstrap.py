# SPDX-License-Identifier: Apache-2.0
"""Intervals compared with closed forms, and the effect of autocorrelation on them."""

import math

import numpy as np
import pytest

from geoloc_lab.metrics import bootstrap


def mean_of(values):
    return lambda rows: np.array([values[rows].mean()])


def autoregressive(count, correlation, seed):
    steps = np.random.default_rng(seed).normal(size=count)
    for i in range(1, count):
        steps[i] = correlation * steps[i - 1] + math.sqrt(1 - correlation**2) * steps[i]
    return steps


def test_the_interval_of_a_mean_is_the_normal_one_for_independent_values():
    values = np.random.default_rng(1).normal(size=900)
    (low,), (high,) = bootstrap.interval(mean_of(values), values.size)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 / 30, rel=0.25)


def test_correlated_values_get_a_wider_interval():
    # An autoregression of 0.9 is worth 1/19 of its length: intervals are √19 = 4.4 times as wide.
    values = autoregressive(2500, 0.9, seed=2)
    (low,), (high,) = bootstrap.interval(mean_of(values), values.size)
    assert 3.0 < (high - low) / (2 * 1.96 / 50) < 5.5
    assert bootstrap.effective_count(values) == pytest.approx(2500 / 19, rel=0.35)


def test_independent_values_count_in_full():
    counts = [bootstrap.effective_count(np.random.default_rng(seed).normal(size=400)) for seed in range(20)]
    assert 300 < np.mean(counts) <= 400


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(3).gamma(2.0, 5.0, 200)
    first, again = (bootstrap.interval(mean_of(values), 200, samples=50) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = bootstrap.interval(mean_of(values), 200, samples=50, seed=1)
    assert not np.array_equal(first, other)


def test_blocks_keep_neighbours_together_and_all_frames_have_equal_weight():
    drawn = np.array(list(bootstrap.resamples(25, samples=2000)))
    assert drawn.shape == (2000, 25)
    assert np.all((drawn[:, 1:5] - drawn[:, :4]) % 25 == 1)  # blocks of √25
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=25) / 2000, 1.0, atol=0.15)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_frames_do_not_fail(count):
    values = np.arange(float(count))
    low, high = bootstrap.interval(lambda rows: np.array([values[rows].sum(), math.nan]), count, samples=10)
    assert 0.0 <= low[0] <= high[0] <= 2.0
    assert math.isnan(low[1])
    assert bootstrap.effective_count(values) == count


def test_unknown_values_are_not_counted():
    assert bootstrap.effective_count(np.array([math.nan, math.inf])) == 0.0
    assert bootstrap.effective_count(np.full(50, 3.0)) == 50.0


def test_clopper_pearson_by_closed_forms():
    # No hit in n: the upper end of a two-sided interval solves (1 - p)^n = 0.025, the one-sided bound 0.05.
    assert bootstrap.proportion_interval(0, 60) == (0.0, pytest.approx(1 - 0.025 ** (1 / 60)))
    assert bootstrap.upper_bound(0, 60) == pytest.approx(1 - 0.05 ** (1 / 60))
    low, high = bootstrap.proportion_interval(60, 60)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 60)), 1.0)
    # Clopper and Pearson's own kind of table: 4 of 20.
    assert bootstrap.proportion_interval(4, 20) == pytest.approx((0.0573, 0.4366), abs=1e-4)


def test_without_trials_the_upper_bound_is_1():
    assert all(map(math.isnan, bootstrap.proportion_interval(0, 0)))
    assert bootstrap.upper_bound(0, 0) == 1.0
