# SPDX-License-Identifier: Apache-2.0
import csv

import pytest

from geoloc_training.runlog import RunLog, trained_minutes


def _rows(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_steps_lost_with_an_interruption_are_dropped(tmp_path):
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.append(step, {"loss": float(step)})
    RunLog(tmp_path, 2).append(3, {"loss": 9.0})
    assert [(row["step"], row["loss"]) for row in _rows(tmp_path)] == [
        ("1", "1.0"),
        ("2", "2.0"),
        ("3", "9.0"),
    ]


def test_time_goes_on_after_a_resume(tmp_path):
    RunLog(tmp_path, 0).append(1, {})
    text = (tmp_path / "log.csv").read_text().replace("0.0", "120.0")
    (tmp_path / "log.csv").write_text(text)
    RunLog(tmp_path, 1).append(2, {})
    assert trained_minutes(tmp_path) == pytest.approx(2.0, abs=0.02)


def test_no_log_is_no_time(tmp_path):
    assert trained_minutes(tmp_path) == 0.0
