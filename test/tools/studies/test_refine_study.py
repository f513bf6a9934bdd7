# SPDX-License-Identifier: Apache-2.0
"""Tests the study of refinement on procedural worlds: its trials are correct, and so is its table."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "studies"))

import refine_flights  # noqa: E402 - found through the line above
import refine_rows  # noqa: E402
import refine_study as study  # noqa: E402

import toy_flight  # noqa: E402
import toy_map  # noqa: E402
from fakes import FakeEncoder  # noqa: E402
from geoloc.refine import Refiner, Registration, Verdict, make_method, stage  # noqa: E402
from geoloc_lab.photo_flights.evaluation import PreparedFlight  # noqa: E402

ENCODER = FakeEncoder(input_px=96)


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("study"))
        patch.setattr(study, "_WORLDS", (7,))
        patch.setattr(study, "_WORLD_M", 512.0)
        yield list(study.trials("world:0:1", None, 6, ENCODER, study.Disturbance()))


def test_queries_lie_at_their_stated_positions(trials):
    sure = 0
    for trial in trials:
        with Refiner(trial.right, make_method("ncc")) as refiner:
            found = refiner.refine(trial.view, 0.0, 0.0)
        if found.verdict is Verdict.CONFIRMED:
            sure += 1
            assert math.dist((found.east_m, found.north_m), trial.truth_m) < 3.0
            assert found.rotation_rad == pytest.approx(trial.heading_rad, abs=math.radians(2.0))
            assert found.scale == pytest.approx(trial.scale, abs=0.03)
    assert sure >= 3


def test_the_refinement_stage_itself_is_measured(trials):
    tried = [study.attempt("ncc", trial) for trial in trials]
    for one, trial in zip(tried, trials, strict=True):
        np.testing.assert_allclose(one.before_m, trial.believed.mean_m - trial.truth_m)
        assert one.refined or np.array_equal(one.after_m, one.before_m)
    assert sum(one.refined for one in tried) >= 2
    assert not any(one.wrong_place for one in tried)


def test_a_wrong_place_is_of_other_ground(trials):
    for trial in trials:
        right, wrong = (place.view(0.0, 0.0, 90.0, 96)[0] for place in (trial.right, trial.wrong))
        assert np.mean(right != wrong) > 0.5


def tried(before_m, after_m, *, refined=True, wrong_place=False):
    errors = np.array([before_m, 0.0]), np.array([0.0, after_m])
    return refine_rows.Tried(*errors, np.eye(2) * 4.0, refined, wrong_place, 9.0)


def test_a_table_counts_what_happened():
    rows = [
        tried(8.0, 2.0),
        tried(8.0, 50.0, wrong_place=True),
        tried(4.0, 4.0, refined=False),
        tried(6.0, 6.0, refined=False),
    ]
    line = refine_rows.row("ncc", rows, 40.0)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert len(cells) == len(refine_rows.HEAD.splitlines()[0].strip("|").split("|"))
    assert cells[:3] == ["ncc", "50.0%", "7.00 / 8.00"]
    assert cells[3].startswith("5.00 / ")
    assert cells[4:] == ["50.0%", "25.0%", "313.00", "9"]


def test_a_table_marks_unknown_values():
    line = refine_rows.row("sift", [tried(1.0, 1.0, refined=False, wrong_place=None)], 40.0)
    assert line.count("–") == 3


class HalfAMetreEast:
    """A method that registers every view half a metre east of the belief."""

    name = "ncc"

    def register(self, view, patch):
        return Registration(Verdict.CONFIRMED, 1.0, 0.5, 0.0, np.eye(2), 0.0, 1.0, 0, "half a metre east")


def test_a_flight_is_compared_frame_by_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "make_method", lambda name, weights: HalfAMetreEast())
    bag = toy_flight.write_flight(tmp_path / "flight", count=3)
    flight, encoder = PreparedFlight(None, toy_flight.pixel_map(), bag), toy_flight.PixelEncoder()
    off, moved = (refine_flights._run(flight, encoder, method) for method in ("off", "ncc"))
    unchanged, refined = (refine_flights._compared(flight, off, run) for run in (off, moved))
    assert len(unchanged) == len(refined) == 3
    assert not any(one.refined for one in unchanged)
    assert all(one.refined and np.hypot(*one.after_m) < toy_map.PITCH_M for one in refined)


def test_the_tables_are_printed_and_left_behind(trials, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(study, "load_encoder", lambda *_given, **_named: ENCODER)
    monkeypatch.setattr(study, "trials", lambda *_given: trials[:1])
    words = ["refine_study.py", "--cases", "world:0:1", "--methods", "ncc", "--out", str(tmp_path / "refine")]
    monkeypatch.setattr(sys, "argv", words)
    study.main()
    said = capsys.readouterr().out
    assert (tmp_path / "refine/table.md").read_text(encoding="utf-8") == said
    assert said.startswith("\nworld:0:1, 1 queries, ±12 m")
    assert said.splitlines()[-1].startswith("| ncc |")


def test_a_query_of_the_same_date_as_the_map_is_refused():
    with pytest.raises(SystemExit, match="two dates"):
        study.spots("world:1:1", None, 3, np.random.default_rng(0))
