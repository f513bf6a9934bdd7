# SPDX-License-Identifier: Apache-2.0
"""Tests the metrics of several flights together, the targets, and the tables that show them."""

import json
import math

import numpy as np
import pytest

import flown
from geoloc_lab.reports.report import plain
from geoloc_lab.scenarios.likeness import Likeness, is_hard_enough
from geoloc_lab.scenarios.outcome import check_targets, outcome_of
from geoloc_lab.scenarios.results import (
    as_json,
    draw_trials,
    likeness_table,
    markdown_table,
    target_lines,
    terminal_table,
)


def flight(pattern):
    return flown.answers(flown.marked(pattern))


def missed(outcome):
    return [verdict.figure for verdict in check_targets(outcome) if not verdict.met]


def test_availability_counts_from_each_flights_own_first_fix():
    outcome = outcome_of([flight("xxff"), flight("fxff")])
    assert (outcome.flights, outcome.frames, outcome.fixes) == (2, 8, 5)
    assert outcome.availability == pytest.approx(5 / 6)
    assert outcome.frames_to_fix == 2.0  # the third frame of one, the first of the other


def test_false_fixes_are_shares_of_all_fixes():
    outcome = outcome_of([flight("ffff"), flight("ffwx")])
    assert outcome.false == {50: pytest.approx(1 / 7), 100: pytest.approx(1 / 7)}
    assert outcome.median_m == pytest.approx(0.0, abs=1e-6)


def test_flights_without_a_fix_miss_every_target_and_are_shown():
    outcome = outcome_of([flight("xxxx")])
    assert (outcome.availability, outcome.frames_to_fix) == (0.0, math.inf)
    assert math.isnan(outcome.median_m)
    assert len(missed(outcome)) == len(check_targets(outcome))
    assert "none" in terminal_table({"lost": outcome})
    assert json.dumps(plain(as_json(outcome)), allow_nan=False)


def test_accurate_flights_with_consistent_covariances_meet_all_targets():
    records = flown.gaussian(count=600, seed=3)
    good = [
        flown.frame_at(i, (8.0 * i, 0.0), np.array(error), covariance_m2=np.eye(2) * 9.0)
        for i, error in enumerate(np.random.default_rng(1).normal(0.0, 3.0, (600, 2)))
    ]
    assert missed(outcome_of([flown.answers(good)])) == []
    assert "p95 error" in missed(outcome_of([flown.answers(records)]))  # consistent, but with large errors


@pytest.mark.parametrize("claimed", [0.2, 5.0])
def test_a_covariance_that_claims_too_much_or_too_little_is_missed(claimed):
    found = missed(outcome_of([flown.answers(flown.gaussian(count=600, claimed=claimed))]))
    assert {"NEES", "inside the 1σ ellipse", "inside the 2σ ellipse"} <= set(found)


def test_the_band_widens_for_flights_with_correlated_errors():
    def width(**how):
        low, high = outcome_of(
            [flown.answers(flown.gaussian(count=400, seed=seed, **how)) for seed in (1, 2)]
        ).band
        return high - low

    assert width(correlation=0.95) > 1.5 * width()


def test_a_kidnap_is_timed():
    records = [
        flown.frame_at(i, (10.0 * i + 900.0 * (i > 3), 0.0), (0.0, 0.0) if i != 4 else None) for i in range(8)
    ]
    assert outcome_of([flown.answers(records)]).back_s == (1.0,)


def test_the_table_is_also_written_in_markdown():
    outcomes = {"toy/leg": outcome_of([flight("xfff")]), "all": outcome_of([flight("xfff")])}
    text = markdown_table(outcomes)
    assert [line.count("|") for line in text.splitlines()] == [11] * 4
    assert "| toy/leg | 4 | 100.0 % | 0.0 m |" in text
    lines = target_lines("all", outcomes["all"])
    assert any(line.startswith("met") and "availability" in line for line in lines)
    assert any(line.startswith("MISSED") and "NEES" in line for line in lines)


def likeness(name, median, dated=False):
    return Likeness(name, dated, 60, median, median - 0.1, 0.5)


def test_a_change_is_hard_enough_if_it_leaves_no_more_similarity_than_the_hardest_years():
    years = [likeness("2016 and 2020", 0.87, dated=True), likeness("2018 and 2020", 0.94, dated=True)]
    assert is_hard_enough(likeness("made", 0.86), years) is True
    assert is_hard_enough(likeness("made", 0.90), years) is False
    assert is_hard_enough(likeness("made", 0.90), []) is None
    table = likeness_table([likeness("made", 0.86), likeness("mild", 0.9), *years])
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["2018", "mild", "2016", "made"]
    assert "EASIER" in table.splitlines()[2]
    assert "as hard" in table.splitlines()[4]


def test_a_plot_shows_each_scenario_of_each_kind(tmp_path):
    draw_trials(
        {"a/leg": flight("xffw"), "b/leg": flight("fxxf"), "a/none": flight("xxxx")}, tmp_path / "all.png"
    )
    assert (tmp_path / "all.png").stat().st_size > 10_000
