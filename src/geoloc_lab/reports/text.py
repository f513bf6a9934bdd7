# SPDX-License-Identifier: Apache-2.0
"""Formats numbers and tables as text: one format for each quantity, "–" for NaN, aligned columns."""

import math
from collections.abc import Callable, Sequence

UNKNOWN = "–"


def metres(value: float, *, in_km: bool = True) -> str:
    """Format a distance in metres, to 0.1 m; from 10 km in whole kilometres unless `in_km` is False."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.1f} m" if abs(value) < 10_000 or not in_km else f"{value / 1000:.0f} km"


def percent(share: float, *, fine_below_one: bool = False) -> str:
    """Format a share in per cent, to a tenth.

    Args:
        share: 0 to 1.
        fine_below_one: whether shares above 0 and under 1 % are formatted to a hundredth.
    """
    if math.isnan(share):
        return UNKNOWN
    return f"{100 * share:.{2 if fine_below_one and 0 < share < 0.01 else 1}f} %"


def seconds(value: float) -> str:
    """Format a duration in seconds, to a tenth."""
    return UNKNOWN if math.isnan(value) else f"{value:.1f} s"


def number(value: float) -> str:
    """Format a number without a unit to a tenth; from 10,000 in scientific notation."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.1f}" if abs(value) < 10_000 else f"{value:.1e}"


def between(low: float, high: float, form: Callable[[float], str]) -> str:
    """Format an interval; `form` formats each end."""
    return UNKNOWN if math.isnan(low) else f"{form(low)} to {form(high)}"


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Format rows of a label and values as lines of text: labels aligned left, values aligned right."""
    label_width = max(len(label) for label, _ in rows)
    widths = [max(len(row[1][column]) for row in rows) for column in range(len(rows[0][1]))]
    lines = []
    for label, values in rows:
        cells = "  ".join(value.rjust(width) for value, width in zip(values, widths, strict=True))
        lines.append(f"{label.ljust(label_width)}  {cells}".rstrip())
    return "\n".join(lines)
