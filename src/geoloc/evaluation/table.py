# SPDX-License-Identifier: Apache-2.0
"""A summary as rows of text: the same table on the terminal and at the top of the page."""

import math
from collections.abc import Mapping

from geoloc.evaluation.metrics import RADII_M, Summary

Row = tuple[str, tuple[str, ...]]


def metres_rows(summaries: Mapping[str, Summary]) -> list[Row]:
    """Return the rows on accuracy and availability, one value a column; columns as in `summaries`."""
    columns = tuple(summaries.values())
    rows = [
        ("frames", tuple(str(s.frames) for s in columns)),
        ("availability", tuple(_percent(s.availability) for s in columns)),
        ("median error", tuple(metres(s.median_m) for s in columns)),
        ("  its 95 % interval", tuple(_interval(s) for s in columns)),
        ("mean error", tuple(metres(s.mean_m) for s in columns)),
        ("p90 error", tuple(metres(s.p90_m) for s in columns)),
        ("p95 error", tuple(metres(s.p95_m) for s in columns)),
        ("max error", tuple(metres(s.max_m) for s in columns)),
    ]
    rows += [
        (f"within {radius} m, of all frames", tuple(_percent(s.within_m[radius]) for s in columns))
        for radius in RADII_M
    ]
    return [
        *rows,
        (f"within one pitch ({columns[0].pitch_m:.3g} m)", tuple(_percent(s.within_pitch) for s in columns)),
        (f"within one tile ({columns[0].tile_m:g} m)", tuple(_percent(s.within_tile) for s in columns)),
        ("fixes more than 50 m off", tuple(_percent(s.false_over_50_m) for s in columns)),
        ("bias along / right of track", tuple(_bias(s) for s in columns)),
        ("longest outage", tuple(_outage(s) for s in columns)),
        ("best tile is the true one", tuple(_percent(s.recall_at_1) for s in columns)),
        ("best tile within one pitch", tuple(_percent(s.top_tile_within_pitch) for s in columns)),
        ("oracle of the tiling, median / p95", tuple(_oracle(s) for s in columns)),
        ("within claimed 1σ / 2σ / 3σ", tuple(_sigmas(s) for s in columns)),
        ("mean normalised error (2 is honest)", tuple(_number(s.nees_mean) for s in columns)),
    ]


def latency_rows(summary: Summary) -> list[Row]:
    """Return the median and 95th percentile of each stage."""
    return [
        (stage, (f"{_number(p50)} ms", f"{_number(p95)} ms"))
        for stage, (p50, p95) in summary.latency_ms.items()
    ]


def terminal_table(summaries: Mapping[str, Summary]) -> str:
    """Return everything worth a look on a terminal, aligned."""
    first = next(iter(summaries.values()))
    parts = [_aligned([("", tuple(summaries)), *metres_rows(summaries)])]
    if first.latency_ms:
        parts.append(_aligned([("latency", ("median", "p95")), *latency_rows(first)]))
    if first.refusals:
        parts.append(
            _aligned([("no fix because", ("frames",)), *((k, (str(n),)) for k, n in first.refusals.items())])
        )
    if first.frames_without_truth:
        parts.append(f"{first.frames_without_truth} frames have no truth at their stamp and are left out.")
    return "\n\n".join(parts)


def _aligned(rows: list[Row]) -> str:
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


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if abs(value) < 10_000 else f"{value:.1e}"


def _interval(summary: Summary) -> str:
    if math.isnan(summary.median_low_m):
        return "–"
    return f"{metres(summary.median_low_m)} to {metres(summary.median_high_m)}"


def _bias(summary: Summary) -> str:
    if math.isnan(summary.along_track_bias_m):
        return "–"
    return " / ".join(metres(bias) for bias in (summary.along_track_bias_m, summary.cross_track_bias_m))


def _outage(summary: Summary) -> str:
    if not summary.longest_outage_frames:
        return "none"
    return f"{summary.longest_outage_frames} frames, {summary.longest_outage_s:.1f} s"


def _oracle(summary: Summary) -> str:
    return f"{metres(summary.oracle_median_m)} / {metres(summary.oracle_p95_m)}"


def _sigmas(summary: Summary) -> str:
    if any(math.isnan(share) for share in summary.inside_sigma.values()):
        return "–"
    return " / ".join(f"{100 * share:.0f}" for share in summary.inside_sigma.values()) + " %"
