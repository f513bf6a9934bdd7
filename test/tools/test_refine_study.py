# SPDX-License-Identifier: Apache-2.0
"""The study of refinement on made worlds: its trials tell the truth, its table counts what happened."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import refine_study as study  # noqa: E402 - found through the line above

from fakes import FakeEncoder  # noqa: E402
from geoloc.refine import RefinerSettings, Registration, Verdict, make_method  # noqa: E402


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("study"))
        patch.setattr(study, "_WORLDS", (7,))
        patch.setattr(study, "_WORLD_M", 512.0)
        encoder = FakeEncoder(input_px=96)
        yield list(study.trials("world:0:1", None, 6, encoder, study.Disturbance()))


def test_queries_lie_where_they_say(trials):
    method = make_method(RefinerSettings())
    outcomes = [study.attempt(method, trial) for trial in trials]
    sure = [(o, t) for o, t in zip(outcomes, trials, strict=True) if o.right.verdict is Verdict.CONFIRMED]
    assert len(sure) >= 3
    for outcome, trial in sure:
        assert np.hypot(*outcome.error_m) < 3.0
        assert outcome.right.rotation_rad == pytest.approx(trial.heading_rad, abs=math.radians(2.0))
        assert outcome.right.scale == pytest.approx(trial.scale, abs=0.03)
    assert all(o.wrong.verdict is not Verdict.CONFIRMED for o in outcomes)


def test_a_wrong_patch_is_of_other_ground(trials):
    assert all(np.mean(trial.right.rgb != trial.wrong.rgb) > 0.5 for trial in trials)


def test_a_table_counts_what_happened():
    def registration(verdict, east_m=0.0):
        return Registration(verdict, 0.5, east_m, 0.0, np.eye(2), 0.0, 1.0, 0, "")

    outcomes = [
        study.Outcome(
            registration(Verdict.CONFIRMED), registration(Verdict.CONTRADICTED), np.array([3.0, 4.0]), 9.0
        ),
        study.Outcome(
            registration(Verdict.CONFIRMED), registration(Verdict.CONFIRMED), np.array([0.0, 6.0]), 9.0
        ),
        study.Outcome(
            registration(Verdict.UNDECIDED), registration(Verdict.UNDECIDED), np.array([0.0, 99.0]), 9.0
        ),
        study.Outcome(registration(Verdict.CONTRADICTED), registration(Verdict.UNDECIDED), np.zeros(2), 9.0),
    ]
    words = study.summary(outcomes).replace("/", " ").split()
    assert words[:2] == ["50.0%", "5.50"]
    assert words[4:8] == ["1", "25.0%", "25.0%", "25.0%"]


def test_a_query_of_the_map_s_own_date_is_no_test():
    with pytest.raises(SystemExit, match="two dates"):
        study.spots("world:1:1", None, 3, np.random.default_rng(0))
