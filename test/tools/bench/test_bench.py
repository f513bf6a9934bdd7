# SPDX-License-Identifier: Apache-2.0
"""Tests the benchmark's tables on toy sizes: every row is timed, and compared methods agree."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "bench"))

import bench  # noqa: E402 - found through the line above
import bench_flight  # noqa: E402
import bench_rows  # noqa: E402

from geoloc.encoder.card import Architecture  # noqa: E402

TINY = Architecture(
    "resnet18",
    {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]},
    "unshuffle",
    input_px=64,
    descriptor_size=16,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_rows, "_LEAST_S", 0.0)
    for name, value in {"_PLACES": 7, "_PICTURES": 60, "_HALF": 30, "_NUMBERS": 16}.items():
        monkeypatch.setattr(bench, name, value)


def test_the_median_leaves_out_the_first_call() -> None:
    calls: list[int] = []
    assert bench.median_ms(partial(calls.append, 1), least=3) >= 0
    assert len(calls) == 4


def test_the_filter_is_timed_searching_and_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_flight, "_TILES_ACROSS", 20)
    states: list[str] = []
    update = bench_flight.BayesFilter.update

    def watched(*given: Any) -> Any:
        states.append(str((found := update(*given)).state))
        return found

    monkeypatch.setattr(bench_flight.BayesFilter, "update", watched)
    rows = list(bench.filtering())
    searching = ["searching the whole map", "searching in flight"]
    assert [row.name for row in rows] == ["exact search alone", *searching, "tracking"]
    assert all(row.ms > 0 for row in rows)
    assert set(states[:5]) == {"starting"}
    assert set(states[-5:]) == {"tracking"}


def test_evaluation_is_timed_in_both_directions_with_its_memory() -> None:
    rows = list(bench.evaluation())
    assert [row.name for row in rows] == ["30 x 7 at once", "30 x 7", "60 x 7", "7 x 60"]
    assert all(row.ms > 0 and "peak" in row.note for row in rows)


def test_the_naive_ranking_agrees_with_the_evaluation() -> None:
    from geoloc_training.evaluation.ranking import rank_by_sorting, truth_of

    rng = np.random.default_rng(0)
    queries, gallery = (rng.standard_normal((count, 4)).astype(np.float32) for count in (20, 9))
    right = np.arange(20) % 9
    ours = rank_by_sorting(queries, gallery, truth_of(right[:, None])).ranks
    np.testing.assert_array_equal(bench._rank_at_once(queries, gallery, right), ours)


def test_the_peak_memory_is_measured() -> None:
    ms, peak_mb = bench._cost(lambda: np.ones(1_000_000))
    assert ms > 0
    assert 8 <= peak_mb < 9


def test_refinement_is_timed_by_method_with_its_verdict() -> None:
    rows = list(bench.refinement())
    assert [row.name for row in rows] == ["encoder", "ncc", "sift"]
    assert all(row.ms > 0 for row in rows)
    assert rows[1].note.startswith("confirmed, 0.") or rows[1].note.startswith("confirmed, 1.")


def test_a_training_step_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    learnt: list[Any] = []

    class Watched(torch.optim.AdamW):
        def __init__(self, weights: Any) -> None:
            learnt.extend(weights)
            super().__init__(learnt)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    step = bench._training_step(TINY)
    before = [weight.clone() for weight in learnt]
    step()
    assert all(weight.grad is not None for weight in learnt)
    assert any(not torch.equal(old, new) for old, new in zip(before, learnt, strict=True))


def test_training_is_timed_by_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("timm")
    asked: list[Architecture] = []
    monkeypatch.setattr(bench, "_training_step", lambda architecture: asked.append(architecture) or list)
    rows = list(bench.training())
    assert [row.name for row in rows] == ["shipped", *bench._BACKBONES]
    assert [architecture.backbone for architecture in asked[1:]] == list(bench._BACKBONES)
    assert len({architecture.input_px for architecture in asked}) == 1
    assert all("images/s" in row.note for row in rows)


def test_steps_of_dmnil_are_listed_beside_their_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    module = pytest.importorskip("bench_dmnil_step")
    monkeypatch.setattr(module, "measure", lambda setup, steps: module.Cost(110.0, 100.0, {"memories": 4.0}))
    rows = list(bench.dmnil())
    assert [row.name for row in rows[:2]] == ["small, passes", "small, step"]
    assert len(rows) == 2 * len(module.QUICK)
    assert (rows[0].ms, rows[1].ms, rows[1].note) == (
        100,
        110,
        "overhead 10.0% (memories 4.0%, losses 6.0%); augmentation 0.0%",
    )


def test_without_torch_a_line_says_that_training_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda _name: None)
    for table in (bench.training, bench.dmnil):
        assert list(table()) == []
        assert "torch is not installed; `make setup-train`" in capsys.readouterr().out


def test_a_table_shows_ratios_to_its_first_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(
        bench.TABLES, "index", lambda: iter([bench.Row("a", 2.0), bench.Row("b", 5.0, "note")])
    )
    monkeypatch.setattr(sys, "argv", ["bench.py", "index"])
    bench.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["b", "5.00", "ms", "2.50", "x", "note"]


def test_a_row_that_never_ended_is_null_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [bench.Row("a", 2.0), bench.Row("b", float("nan"), "answered 0.0%")]
    monkeypatch.setitem(bench.TABLES, "index", lambda: iter(made))
    rows = bench.measure("index")["rows"]
    assert json.loads(json.dumps(rows, allow_nan=False))[1] == {
        "name": "b",
        "ms": None,
        "ratio": None,
        "note": "answered 0.0%",
    }


def test_all_tables_are_left_behind_as_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def made() -> Any:
        """What is made."""
        yield bench.Row("a", 2.0)
        yield bench.Row("b", 5.0, "note")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "TABLES", {"made": made})
    monkeypatch.setattr(sys, "argv", ["bench.py", "made"])
    bench.main()
    assert not Path("runs").exists()
    monkeypatch.setattr(sys, "argv", ["bench.py"])
    bench.main()
    content = json.loads(Path("runs/bench.json").read_text(encoding="utf-8"))
    assert content["tables"]["made"] == {
        "about": "What is made.",
        "rows": [
            {"name": "a", "ms": 2.0, "ratio": 1.0, "note": ""},
            {"name": "b", "ms": 5.0, "ratio": 2.5, "note": "note"},
        ],
    }
    assert "b" in capsys.readouterr().out
