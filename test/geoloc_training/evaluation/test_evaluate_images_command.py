# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train evaluate` with the shipped model on tiny trees of published sets."""

import json

import numpy as np
import published
import pytest
import scipy.io

from geoloc.installed import default_model
from tiny_imagery import tree

pytest.importorskip("torch")
pytest.importorskip("timm")

from geoloc_training.cli import app as cli


def _evaluate(data, root, out, *words):
    words = ("evaluate", default_model(), f"data={data}", f"data.root={root}", "--no-cache", *words)
    cli.app([*map(str, words), "--out", str(out)], standalone_mode=False)
    return json.loads((out / "metrics.json").read_text())


def test_descriptors_for_the_official_scoring_give_the_figures_of_the_table(tmp_path):
    root = tree("u1652", tmp_path)
    rows = _evaluate("u1652", root, tmp_path / "out", "--protocol", "both", "--features", tmp_path / "f")
    assert len(rows) == 4
    for row in rows:
        number = {"drone→satellite": 1, "satellite→drone": 2}[row["test"]]
        stored = scipy.io.loadmat(tmp_path / "f" / row["protocol"] / str(number) / "pytorch_result.mat")
        labels = stored["gallery_label"][0]
        rights = [np.flatnonzero(labels == label) for label in stored["query_label"][0]]
        gone = np.flatnonzero(labels == -1)
        assert len(gone) == row["gallery"] - row["searched"]
        official = published.university(stored["query_f"], stored["gallery_f"], rights, gone)
        assert [row["figures"][name] for name in ("R@1", "R@5", "R@10", "R@1%", "AP")] == pytest.approx(
            official
        )


def test_float32_coordinates_are_a_choice_that_the_table_names(tmp_path, capsys):
    root = tree("denseuav", tmp_path)
    exact = _evaluate("denseuav", root, tmp_path / "out")
    assert "float32" not in capsys.readouterr().out
    coarse = _evaluate("denseuav", root, tmp_path / "out32", "--float32-compat", "--flip")
    assert "full (flip, float32)" in capsys.readouterr().out
    assert [row["variant"] for row in exact + coarse] == ["", "", "flip, float32", "flip, float32"]
    assert {"SDM@1", "SDM@10", "MA@20m"} <= set(exact[0]["figures"])
