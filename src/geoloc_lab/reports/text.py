# SPDX-License-Identifier: Apache-2.0
"""Numbers and tables as text: one format a quantity, "–" for NaN, columns aligned for a terminal."""

import math
from collections.abc import Callable, Sequence

UNKNOWN = "–"


def metres(value: float, *, in_km: bool = True) -> str:
    """Return a distance to a tenth of a metre; from 10 km on in whole kilometres unless `in_km` is False."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.1f} m" if abs(value) < 10_000 or not in_km else f"{value / 1000:.0f} km"


def percent(share: float, *, fine_below_one: bool = False) -> str:
    """Return a share of 1 in per cent, to a tenth.

    Args:
        share: 0 to 1.
        fine_below_one: write what is above 0 and under 1 % to a hundredth.
    """
    if math.isnan(share):
        return UNKNOWN
    return f"{100 * share:.{2 if fine_below_one and 0 < share < 0.01 else 1}f} %"


def seconds(value: float) -> str:
    """Return a duration to a tenth of a second."""
    return UNKNOWN if math.isnan(value) else f"{value:.1f} s"


def number(value: float) -> str:
    """Return a number without a unit to a tenth; from 10,000 on as a power of ten."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.1f}" if abs(value) < 10_000 else f"{value:.1e}"


def between(low: float, high: float, form: Callable[[float], str]) -> str:
    """Return an interval, its ends in the given form."""
    return UNKNOWN if math.isnan(low) else f"{form(low)} to {form(high)}"


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return rows of a label and values as lines of text: labels to the left, values to the right."""
    label_width = max(len(label) for label, _ in rows)
    widths = [max(len(row[1][column]) for row in rows) for column in range(len(rows[0][1]))]
    lines = []
    for label, values in rows:
        cells = "  ".join(value.rjust(width) for value, width in zip(values, widths, strict=True))
        lines.append(f"{label.ljust(label_width)}  {cells}".rstrip())
    return "\n".join(lines)
