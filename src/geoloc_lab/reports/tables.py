# SPDX-License-Identifier: Apache-2.0
"""A summary as rows of text: the same table on the terminal and at the top of the page."""

import math
from collections.abc import Callable, Mapping, Sequence

from geoloc_lab.metrics.risk import FALSE_BEYOND_M, FalseFixes
from geoloc_lab.metrics.summary import RADII_M, Summary

Row = tuple[str, tuple[str, ...]]


def metres_rows(summaries: Mapping[str, Summary]) -> list[Row]:
    """Return the rows on accuracy and availability, one value a column; columns as in `summaries`."""
    columns = tuple(summaries.values())
    rows = [
        ("frames", tuple(str(s.frames) for s in columns)),
        ("availability", tuple(percent(s.availability) for s in columns)),
        ("median error", tuple(metres(s.median_m) for s in columns)),
        ("  its 95 % interval", tuple(between(*s.intervals["median_m"], metres) for s in columns)),
        ("mean error", tuple(metres(s.mean_m) for s in columns)),
        ("p90 error", tuple(metres(s.p90_m) for s in columns)),
        ("p95 error", tuple(metres(s.p95_m) for s in columns)),
        ("max error", tuple(metres(s.max_m) for s in columns)),
    ]
    rows += [
        (f"within {radius} m, of all frames", tuple(percent(s.within_m[radius]) for s in columns))
        for radius in RADII_M
    ]
    return [
        *rows,
        (f"within one pitch ({columns[0].pitch_m:.3g} m)", tuple(percent(s.within_pitch) for s in columns)),
        (f"within one tile ({columns[0].tile_m:g} m)", tuple(percent(s.within_tile) for s in columns)),
        ("bias along / right of track", tuple(_bias(s) for s in columns)),
        ("best tile is the true one", tuple(percent(s.recall_at_1) for s in columns)),
        ("best tile within one pitch", tuple(percent(s.top_tile_within_pitch) for s in columns)),
        ("oracle of the tiling, median / p95", tuple(_oracle(s) for s in columns)),
        *integrity_rows(columns),
    ]


def integrity_rows(columns: Sequence[Summary]) -> list[Row]:
    """Return the rows on belief and integrity that matter most, one value a column."""
    rows = [
        ("first fix after", tuple(_first_fix(s) for s in columns)),
        (
            "availability after the first fix",
            tuple(percent(s.continuity.first_fix.availability_after) for s in columns),
        ),
        ("longest outage", tuple(outage(s) for s in columns)),
        *(
            (f"fixes more than {beyond} m off", tuple(_false_fixes(s.false_fixes[beyond]) for s in columns))
            for beyond in FALSE_BEYOND_M
        ),
        ("inside claimed 1σ / 2σ / 3σ (39 / 86 / 99 %)", tuple(_sigmas(s) for s in columns)),
        ("NEES (2 is honest)", tuple(_nees(s) for s in columns)),
    ]
    if any(s.continuity.kidnaps for s in columns):
        rows.append(("back after a kidnap", tuple(kidnaps(s) for s in columns)))
    return rows


def latency_rows(summary: Summary) -> list[Row]:
    """Return the median and 95th percentile of each stage."""
    return [
        (stage, (f"{number(p50)} ms", f"{number(p95)} ms"))
        for stage, (p50, p95) in summary.latency_ms.items()
    ]


def terminal_table(summaries: Mapping[str, Summary]) -> str:
    """Return everything worth a look on a terminal, aligned."""
    first = next(iter(summaries.values()))
    parts = [aligned([("", tuple(summaries)), *metres_rows(summaries)])]
    if first.latency_ms:
        parts.append(aligned([("latency", ("median", "p95")), *latency_rows(first)]))
    if first.refusals:
        parts.append(
            aligned([("no fix because", ("frames",)), *((k, (str(n),)) for k, n in first.refusals.items())])
        )
    if first.frames_without_truth:
        parts.append(f"{first.frames_without_truth} frames have no truth at their stamp and are left out.")
    return "\n\n".join(parts)


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a label and values a row as lines of text, values to the right."""
    label_width = max(len(label) for label, _ in rows)
    widths = [max(len(row[1][column]) for row in rows) for column in range(len(rows[0][1]))]
    lines = []
    for label, values in rows:
        cells = "  ".join(value.rjust(width) for value, width in zip(values, widths, strict=True))
        lines.append(f"{label.ljust(label_width)}  {cells}".rstrip())
    return "\n".join(lines)


def metres(value: float) -> str:
    """Return a distance as a reader wants it: in km where metres would be many digits."""
    if math.isnan(value):
        return "–"
    return f"{value:.1f} m" if abs(value) < 10_000 else f"{value / 1000:.0f} km"


def percent(share: float) -> str:
    """Return a share of 1 in per cent."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Return a bare number."""
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if abs(value) < 10_000 else f"{value:.1e}"


def between(low: float, high: float, form: Callable[[float], str]) -> str:
    """Return an interval, its ends in the given form."""
    return "–" if math.isnan(low) else f"{form(low)} to {form(high)}"


def _bias(summary: Summary) -> str:
    if math.isnan(summary.along_track_bias_m):
        return "–"
    return " / ".join(metres(bias) for bias in (summary.along_track_bias_m, summary.cross_track_bias_m))


def outage(summary: Summary) -> str:
    """Return the longest outage in words."""
    longest = summary.continuity.longest_outage
    if not longest.frames:
        return "none"
    return f"{longest.frames} frames, {longest.seconds:.1f} s, {metres(longest.metres)}"


def kidnaps(summary: Summary) -> str:
    """Return how long the way back took after each kidnap."""
    times = [recovery.seconds for recovery in summary.continuity.kidnaps]
    return ", ".join("never" if math.isnan(time) else f"{time:.1f} s" for time in times) or "–"


def _first_fix(summary: Summary) -> str:
    first = summary.continuity.first_fix
    return "none" if first.frames < 0 else f"{first.seconds:.1f} s, {metres(first.metres)}"


def _false_fixes(found: FalseFixes) -> str:
    return "–" if math.isnan(found.rate) else f"{percent(found.rate)} (≤ {percent(found.high)})"


def _nees(summary: Summary) -> str:
    found = summary.belief
    return "–" if math.isnan(found.nees) else f"{number(found.nees)}, {found.verdict}"


def _oracle(summary: Summary) -> str:
    return f"{metres(summary.oracle_median_m)} / {metres(summary.oracle_p95_m)}"


def _sigmas(summary: Summary) -> str:
    inside = summary.belief.inside.values()
    return (
        "–" if any(map(math.isnan, inside)) else " / ".join(f"{100 * share:.0f}" for share in inside) + " %"
    )
