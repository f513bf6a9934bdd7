# SPDX-License-Identifier: Apache-2.0
"""Plots of label figures over epochs, from lines of a log."""

import pytest

pytest.importorskip("matplotlib")

from geoloc_training.methods.dmnil.curves import curves

ROWS = [
    {"step": 1.0, "loss": 3.0, "query_clusters": 9.0, "query_purity": 0.5, "labels_shared": 0.0},
    {"step": 2.0, "loss": 2.0, "valid_r1": 0.25},
    {"step": 3.0, "loss": 2.0, "query_clusters": 7.0, "query_purity": 0.75, "labels_shared": 1.0,
     "match_purity": 0.4},
    {"step": 4.0, "loss": 1.0, "valid_r1": 0.5},
]  # fmt: skip


def _lines(figure):
    return {
        line.get_label(): list(zip(*line.get_data(), strict=True))
        for axes in figure.get_axes()
        for line in axes.get_lines()
    }


def test_labels_are_plotted_at_an_epochs_start_and_recall_at_its_end():
    lines = _lines(curves(ROWS, 2))
    assert lines["query clusters"] == [(0, 9), (1, 7)]
    assert lines["query purity"] == [(0, 0.5), (1, 0.75)]
    assert lines["match purity"] == [(1, 0.4)]
    assert lines["valid r1"] == [(1, 0.25), (2, 0.5)]
    assert lines["labels shared"] == [(1, 0), (1, 1)]
    assert "reference purity" not in lines


def test_no_line_is_drawn_if_labels_are_never_shared():
    assert "labels shared" not in _lines(curves(ROWS[:2], 2))


@pytest.mark.parametrize("rows", [[], [{"step": 1.0, "loss": 2.0}]])
def test_an_empty_log_gives_no_figure(rows):
    assert curves(rows, 2) is None
