# SPDX-License-Identifier: Apache-2.0
"""Tests the study of unknown heading and height: its cases and its table."""

import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "studies"))

import heading_study as study  # noqa: E402 - found through the line above

from geoloc_lab.flight_simulator.disturbances import CompassBias, HeightBias  # noqa: E402
from geoloc_lab.scenarios.outcome import Outcome  # noqa: E402


def test_the_number_of_hypotheses_follows_from_the_parameters():
    rows = {name: case.rows for name, case in study.CASES.items()}
    assert (rows["known"], rows["turn-15"], rows["turn-180"], rows["height"], rows["both"]) == (
        1,
        3,
        24,
        5,
        120,
    )


def test_errors_stay_within_the_limits_that_the_parameters_state():
    for case in study.CASES.values():
        tried_deg = case.parameters.get("heading_error_deg", 0.0)
        tried = case.parameters.get("height_error", 0.0)
        for wrong in (one for flight in case.flights(4) for one in flight.disturbances):
            if isinstance(wrong, CompassBias) and tried_deg:
                assert abs(wrong.clockwise_deg) <= tried_deg
            if isinstance(wrong, HeightBias) and tried:
                assert abs(math.log1p(wrong.share)) <= -math.log1p(-tried) + 1e-9


def test_flights_of_a_case_differ_and_are_limited_in_number():
    flights = study.CASES["turn-180"].flights(3)
    assert [flight.name for flight in flights] == ["straight-leg", "survey", "turn-180"]
    assert len({flight.disturbances for flight in flights}) == 3
    assert [flight.name for flight in study.CASES["compass-15"].flights(4)] == ["compass-bias"]


def test_a_row_of_the_table_has_a_cell_for_each_head():
    outcome = Outcome(1, 100, 80, 0.95, 2.0, 6.0, {50: 0.1, 100: 0.05}, 7.0, {}, 1.0, 1.0, (1.0, 3.0), ())
    line = study.row(study.CASES["both"], study.Measured(outcome, 1.0, 2.0, 3.0, 4.0))
    assert line.count("|") == study.HEAD.splitlines()[0].count("|") == study.HEAD.splitlines()[1].count("|")
    assert line.endswith("| 80 of 100 | 95.0% | 2.0 | 6.0 | 7 | 5.0% |")


def test_the_table_is_printed_and_left_behind(tmp_path, capsys, monkeypatch):
    outcome = Outcome(1, 100, 80, 0.95, 2.0, 6.0, {50: 0.1, 100: 0.05}, 7.0, {}, 1.0, 1.0, (1.0, 3.0), ())
    monkeypatch.setattr(study, "load_encoder", lambda *_given, **_named: None)
    monkeypatch.setattr(study, "world_region", lambda _folder: None)
    monkeypatch.setattr(study, "map_of", lambda *_given, **_named: None)
    monkeypatch.setattr(study, "measure", lambda *_given: study.Measured(outcome, 1.0, 2.0, 3.0, 4.0))
    monkeypatch.setattr(sys, "argv", ["heading_study.py", "--out", str(tmp_path), "--cases", "known", "both"])
    study.main()
    said = capsys.readouterr().out
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == said
    assert [line.split(" | ")[0] for line in said.splitlines()[2:]] == ["| known", "| both"]


def test_help_says_what_the_study_measures(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["heading_study.py", "--help"])
    with pytest.raises(SystemExit):
        study.main()
    assert "unknown heading or height" in capsys.readouterr().out
