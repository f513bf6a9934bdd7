# SPDX-License-Identifier: Apache-2.0
"""Tests how a soak is told: table, sentences, JSON and exit code, with made-up flights."""

import argparse
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tools" / "live"), str(ROOT / "tools" / "soak")]

import soak  # noqa: E402 - found through the line above
from flightlog import Answer, FlightLog, Sent  # noqa: E402
from session import SessionError  # noqa: E402
from stage import Skipped  # noqa: E402
from verdict import Flown  # noqa: E402

NS = 1_000_000_000


def flown(name: str, answered: int) -> Flown:
    sent = [Sent(number, number * NS // 5) for number in range(100)]
    answers = {one.stamp_ns: Answer(one, one.wall_ns + 50_000_000, 1.0) for one in sent[:answered]}
    return Flown(name, FlightLog(sent, answers), 0, 20 * NS)


def play(monkeypatch: pytest.MonkeyPatch, out: Path, **played: Flown | Exception) -> tuple[int, dict]:
    """Play scenarios with these outcomes; return the exit code and the JSON."""

    def outcome(name: str, _scene: object, _seconds: float) -> list[Flown]:
        if isinstance(played[name], Exception):
            raise played[name]
        return [played[name]]

    monkeypatch.setattr(soak, "play", outcome)
    monkeypatch.setattr(soak.Scene, "prepare", lambda _scene, _sizes: None)
    options = argparse.Namespace(only=[*played], seconds=12.0, out=out / "soak.json")
    code = soak.run(options)
    content = json.loads(options.out.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    return code, content


def test_a_soak_that_holds_exits_with_0(monkeypatch, tmp_path, capsys) -> None:
    code, content = play(monkeypatch, tmp_path, undisturbed=flown("undisturbed", 98), kill=flown("kill", 97))
    assert code == 0
    assert [(row["scenario"], row["share"], row["recovery_s"]) for row in content["rows"]] == [
        ("undisturbed", 0.98, None),
        ("kill", 0.97, None),
    ]
    assert "98/100" in capsys.readouterr().out


def test_a_scenario_that_does_not_hold_is_named_with_exit_code_1(monkeypatch, tmp_path, capsys) -> None:
    code, content = play(monkeypatch, tmp_path, undisturbed=flown("undisturbed", 98), kill=flown("kill", 50))
    assert code == 1
    assert len(content["complaints"]) == 1
    assert f"FAILED {content['complaints'][0]}" in capsys.readouterr().out
    assert content["complaints"][0].startswith("kill, before any disturbance: 50 of 100 frames")


def test_a_busy_machine_is_no_excuse_for_an_undisturbed_run_without_answers(monkeypatch, tmp_path) -> None:
    code, content = play(monkeypatch, tmp_path, undisturbed=flown("undisturbed", 60))
    assert code == 1
    assert content["complaints"] == [
        "undisturbed: only 60 % of the frames were answered; soak an idle machine, or see runs/soak."
    ]


def test_a_process_that_fails_is_a_complaint_and_the_others_are_played(monkeypatch, tmp_path) -> None:
    good = {"undisturbed": flown("undisturbed", 98), "pause": flown("pause", 98)}
    code, content = play(monkeypatch, tmp_path, **good, kill=SessionError("nobody came."))
    assert code == 1
    assert content["complaints"] == ["kill: nobody came."]
    assert len(content["rows"]) == 2


def test_a_scenario_that_this_machine_cannot_play_is_told_and_is_no_failure(monkeypatch, tmp_path) -> None:
    reason = Skipped("a small disk cannot be mounted; run it as root")
    code, content = play(monkeypatch, tmp_path, undisturbed=flown("undisturbed", 98), kill=reason)
    assert code == 0
    assert content["skipped"] == ["kill is left out: a small disk cannot be mounted; run it as root."]


def test_every_scenario_says_what_it_does(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["soak.py", "--list"])
    soak.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*soak.SCENARIOS]
    assert all(len(line.split()) > 4 for line in lines)


def test_a_time_too_short_to_judge_is_refused(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["soak.py", "--seconds", "5"])
    with pytest.raises(SystemExit) as ended:
        soak.main()
    assert ended.value.code == 2
    assert "give --seconds above 6" in capsys.readouterr().err
