# SPDX-License-Identifier: Apache-2.0
"""Compares reports of one flight: paired differences with their intervals, as table, page and plot.

The bootstrap resamples the same frames in all reports at once. The difficulty of a place then cancels out of
the difference, so a paired comparison resolves smaller differences than two separate intervals do.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter
from numpy.typing import NDArray

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import interval
from geoloc_lab.metrics.risk import risk_curve
from geoloc_lab.metrics.scalar_metrics import SCALAR_METRICS, values_of
from geoloc_lab.reports.consistency_plots import draw_curves
from geoloc_lab.reports.plot_style import save_png
from geoloc_lab.reports.report import data_uri, page_of, plain
from geoloc_lab.reports.written_report import WrittenReport

_SAME_TRUTH_M = 5.0  # the truths of one flight differ only by interpolation between recordings
_COLOURS = ("#1f6feb", "#d62728", "#2ca02c", "#cc7a00", "#7b3fc6", "#17a2b8", "#888888", "#000000")


@dataclass(frozen=True)
class Difference:
    """A metric of another report, and its difference from the first report's; NaN if one is undefined.

    `low` and `high` are the 95 % bootstrap interval of the difference.
    """

    value: float
    difference: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class ComparedMetric:
    """One metric in all reports; `unit` is "%" for a share (0 to 1), "m", or "" without a unit."""

    key: str
    label: str
    unit: str
    first: float
    others: tuple[Difference, ...]


@dataclass(frozen=True)
class ReportComparison:
    """Reports of one flight, over the frames that all of them have.

    Attributes:
        names: short names of the reports; the others are compared with the first.
        titles: titles of their flights.
        frames: number of frames with a truth that all reports have.
        left_out: number of frames of each report that another report lacks.
        rows: the compared metrics.
        answers: the compared frames of each report.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    frames: int
    left_out: tuple[int, ...]
    rows: tuple[ComparedMetric, ...]
    answers: tuple[Answers, ...]

    def as_json(self) -> dict[str, object]:
        """Return all attributes except the frames as plain values."""
        return {
            "reports": list(self.names),
            "titles": list(self.titles),
            "frames": self.frames,
            "left_out": list(self.left_out),
            "figures": {row.key: asdict(row) for row in self.rows},
        }


def compare(reports: Sequence[WrittenReport]) -> ReportComparison:
    """Compare every report with the first one.

    Raises:
        ParameterError: if there are fewer than two reports, or they are of different flights.
    """
    if len(reports) < 2:
        raise ParameterError("a comparison needs two reports or more; give several folders.")
    names = names_of(reports)
    paired = _paired([report.answers for report in reports], names)
    count = len(paired[0])
    values = [values_of(answers) for answers in paired]

    def differences(rows: NDArray[np.intp]) -> Float64Array:
        first, *others = (values_of(answers.take(rows)) for answers in paired)
        return np.concatenate([other - first for other in others])

    low, high = (ends.reshape(len(reports) - 1, -1) for ends in interval(differences, count))
    return ReportComparison(
        names=names,
        titles=tuple(report.title for report in reports),
        frames=count,
        left_out=tuple(len(report.answers) - count for report in reports),
        rows=tuple(
            ComparedMetric(
                metric.key,
                metric.label,
                metric.unit,
                float(values[0][i]),
                tuple(
                    Difference(
                        float(other[i]), float(other[i] - values[0][i]), float(low[k, i]), float(high[k, i])
                    )
                    for k, other in enumerate(values[1:])
                ),
            )
            for i, metric in enumerate(SCALAR_METRICS)
        ),
        answers=tuple(paired),
    )


def names_of(reports: Sequence[WrittenReport]) -> tuple[str, ...]:
    """Return a short name for each report: the shortest end of its path that differs from the others."""
    paths = [report.folder.absolute().parts for report in reports]
    for length in range(1, max(map(len, paths)) + 1):
        names = tuple("/".join(parts[-length:]) for parts in paths)
        if len(set(names)) == len(names):
            return names
    raise ParameterError(f"{reports[0].folder} is given twice; name different reports.")


def _paired(flights: Sequence[Answers], names: Sequence[str]) -> list[Answers]:
    """Return, for each flight, the frames that all flights have, in the same order."""
    shared = flights[0].stamp_ns
    for flight in flights[1:]:
        shared = np.intersect1d(shared, flight.stamp_ns)
    shortest = min(len(flight) for flight in flights)
    if shared.size * 2 < shortest:
        raise ParameterError(
            f"{' and '.join(names)} are not of one flight: they share {shared.size} stamps, the shortest has "
            f"{shortest} frames; compare reports of the same bag."
        )
    paired = [flight.take(np.searchsorted(flight.stamp_ns, shared)) for flight in flights]
    for name, other in zip(names[1:], paired[1:], strict=True):
        apart_m = geodesy.distance_m(*paired[0].truth_deg.T, *other.truth_deg.T)
        if not float(np.median(apart_m)) <= _SAME_TRUTH_M:
            raise ParameterError(
                f"{names[0]} and {name} are not of one flight: their truths lie {np.median(apart_m):.0f} m "
                "apart at the same stamps; compare reports of the same bag."
            )
    return paired


def comparison_table(comparison: ReportComparison) -> list[tuple[str, ...]]:
    """Return the cells of the table, header first; a star marks differences whose interval excludes 0."""
    first, *others = comparison.names
    header = ("", first, *(cell for name in others for cell in (name, "difference", "95 % interval")))
    lines = [header]
    for row in comparison.rows:
        cells = [_form(row.first, row.unit)]
        for found in row.others:
            unit = "pp" if row.unit == "%" else row.unit
            ends = "–" if math.isnan(found.low) else f"{_form(found.low, unit)} to {_form(found.high, unit)}"
            star = "*" if found.clear else ""
            cells += [_form(found.value, row.unit), _form(found.difference, unit, sign="+") + star, ends]
        lines.append((row.label, *cells))
    return lines


def write_comparison(comparison: ReportComparison, out: Path) -> Path:
    """Write compare.html, compare.png and compare.json into the folder `out`; return the page's path.

    Raises:
        ParameterError: if `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise ParameterError(f"{out} is a file; give a folder for the comparison.")
    out.mkdir(parents=True, exist_ok=True)
    _draw(comparison, out / "compare.png")
    content = json.dumps(plain(comparison.as_json()), indent=2, allow_nan=False)
    (out / "compare.json").write_text(content + "\n", encoding="utf-8")
    page = page_of(
        "compare.html.j2",
        comparison=comparison,
        table=comparison_table(comparison),
        picture=data_uri(out / "compare.png"),
    )
    (out / "compare.html").write_text(page, encoding="utf-8")
    return out / "compare.html"


def _draw(comparison: ReportComparison, out: Path) -> None:
    """Draw cumulative errors and risk–coverage curves, overlaid."""
    figure = Figure(figsize=(15, 4.6), dpi=110, layout="constrained")
    errors, in_metres, false = figure.subplots(1, 3)
    curves = {}
    for i, (name, answers) in enumerate(zip(comparison.names, comparison.answers, strict=True)):
        colour = _COLOURS[i % len(_COLOURS)]
        distance_m = np.sort(answers.distance_m[answers.answered])
        share = np.arange(1, distance_m.size + 1) / len(answers) * 100.0
        errors.step(np.maximum(distance_m, 0.1), share, where="post", color=colour, label=name)
        curves[name] = (risk_curve(answers), colour)
    errors.set(
        xlabel="horizontal error, m", ylabel="share of all frames, %", title="Cumulative error", ylim=(0, 101)
    )
    errors.set_xscale("log")
    errors.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    errors.grid(alpha=0.3)
    errors.legend(loc="lower right")
    draw_curves(in_metres, false, curves)
    save_png(figure, out)


def _form(value: float, unit: str, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    share = unit in ("%", "pp")
    number = f"{100 * value if share else value:{sign}.{1 if unit else 2}f}"
    return f"{number} {unit}".rstrip()
