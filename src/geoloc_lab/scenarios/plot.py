# SPDX-License-Identifier: Apache-2.0
"""All trials in one picture: the error of each fix and what it claims, over time."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.continuity import kidnap_stamps_ns

_COLOURS = ("#1f6feb", "#d2691e", "#2ca02c", "#8a2be2")
_COLUMNS = 3
_LOW_M, _HIGH_M = 0.3, 3000.0


def draw_trials(flights: Mapping[str, Answers], out: Path) -> None:
    """Write a PNG with a panel a scenario; `flights` by name, imagery/scenario."""
    scenarios = list(dict.fromkeys(name.partition("/")[2] for name in flights))
    kinds = list(dict.fromkeys(name.partition("/")[0] for name in flights))
    lines = -(-len(scenarios) // _COLUMNS)
    figure = Figure(figsize=(4.6 * _COLUMNS, 2.5 * lines + 0.5), dpi=110, layout="constrained")
    panels = figure.subplots(lines, _COLUMNS, sharey=True, squeeze=False).ravel()
    for panel, scenario in zip(panels, scenarios, strict=False):
        for colour, kind in zip(_COLOURS, kinds, strict=False):
            if f"{kind}/{scenario}" in flights:
                _draw(panel, flights[f"{kind}/{scenario}"], colour, kind)
        _dress(panel, scenario)
    for panel in panels[len(scenarios) :]:
        panel.set_axis_off()
    panels[0].legend(loc="upper right", fontsize=8, framealpha=0.85)
    figure.suptitle("error of each fix (dots) and claimed 3σ (lines), metres over seconds; ticks: no fix")
    figure.savefig(out, pil_kwargs={"compress_level": 3})


def _draw(panel: Axes, flight: Answers, colour: str, label: str) -> None:
    seconds = (flight.stamp_ns - flight.stamp_ns[0]) * 1e-9
    panel.plot(
        seconds, np.clip(flight.distance_m, _LOW_M, _HIGH_M), ".", color=colour, markersize=3.5, label=label
    )
    panel.plot(
        seconds, np.clip(3.0 * flight.sigma_m, _LOW_M, _HIGH_M), color=colour, linewidth=0.8, alpha=0.6
    )
    silent = seconds[~flight.answered]
    panel.plot(silent, np.full(silent.size, _LOW_M), "|", color=colour, markersize=7)
    for stamp in kidnap_stamps_ns(flight):
        panel.axvline((stamp - flight.stamp_ns[0]) * 1e-9, color="#888888", linestyle=":", linewidth=1)


def _dress(panel: Axes, title: str) -> None:
    panel.set(yscale="log", ylim=(_LOW_M * 0.8, _HIGH_M), title=title)
    panel.title.set_fontsize(9)
    panel.yaxis.set_major_locator(LogLocator(base=10))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    panel.axhline(25.0, color="#888888", linewidth=0.6)
    panel.grid(alpha=0.25)
