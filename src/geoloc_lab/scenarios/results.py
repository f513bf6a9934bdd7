# SPDX-License-Identifier: Apache-2.0
"""Writes the results of all scenarios (table, targets, plot) as scenarios.md, .json and .png."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geoloc import __version__
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.continuity import kidnap_stamps_ns
from geoloc_lab.reports.plot_style import log_ticks, save_png
from geoloc_lab.reports.report import plain
from geoloc_lab.reports.text import aligned
from geoloc_lab.scenarios.likeness import Likeness, is_hard_enough
from geoloc_lab.scenarios.outcome import Outcome, check_targets, fine_percent, only_metres

HEADER = (
    "frames",
    "availability¹",
    "median",
    "p95",
    "> 50 m",
    "> 100 m",
    "first fix²",
    "inside 1σ / 2σ / 3σ",
    "NEES³ (band)",
)
FOOTNOTES = (
    "¹ Share of frames with a fix, from the first fix on; flights without a fix do not count. "
    "² Number of frames up to and including the first fix, median over flights. "
    "³ NEES of all fixes, then of the fixes within 50 m. "
    "> 50 m and > 100 m: share of the fixes with a larger error. Covariances are consistent if "
    "39 / 86 / 99 % of the fixes lie inside their ellipses and the NEES lies within its band."
)

_COLOURS = ("#1f6feb", "#d2691e", "#2ca02c", "#8a2be2")
_COLUMNS = 3
_LOW_M, _HIGH_M = 0.3, 3000.0


@dataclass(frozen=True)
class Results:
    """The outcomes of all trials.

    Attributes:
        outcomes: outcome of each trial and each group of trials, by name, in the order flown.
        likeness: similarity of map image and camera image, for each region.
        complete: whether every scenario was flown; the targets apply to all scenarios together.
    """

    outcomes: dict[str, Outcome]
    likeness: tuple[Likeness, ...]
    complete: bool = True


def write_results(results: Results, flights: Mapping[str, Answers], model: str, out: Path) -> None:
    """Write scenarios.md, scenarios.json and scenarios.png into the folder `out`.

    Args:
        results: outcomes and similarities.
        flights: answers of each trial, by name (imagery/scenario).
        model: id of the model.
        out: an existing folder.
    """
    draw_trials(flights, out / "scenarios.png")
    text = "\n\n".join(
        [
            f"# geoloc {__version__}, {model}, no prior",
            markdown_table(results.outcomes),
            FOOTNOTES,
            *(
                "\n".join(target_lines(name, one))
                for name, one in results.outcomes.items()
                if results.complete and "all" in name
            ),
            f"```\n{likeness_table(results.likeness)}\n```",
        ]
    )
    (out / "scenarios.md").write_text(text + "\n", encoding="utf-8")
    content = {
        "geoloc": __version__,
        "model": model,
        "trials": {name: as_json(outcome) for name, outcome in results.outcomes.items()},
        "likeness": [asdict(one) for one in results.likeness],
    }
    (out / "scenarios.json").write_text(json.dumps(plain(content), indent=2) + "\n", encoding="utf-8")


def summary(results: Results) -> str:
    """Return the table for a terminal and, if every scenario was flown, the targets met and missed."""
    table = f"{terminal_table(results.outcomes)}\n\n{FOOTNOTES}"
    if not results.complete:
        return f"{table}\n\nthe targets apply to all scenarios together"
    return f"{table}\n\n" + "\n".join(target_lines("all", results.outcomes["all"]))


def _cells(outcome: Outcome) -> tuple[str, ...]:
    """Return a row of the table, columns as in `HEADER`."""
    first = "none" if math.isinf(outcome.frames_to_fix) else f"{outcome.frames_to_fix:g}"
    shares = " / ".join(
        "–" if math.isnan(share) else f"{100 * share:.0f}" for share in outcome.inside.values()
    )
    nees = "–" if math.isnan(outcome.nees) else f"{_nees(outcome)} ({_band(outcome)})"
    return (
        str(outcome.frames),
        fine_percent(outcome.availability),
        only_metres(outcome.median_m),
        only_metres(outcome.p95_m),
        *(fine_percent(share) for share in outcome.false.values()),
        first,
        f"{shares} %",
        nees,
    )


def terminal_table(outcomes: Mapping[str, Outcome]) -> str:
    """Return the table for a terminal."""
    return aligned([("", HEADER), *((name, _cells(outcome)) for name, outcome in outcomes.items())])


def markdown_table(outcomes: Mapping[str, Outcome], first: str = "scenario") -> str:
    """Return the table in Markdown."""
    rows = [(first, *HEADER), ("---",) * (len(HEADER) + 1)]
    rows += [(name, *_cells(outcome)) for name, outcome in outcomes.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def target_lines(name: str, outcome: Outcome) -> list[str]:
    """Return a line for each target: met or missed, the measured value, the target."""
    return [
        f"{'met   ' if one.met else 'MISSED'}  {name}: {one.figure} {one.measured}, target {one.target}"
        for one in check_targets(outcome)
    ]


def likeness_table(found: Sequence[Likeness]) -> str:
    """Return the table of similarities, with a verdict on each simulated change."""
    rows: list[tuple[str, tuple[str, ...]]] = [
        ("cosine of map and camera image", ("places", "median", "p10", "best other", ""))
    ]
    for one in sorted(found, key=lambda one: -one.median):
        hard = None if one.dated else is_hard_enough(one, found)
        verdict = {None: "", True: "as hard as real years", False: "EASIER than real years"}[hard]
        numbers = (f"{one.median:.3f}", f"{one.p10:.3f}", f"{one.other:.3f}")
        rows.append((one.name, (str(one.places), *numbers, verdict)))
    return aligned(rows)


def as_json(outcome: Outcome) -> dict[str, object]:
    """Return an outcome and its target checks as plain values."""
    return {**asdict(outcome), "targets": [asdict(one) for one in check_targets(outcome)]}


def draw_trials(flights: Mapping[str, Answers], out: Path) -> None:
    """Write a PNG with a panel for each scenario, which shows errors and claimed 3σ over time."""
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
    figure.suptitle(
        "Error of each fix (dots) and claimed 3σ (lines) in metres, over time in seconds; ticks: no fix"
    )
    save_png(figure, out)


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
    log_ticks(panel.yaxis, subs=(1.0,))
    panel.axhline(25.0, color="#888888", linewidth=0.6)
    panel.grid(alpha=0.25)


def _nees(outcome: Outcome) -> str:
    if outcome.nees == outcome.nees_of_right:
        return f"{outcome.nees:.2f}"
    return f"{outcome.nees:.1f}; {outcome.nees_of_right:.2f}"


def _band(outcome: Outcome) -> str:
    return f"{outcome.band[0]:.1f}–{outcome.band[1]:.1f}"
