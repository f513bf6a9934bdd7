# SPDX-License-Identifier: Apache-2.0
import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import published
import pytest
import scipy.io
from tiny_task import colours, task

from geoloc.errors import ParameterError
from geoloc_training.evaluation import published_tests
from geoloc_training.evaluation.benchmark import EvaluationOptions, evaluate_benchmark, evaluate_features
from geoloc_training.evaluation.figures import Figure
from geoloc_training.evaluation.gallery import worst_queries, write_worst
from geoloc_training.evaluation.published_tests import evaluate_images, export_features
from geoloc_training.evaluation.tables import percent, table
from geoloc_training.evaluation.university_script import write_result

QUIET = EvaluationOptions(progress=False)


def test_the_command_prints_and_writes_everything(tmp_path, capsys):
    tests = [task(tmp_path / "data", metrics=("recall", "ap_trapezoid", "sdm_degrees"))]
    out, cache = tmp_path / "out", tmp_path / "cache"
    results = evaluate_images(colours, 16, "key", tests, "both", out, QUIET, cache)
    assert capsys.readouterr().out == table(results) + "\n"
    assert sorted(p.name for p in out.iterdir()) == ["metrics.csv", "metrics.json", "worst.png"]
    assert len(list(cache.iterdir())) == 2
    kept = json.loads((out / "metrics.json").read_text())
    assert [(row["protocol"], row["searched"], row["gallery"]) for row in kept] == [
        ("full", 6, 6),
        ("sample4geo", 4, 6),
    ]
    assert kept[0]["figures"]["R@1"] == results[0].value("R@1")
    with (out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(r.figures) for r in results)
    assert {row["protocol"] for row in rows} == {"full", "sample4geo"}
    assert float(rows[0]["value"]) == results[0].figures[0].value


def test_without_cache_and_out_no_file_is_written(tmp_path):
    tests = [task(tmp_path / "data")]
    evaluate_images(colours, 16, "key", tests, options=QUIET)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_mistakes_are_sentences(tmp_path, monkeypatch):
    tests = [task(tmp_path / "data")]
    with pytest.raises(ParameterError, match="'half' is unknown"):
        evaluate_images(colours, 16, "key", tests, "half")
    with pytest.raises(ParameterError, match="no test"):
        evaluate_images(colours, 16, "key", [])
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match="choose another --out"):
        evaluate_images(colours, 16, "key", tests, out=tmp_path / "file")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(published_tests, "write_csv", full)
    with pytest.raises(ParameterError, match="No space left"):
        evaluate_images(colours, 16, "key", tests, out=tmp_path / "out", options=QUIET)


def test_the_table_names_protocols_variants_and_units(tmp_path):
    tests = [task(tmp_path)]
    lines = table(evaluate_benchmark(tests, colours, 16, options=replace(QUIET, flip=True))).splitlines()
    assert " ".join(lines[0].split()) == "test protocol queries gallery searched R@1 R@5 R@10 R@1% AP"
    assert lines[1].startswith("drone→satellite  full (flip) ")
    assert lines[2].startswith("drone→satellite  sample4geo (flip) ")
    assert lines[2].split()[-1] == "100.00" or float(lines[2].split()[-1]) <= 100
    assert "median" in lines[4]
    assert "L@5m" in lines[4]
    assert lines[-1] == "shares in %; median, p90 and Dis in metres"


@pytest.mark.parametrize(("hits", "printed"), [(529, "13.22"), (961, "24.03"), (4000, "100.00")])
def test_recall_rounds_as_in_float32(hits, printed):
    assert f"{percent(Figure('R@1', hits / 4000)):.2f}" == printed


def test_the_worst_queries_come_first_and_are_drawn(tmp_path):
    test = task(tmp_path, places=3, distractors=0, drones=1)
    gallery = np.eye(3, dtype=np.float32)
    queries = np.array([[1, 0.5, 0], [1, 0.1, 0.5], [0.2, 0.5, 0]], np.float32)  # ranks 0, 2, 2
    result = evaluate_features(test, queries, gallery, ["full"])[0]
    assert worst_queries(result, 2).tolist() == [1, 2]
    write_worst(tmp_path / "worst.png", [result], count=2)
    drawn = cv2.imread(str(tmp_path / "worst.png"))[:, :, ::-1]
    heading, row, column = 44, 190, 172
    assert drawn.shape == (heading + 2 * row, 7 * column, 3)
    frames = [drawn[heading, column * n + 5].tolist() for n in range(7)]
    grey, green, red, paper = [120, 120, 120], [40, 140, 40], [190, 40, 40], [255, 255, 255]
    assert frames == [grey, green, red, red, green, paper, paper]
    shown = drawn[heading + 14, column + 14].tolist()
    assert shown == cv2.imread(str(test.gallery[1].path))[0, 0, ::-1].tolist()


def test_the_exported_file_is_what_the_official_script_reads(tmp_path):
    test = task(tmp_path / "data", places=2, distractors=1, drones=2)
    path = write_result(tmp_path, test, np.eye(4, 3), np.eye(3), "full")
    found = scipy.io.loadmat(path)
    assert found["query_label"][0].tolist() == [0, 0, 1, 1]
    assert found["gallery_label"][0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found["query_f"], np.eye(4, 3))
    assert found["gallery_path"][2].strip() == str(test.gallery[2].path)
    write_result(tmp_path, test, np.eye(4, 3), np.eye(3), "sample4geo")
    assert scipy.io.loadmat(path)["gallery_label"][0].tolist() == [0, 1, -1]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("protocol", ["full", "sample4geo"])
@pytest.mark.parametrize("way", ["drone to satellite", "satellite to drone"])
def test_the_official_scoring_of_the_exported_file_gives_our_figures(tmp_path, way, protocol, ties):
    """Read only the exported file; its labels determine right and excluded entries."""
    pictures = task(tmp_path / "data", places=30, distractors=20, drones=3)
    test = pictures if way == "drone to satellite" else replace(
        pictures, queries=pictures.gallery[:30], gallery=(*pictures.queries, *pictures.gallery[30:])
    )  # fmt: skip
    rng = np.random.default_rng(3)
    queries, gallery = (rng.normal(size=(len(some), 3)) for some in (test.queries, test.gallery))
    if ties:  # integers make products exact
        queries, gallery = np.round(queries), np.round(gallery)
    queries, gallery = queries.astype(np.float32), gallery.astype(np.float32)
    stored = scipy.io.loadmat(write_result(tmp_path, test, queries, gallery, protocol))
    labels, asked = stored["gallery_label"][0], stored["query_label"][0]
    rights = [np.flatnonzero(labels == label) for label in asked]
    official = published.university(
        stored["query_f"], stored["gallery_f"], rights, np.flatnonzero(labels == -1)
    )
    (ours,) = evaluate_features(test, queries, gallery, [protocol])
    names = "R@1", "R@5", "R@10", "R@1%", "AP"
    assert [ours.value(name) for name in names] == pytest.approx(official)
    assert 0 < ours.value("R@1") < ours.value("R@10") < 1


def test_places_without_numbers_are_numbered(tmp_path):
    test = task(tmp_path / "data", places=2, distractors=0, drones=1)
    named = replace(
        test,
        queries=tuple(replace(item, id=f"town{item.id}") for item in test.queries),
        gallery=tuple(replace(item, id=f"town{item.id}") for item in test.gallery[::-1]),
    )
    found = scipy.io.loadmat(write_result(tmp_path, named, np.eye(2), np.eye(2)))
    assert found["query_label"][0].tolist() == [0, 1]
    assert found["gallery_label"][0].tolist() == [1, 0]
    with pytest.raises(ParameterError, match="lists its matches"):
        write_result(tmp_path, replace(test, positives=((0,), (1,))), np.eye(2), np.eye(2))


def test_features_of_every_test_are_exported(tmp_path):
    tests = [task(tmp_path / "a"), task(tmp_path / "b", places=2)]
    paths = export_features(colours, 16, tests, tmp_path / "out", "full", QUIET)
    assert [p.relative_to(tmp_path / "out").as_posix() for p in paths] == [
        "1/pytorch_result.mat",
        "2/pytorch_result.mat",
    ]
    again = evaluate_features(tests[0], *(scipy.io.loadmat(paths[0])[n] for n in ("query_f", "gallery_f")))
    assert again[0].figures == evaluate_benchmark([tests[0]], colours, 16, options=QUIET)[0].figures


def test_descriptors_of_several_pictures_as_one_are_not_exported(tmp_path):
    with pytest.raises(ParameterError, match="without multi-query"):
        export_features(colours, 16, [], tmp_path, options=EvaluationOptions(multi_query=True))
