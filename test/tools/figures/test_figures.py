# SPDX-License-Identifier: Apache-2.0
"""Reading, writing and collecting docs/figures.json; the pages of the repository match it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import figure_tree
import pytest
from figure_tree import OUTCOME, ROOT, SILENT, SUMMARY, put, put_report

import figures  # isort: skip - figure_tree adds the folder to sys.path
import measured  # isort: skip
import sections  # isort: skip
from book import Figure, FigureError, Section, is_table, read_book, text_of, write_book  # isort: skip
from page import page  # isort: skip
from read_studies import sheets  # isort: skip


@pytest.fixture(autouse=True)
def known_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "commit_at", lambda _checkout, _when: "abc123456")


def collected(root: Path, name: str) -> Section:
    found, _ = sections.collect(root, name)
    return found[name]


def texts(section: Section) -> dict[str, str]:
    return {key: figure.text for key, figure in section.figures.items()}


def test_the_pages_match_the_measurements() -> None:
    assert list(figures.problems(ROOT)) == []


def test_the_report_of_the_demo_is_read(tmp_path: Path) -> None:
    put_report(tmp_path, "demo/report")
    section = collected(tmp_path, "demo")
    assert (section.command, section.commit, section.date) == ("make demo", "abc123456", "2027-01-15")
    assert "core" in section.machine
    found = texts(section)
    assert (found["median"], found["within_tile"], found["nees"], found["beyond_50"]) == (
        "1.1 m",
        "98.3 %",
        "2.03",
        "0",
    )
    assert (found["first_fix"], found["first_fix_frames"]) == ("1.5 s", "4")
    assert found["latency.image_to_geopoint.p95"] == "200 ms"
    assert section.figures["within_tile"].value == pytest.approx(98.333)
    assert "| demo | 180 | 98.3 % |" in section.tables["flight"]


def test_flights_are_read_with_their_groups(tmp_path: Path) -> None:
    put_report(
        tmp_path, "flight/brighton_beach/report", **{"in the map": SUMMARY | {"frames": 12, "median_m": None}}
    )
    section = collected(tmp_path, "flights")
    found = texts(section)
    assert (found["brighton_beach.frames"], found["brighton_beach.in_the_map.frames"]) == ("180", "12")
    assert section.figures["brighton_beach.in_the_map.median"] == Figure(
        None, "–", "median error of the answered frames"
    )
    assert "| … in the map | 12 |" in section.tables["flights"]


def test_scenarios_are_read_by_flight_and_side_by_side(tmp_path: Path) -> None:
    trials = {
        "world/kidnap": OUTCOME,
        "world/low-texture": OUTCOME | {"back_s": []},
        "ortho/low-texture": SILENT,
        "world, all": OUTCOME | {"flights": 2},
        "ortho, all": SILENT,
        "all": OUTCOME | {"flights": 3},
        "brighton_beach": OUTCOME | {"nees": 22.5},
    }
    likeness = [{"name": "NAIP Chico, 2018 and 2020", "median": 0.934, "p10": 0.9, "other": 0.5}]
    put(tmp_path, "scenarios/scenarios.json", {"trials": trials, "likeness": likeness})
    section = collected(tmp_path, "scenarios")
    found = texts(section)
    assert (found["world.kidnap.back"], found["all.flights"], found["flight.brighton_beach.nees"]) == (
        "6.4 s",
        "3",
        "22.5",
    )
    assert (found["ortho.low_texture.first_fix_frames"], found["world.kidnap.beyond_100"]) == (
        "none",
        "0.40 %",
    )
    assert found["likeness.naip_chico_2018_and_2020.median"] == "0.934"
    rows = section.tables["scenarios"].splitlines()
    assert rows[2].startswith("| `kidnap` | 91.1 / – | 1.3 / – |")
    assert rows[3].startswith("| `low-texture` | 91.1 / none | 1.3 / – |")
    assert "| all | median error | 1.3 m | ≤ 8.0 m | met |" in section.tables["targets"]


def test_bench_rows_and_their_notes_are_read(tmp_path: Path) -> None:
    rows = [
        {"name": "small, passes", "ms": 100.0, "ratio": 1.0, "note": ""},
        {"name": "small, step", "ms": 108.0, "ratio": 1.08, "note": "overhead 8.0% (memories 1.0%)"},
    ]
    index = [
        {"name": "hnsw", "ms": 0.5, "ratio": 1.0, "note": "recall of the best ten 0.991, built in 2.5 s"}
    ]
    training = [{"name": "shipped", "ms": 130.4, "ratio": 1.0, "note": "124 images/s of 160 px"}]
    note = "answered 95.0% of 20 since the first fix, p95 77 ms, 0.93 m off, imu 2.5 ms late"
    live = [
        {"name": "JPEG 2 Hz", "ms": 60.7, "ratio": 1.0, "note": note},
        {"name": "raw 2 Hz", "ms": None, "ratio": None, "note": "answered 0.0% of 20, 18 lost"},
    ]
    tables = {
        "transport": {"about": "Cameras.", "rows": live},
        "dmnil": {"about": "A step.", "rows": rows},
        "training": {"about": "Training.", "rows": training},
        "index": {"about": "Search.", "rows": index},
    }
    put(tmp_path, "runs/bench.json", {"cores": 2, "tables": tables})
    section = collected(tmp_path, "bench")
    found = texts(section)
    jpeg = [found[f"transport.jpeg_2_hz.{key}"] for key in ("ms", "answered", "p95", "off", "imu")]
    assert jpeg == ["61 ms", "95.0 %", "77 ms", "0.93 m", "2.5 ms"]
    assert found["transport.raw_2_hz.answered"] == "0.0 %"
    assert "transport.raw_2_hz.ms" not in found
    assert "| raw 2 Hz | – | – | answered 0.0% of 20, 18 lost |" in section.tables["transport"]
    assert (found["dmnil.small_step.ratio"], found["dmnil.small_step.overhead"]) == ("1.08 x", "8.0 %")
    assert (found["training.shipped.ms"], found["training.shipped.rate"]) == ("130 ms", "124 images/s")
    assert (found["index.hnsw.recall"], found["index.hnsw.ready"]) == ("0.991", "2.5 s")


HEADING = """| case | what is wrong | rows | answer ms, median / p95 | fixes | available | > 100 m |
|---|---|---|---|---|---|---|
| turn-15 | heading up to 15° off | 3 | 4.0 / 9.5 | 380 of 407 | 98.1% | 0.0% |
"""
REFINE = """
chico:2018:2020, 99 queries, ±12 m

| method | fused | before, median / p95 m | CPU ms |
|---|---|---|---|
| ncc | 100.0% | 3.81 / 7.51 | 28 |

caliterra, 37 photos, views of 42 m

| method | fused | before, median / p95 m | CPU ms |
|---|---|---|---|
| ncc | – | 2.02 / 6.57 | 38 |
"""
ADAPTED = """| region, model | half in the footage: R@1, % |
|---|---|
| claremont-generic | 76.7 → 78.9 |
"""


def test_tables_of_studies_are_read(tmp_path: Path) -> None:
    put(tmp_path, "runs/heading/table.md", HEADING)
    put(tmp_path, "runs/refine/table.md", REFINE)
    put(tmp_path, "runs/adaptation-study/table.md", ADAPTED)
    heading = collected(tmp_path, "heading")
    assert texts(heading) == {
        "turn_15.rows": "3",
        "turn_15.answer.median": "4.0 ms",
        "turn_15.answer.p95": "9.5 ms",
        "turn_15.answer": "4.0 / 9.5 ms",
        "turn_15.fixes": "380 of 407",
        "turn_15.available": "98.1 %",
        "turn_15.beyond_100": "0.0 %",
    }
    assert heading.figures["turn_15.fixes"].meaning == "heading up to 15° off, fixes"
    refine = collected(tmp_path, "refine")
    found = texts(refine)
    assert (found["chico_2018_2020.ncc.before.p95"], found["caliterra.ncc.cpu"]) == ("7.51 m", "38 ms")
    assert "caliterra.ncc.fused" not in found
    assert set(refine.tables) == {"table", "chico_2018_2020.table", "caliterra.table"}
    assert "| caliterra, 37 photos, views of 42 m | ncc | – |" in refine.tables["table"]
    adapted = texts(collected(tmp_path, "adaptation"))
    assert (adapted["claremont_generic.shown.r1.after"], adapted["claremont_generic.shown.r1"]) == (
        "78.9 %",
        "76.7 → 78.9 %",
    )


def test_tables_are_read_from_a_log() -> None:
    (sheet,) = sheets("loading: 3 %\n\nworld:0:1, 3 queries\n\n| a | b |\n|---|---|\n| x | 1 |\nreal 2m\n")
    assert (sheet.title, sheet.head, sheet.rows) == ("world:0:1, 3 queries", ("a", "b"), (("x", "1"),))


def test_the_card_of_a_model_is_read() -> None:
    section = collected(ROOT, "geoloc-small-2")
    found = texts(section)
    assert section.command.startswith("geoloc-train fit")
    assert (found["chico.yaw_10.crowd.r1"], found["claremont.yaw_10.offset_22_5.r1"]) == ("98.7 %", "79.1 %")
    assert (found["hog.claremont.yaw_known.r5"], found["calibration.upper_bound"]) == ("70.1 %", "0.37 %")


def test_sections_without_a_result_are_kept(tmp_path: Path) -> None:
    put_report(tmp_path, "demo/report")
    found, absent = sections.collect(tmp_path)
    assert (list(found), "flights" in absent) == (["demo"], True)
    old = {"flights": section_of("1 m"), "own": section_of("2 m"), "demo": section_of("3 m")}
    book = sections.merged(old, found)
    assert list(book) == ["demo", "flights", "own"]
    assert text_of(book, "demo.median") == "1.1 m"
    assert text_of(book, "own.median") == "2 m"


def test_an_older_result_does_not_replace_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_report(tmp_path, "demo/report")
    newer = {"demo": replace(section_of("3 m"), date="2027-01-16")}
    (tmp_path / "docs").mkdir()
    write_book(newer, tmp_path / "docs/figures.json")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    run(monkeypatch, "--from", str(tmp_path))
    assert "kept, because the result is older: demo" in capsys.readouterr().out
    assert read_book(tmp_path / "docs/figures.json") == newer
    run(monkeypatch, "--from", str(tmp_path), "--only", "demo")
    assert text_of(read_book(tmp_path / "docs/figures.json"), "demo.median") == "1.1 m"


def section_of(text: str, **more: Any) -> Section:
    return Section(
        "make it", "abc", "2027-01-15", "a machine", {"median": Figure(1.5, text, "median")}, **more
    )


def test_a_written_book_is_read_back(tmp_path: Path) -> None:
    book = {
        "demo": section_of("1 m", tables={"rows": "| a |"}, recorded="takes hours"),
        "empty": Section("x", "y", "2027-01-15", "z"),
    }
    write_book(book, tmp_path / "figures.json")
    assert read_book(tmp_path / "figures.json") == book
    assert read_book(tmp_path / "none.json") == {}
    assert is_table(book, "demo.rows")
    assert not is_table(book, "demo.median")
    assert "Recorded: takes hours" in page(book)
    assert "| `median` | 1 m | median |" in page(book)


GOOD = {"command": "x", "commit": "c", "date": "2027-01-15", "machine": "m", "figures": {}}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"demo": {"command": "x", "figures": {}}}, "section 'demo' is damaged .*missing"),
        ({"demo": GOOD | {"commit": ""}}, "section 'demo': the commit is missing"),
        ({"demo": GOOD | {"date": "now"}}, "the date 'now'"),
        (
            {"demo": GOOD | {"figures": {"A b": {"value": 1, "text": "1", "meaning": ""}}}},
            "key 'A b' is invalid",
        ),
        (
            {"demo": GOOD | {"figures": {"a": {"value": 1, "text": "1|2", "meaning": ""}}}},
            "write one line",
        ),
        ({"demo": GOOD | {"figures": {"a": {"value": 1}}}}, "missing"),
        ({"a.b": GOOD}, "the section name 'a.b' is invalid"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, section: dict[str, Any], said: str) -> None:
    with pytest.raises(FigureError, match=said):
        read_book(put(tmp_path, "figures.json", section))


def test_invalid_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="is not valid JSON"):
        read_book(put(tmp_path, "figures.json", "{"))


def test_the_command_writes_json_page_and_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = tmp_path / "measured"
    put_report(checkout, "demo/report")
    put(tmp_path, "README.md", "The median is <!--=demo.median-->?<!--/-->.\n")
    put(tmp_path, "docs/methods/one.md", "No quote.\n")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert run(monkeypatch, "--check") == 1
    assert "docs/figures.md does not match" in capsys.readouterr().out
    run(monkeypatch, "--from", str(checkout), "--only", "demo")
    assert (tmp_path / "README.md").read_text(
        encoding="utf-8"
    ) == "The median is <!--=demo.median-->1.1 m<!--/-->.\n"
    assert "`make demo`" in (tmp_path / "docs/figures.md").read_text(encoding="utf-8")
    assert run(monkeypatch, "--check") == 0
    put(tmp_path, "docs/methods/one.md", "A quote: <!--=demo.median-->1.2 m<!--/-->.\n")
    assert run(monkeypatch, "--check") == 1
    assert "docs/methods/one.md, line 1: demo.median is '1.1 m'" in capsys.readouterr().out
    put(tmp_path, "docs/methods/one.md", "A quote: <!--=demo.none-->1.2 m<!--/-->.\n")
    assert run(monkeypatch, "--from", str(checkout)) == 2
    assert "docs/methods/one.md, line 1: section 'demo' has no" in capsys.readouterr().err


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["figures.py", *words])
    try:
        figures.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_measured_commit_is_found(tmp_path: Path) -> None:
    now = measured.commit_at(ROOT, 4e9) if (ROOT / ".git").exists() else "abcdefabc"
    assert len(now) >= 7
    with pytest.raises(FigureError, match="the measured commit is unknown"):
        measured.commit_at(tmp_path, figure_tree.WHEN)
    assert measured.day(figure_tree.WHEN) == "2027-01-15"
