# SPDX-License-Identifier: Apache-2.0
"""Two or more reports of one flight side by side: differences frame by frame, with their intervals.

The same frames are resampled in all reports at once, so that what is hard about a place cancels out of the
difference: a paired comparison tells smaller differences apart than two intervals side by side.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.errors import ParameterError
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import interval
from geoloc_lab.metrics.scalar_metrics import SCALAR_METRICS, values_of
from geoloc_lab.reports.written_report import WrittenReport

_SAME_TRUTH_M = 5.0  # truths of two recordings of one flight may be interpolated differently, not more


@dataclass(frozen=True)
class Difference:
    """A figure of another report less that of the first; NaN where one of them has none.

    `low` and `high` are the bootstrap 95 % interval of the difference.
    """

    value: float
    difference: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Row:
    """One figure: its name, its unit ("%" of a share of 1, "m" or ""), the first report's, the others'."""

    key: str
    label: str
    unit: str
    first: float
    others: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """Reports of one flight over the frames that all of them have.

    Attributes:
        names: of the reports, the first is what the others are compared with.
        titles: of their flights.
        frames: that all have, with a truth.
        left_out: frames of each report that some other lacks.
        rows: the figures.
        answers: of each report, those frames.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    frames: int
    left_out: tuple[int, ...]
    rows: tuple[Row, ...]
    answers: tuple[Answers, ...]

    def as_json(self) -> dict[str, object]:
        """Return everything but the frames."""
        return {
            "reports": list(self.names),
            "titles": list(self.titles),
            "frames": self.frames,
            "left_out": list(self.left_out),
            "figures": {row.key: asdict(row) for row in self.rows},
        }


def compare(reports: Sequence[WrittenReport]) -> Comparison:
    """Compare reports with the first of them.

    Raises:
        ParameterError: for fewer than two reports, or reports of different flights.
    """
    if len(reports) < 2:
        raise ParameterError("a comparison takes two reports or more: geoloc compare A B")
    names = names_of(reports)
    paired = _paired([report.answers for report in reports], names)
    count = len(paired[0])
    values = [values_of(answers) for answers in paired]

    def differences(rows: NDArray[np.intp]) -> Float64Array:
        first, *others = (values_of(answers.take(rows)) for answers in paired)
        return np.concatenate([other - first for other in others])

    low, high = (ends.reshape(len(reports) - 1, -1) for ends in interval(differences, count))
    return Comparison(
        names=names,
        titles=tuple(report.title for report in reports),
        frames=count,
        left_out=tuple(len(report.answers) - count for report in reports),
        rows=tuple(
            Row(
                figure.key,
                figure.label,
                figure.unit,
                float(values[0][i]),
                tuple(
                    Difference(
                        float(other[i]), float(other[i] - values[0][i]), float(low[k, i]), float(high[k, i])
                    )
                    for k, other in enumerate(values[1:])
                ),
            )
            for i, figure in enumerate(SCALAR_METRICS)
        ),
        answers=tuple(paired),
    )


def names_of(reports: Sequence[WrittenReport]) -> tuple[str, ...]:
    """Return a short name for each report: as much of the end of its path as tells it from the others."""
    paths = [report.folder.absolute().parts for report in reports]
    for length in range(1, max(map(len, paths)) + 1):
        names = tuple("/".join(parts[-length:]) for parts in paths)
        if len(set(names)) == len(names):
            return names
    raise ParameterError(f"{reports[0].folder} is given twice: name different reports")


def _paired(flights: Sequence[Answers], names: Sequence[str]) -> list[Answers]:
    """Return the frames that all flights have, in the same order."""
    shared = flights[0].stamp_ns
    for flight in flights[1:]:
        shared = np.intersect1d(shared, flight.stamp_ns)
    shortest = min(len(flight) for flight in flights)
    if shared.size * 2 < shortest:
        raise ParameterError(
            f"{' and '.join(names)} share {shared.size} frames by stamp, the shortest has {shortest}: they "
            "are not of one flight; compare reports of the same bag"
        )
    paired = [flight.take(np.searchsorted(flight.stamp_ns, shared)) for flight in flights]
    for name, other in zip(names[1:], paired[1:], strict=True):
        apart_m = geodesy.distance_m(*paired[0].truth_deg.T, *other.truth_deg.T)
        if not float(np.median(apart_m)) <= _SAME_TRUTH_M:
            raise ParameterError(
                f"{names[0]} and {name} have the same stamps, but their truths lie {np.median(apart_m):.0f} "
                "m apart: they are not of one flight; compare reports of the same bag"
            )
    return paired


def comparison_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the table as text, a header first; a difference whose interval leaves out 0 ends in a star."""
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


def _form(value: float, unit: str, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    share = unit in ("%", "pp")
    number = f"{100 * value if share else value:{sign}.{1 if unit else 2}f}"
    return f"{number} {unit}".rstrip()
