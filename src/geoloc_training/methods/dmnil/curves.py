# SPDX-License-Identifier: Apache-2.0
"""Plots of pseudo-label figures over epochs, from a run's log."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_COLOURS = {"query": "#1f77b4", "reference": "#ff7f0e", "match": "#2ca02c", "valid": "#d62728"}
_PANELS = {
    "clusters": ("query_clusters", "reference_clusters"),
    "share of images with a label": ("query_coverage", "reference_coverage"),
    "purity by true place, R@1": ("query_purity", "reference_purity", "match_purity", "valid_r1"),
}


def curves(rows: Sequence[Mapping[str, float]], steps_per_epoch: int) -> Figure | None:
    """Plot clusters, coverage, purity and validation recall over epochs; return None if none is logged.

    Args:
        rows: lines of the log, each with its step; a line may lack figures.
        steps_per_epoch: steps of an epoch; labels are logged at its first step, recall after its last.
    """
    if not any("query_clusters" in row for row in rows):
        return None
    figure = Figure(figsize=(12, 3.8), dpi=110, layout="constrained")
    shared = [row["step"] - 1 for row in rows if row.get("labels_shared")]
    for panel, (title, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        for name in names:
            _draw(panel, name, rows, steps_per_epoch)
        if shared:
            panel.axvline(min(shared) / steps_per_epoch, color="grey", linestyle=":", label="labels shared")
        panel.set(title=title, xlabel="epoch")
        panel.set_ylim(0, None if title == "clusters" else 1.03)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        if panel.get_lines():
            panel.legend(fontsize=8)
    return figure


def _draw(panel: Axes, name: str, rows: Sequence[Mapping[str, float]], steps_per_epoch: int) -> None:
    before = 0 if name == "valid_r1" else 1  # a plan's figures are logged with its first step
    points = [((row["step"] - before) / steps_per_epoch, row[name]) for row in rows if name in row]
    if points:
        colour = _COLOURS[name.partition("_")[0]]
        panel.plot(*zip(*points, strict=True), color=colour, marker=".", label=name.replace("_", " "))
