# SPDX-License-Identifier: Apache-2.0
import csv
import errno
import os

import pytest

from geoloc_training import atomic_files
from geoloc_training.runlog import RunLog, figures_at, trained_minutes


def _rows(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_steps_lost_with_an_interruption_are_dropped(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    for step in (1, 2, 3):
        log.append(step, {"loss": float(step)})
    RunLog(tmp_path, 2, tensorboard=False).append(3, {"loss": 9.0})
    assert [(row["step"], row["loss"]) for row in _rows(tmp_path)] == [
        ("1", "1.0"),
        ("2", "2.0"),
        ("3", "9.0"),
    ]


def test_time_goes_on_after_a_resume(tmp_path):
    RunLog(tmp_path, 0, tensorboard=False).append(1, {})
    text = (tmp_path / "log.csv").read_text().replace("0.0", "120.0")
    (tmp_path / "log.csv").write_text(text)
    RunLog(tmp_path, 1, tensorboard=False).append(2, {})
    assert trained_minutes(tmp_path) == pytest.approx(2.0, abs=0.02)


def test_a_full_disk_loses_no_line(tmp_path, monkeypatch):
    log = RunLog(tmp_path, 0, tensorboard=False)
    log.append(1, {"loss": 1.0})
    before = (tmp_path / "log.csv").read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        RunLog(tmp_path, 1, tensorboard=False)
    with pytest.raises(OSError, match="No space left"):
        log.append(2, {"loss": 2.0, "valid_r1": 0.5})  # a column more
    assert (tmp_path / "log.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_without_a_log_the_time_is_0(tmp_path):
    assert trained_minutes(tmp_path) == 0.0


def test_a_steps_figures_are_read_without_those_it_lacks(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    log.append(1, {"loss": 1.0})
    log.append(2, {"loss": 2.0, "valid_r1": 0.5})
    assert figures_at(tmp_path, 1) == {"step": 1.0, "seconds": 0.0, "loss": 1.0}
    assert figures_at(tmp_path, 2)["valid_r1"] == 0.5
    assert figures_at(tmp_path, 3) == figures_at(tmp_path / "no", 1) == {}


def test_a_figure_that_comes_up_later_gets_a_column(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    log.append(1, {"loss": 1.0})
    log.append(2, {"loss": 2.0, "valid_r1": 0.5})
    RunLog(tmp_path, 2, tensorboard=False).append(3, {"loss": 3.0, "dphr": 0.1})
    assert [(row["loss"], row["valid_r1"], row["dphr"]) for row in _rows(tmp_path)] == [
        ("1.0", "", ""),
        ("2.0", "0.5", ""),
        ("3.0", "", "0.1"),
    ]
