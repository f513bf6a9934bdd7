# SPDX-License-Identifier: Apache-2.0
"""The tables of a report, on the terminal and on the page: errors, consistency and integrity, latency."""

import math
from collections.abc import Mapping, Sequence

from geoloc_lab.metrics.consistency import NOMINAL, SIGMAS
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, FalseFixes
from geoloc_lab.metrics.summary import RADII_M, Summary
from geoloc_lab.reports.text import aligned, between, metres, number, percent, seconds

Row = tuple[str, tuple[str, ...]]
CONSISTENCY_HEADER = ("", "measured", "95 % interval", "should be")
ConsistencyRow = tuple[str, str, str, str]


def error_rows(summaries: Mapping[str, Summary]) -> list[Row]:
    """Return the rows of the main table, one value a column; columns as in `summaries`."""
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
        *_integrity_rows(columns),
    ]


def _integrity_rows(columns: Sequence[Summary]) -> list[Row]:
    """Return the rows on availability, false fixes and consistency that matter most, one value a column."""
    rows = [
        ("first fix after", tuple(_first_fix(s) for s in columns)),
        (
            "availability after the first fix",
            tuple(percent(s.continuity.first_fix.availability_after) for s in columns),
        ),
        ("longest outage", tuple(_outage(s) for s in columns)),
        *(
            (f"fixes more than {beyond} m off", tuple(_false_fixes(s.false_fixes[beyond]) for s in columns))
            for beyond in FALSE_BEYOND_M
        ),
        ("inside claimed 1σ / 2σ / 3σ (39 / 86 / 99 %)", tuple(_sigmas(s) for s in columns)),
        ("NEES (2 is honest)", tuple(_nees(s) for s in columns)),
    ]
    if any(s.continuity.kidnaps for s in columns):
        rows.append(("back after a kidnap", tuple(_recoveries(s) for s in columns)))
    return rows


def latency_rows(summary: Summary) -> list[Row]:
    """Return a row for each stage: median and 95th percentile of its latency."""
    return [
        (stage, (f"{number(p50)} ms", f"{number(p95)} ms"))
        for stage, (p50, p95) in summary.latency_ms.items()
    ]


def consistency_rows(summary: Summary) -> list[ConsistencyRow]:
    """Return the rows on availability, false fixes, consistency and risk, under `CONSISTENCY_HEADER`."""
    return [
        *_continuity_rows(summary),
        *_false_fix_rows(summary),
        *_covariance_rows(summary),
        *_risk_rows(summary),
    ]


def _continuity_rows(summary: Summary) -> list[ConsistencyRow]:
    found, intervals = summary.continuity, summary.intervals
    first = found.first_fix
    rows = [
        ("availability", percent(summary.availability), between(*intervals["availability"], percent), ""),
        ("availability after the first fix", percent(first.availability_after), "", ""),
        ("frames before the first fix", "–" if first.frames < 0 else str(first.frames), "", "0"),
        ("time to the first fix", seconds(first.seconds), "", ""),
        ("flown to the first fix", metres(first.metres), "", ""),
        ("error of the first fix", metres(first.error_m), "", ""),
        ("longest outage", _outage(summary), "", "none"),
    ]
    if found.kidnaps:
        false = sum(recovery.false_fixes for recovery in found.kidnaps)
        rows.append(("back within 50 m after a kidnap", _recoveries(summary), "", ""))
        rows.append(("fixes more than 50 m off until then", str(false), "", "0"))
    return rows


def _false_fix_rows(summary: Summary) -> list[ConsistencyRow]:
    return [
        (
            f"fixes more than {found.beyond_m} m off",
            "–" if math.isnan(found.rate) else f"{found.count} of {found.fixes}: {percent(found.rate)}",
            between(found.low, found.high, percent),
            "0",
        )
        for found in summary.false_fixes.values()
    ]


def _covariance_rows(summary: Summary) -> list[ConsistencyRow]:
    found, intervals = summary.consistency, summary.intervals
    rows = [
        (
            f"inside the {sigma}σ ellipse",
            percent(found.inside[sigma]),
            between(*intervals[f"inside_{sigma}"], percent),
            percent(NOMINAL[sigma]),
        )
        for sigma in SIGMAS
    ]
    nees = "–" if math.isnan(found.nees) else f"{found.nees:.2f}, {found.verdict}"
    band = between(found.band_low, found.band_high, lambda value: f"{value:.2f}")
    rows += [
        ("NEES", nees, between(*intervals["nees"], number), f"2; χ² band {band}"),
        ("  of the fixes within 50 m", number(found.nees_of_right), "", "2"),
        ("independent fixes it is worth", f"{found.effective_fixes:.0f} of {found.fixes}", "", ""),
        ("answered, truth outside 3σ, of all frames", percent(found.integrity_risk), "", "1.1 % at most"),
    ]
    if found.unclaimed:
        rows.append(("fixes without a covariance", str(found.unclaimed), "", "0"))
    if found.impossible:
        rows.append(("fixes with an impossible covariance", str(found.impossible), "", "0"))
    return rows


def _risk_rows(summary: Summary) -> list[ConsistencyRow]:
    aurc, best, blind = summary.risk.aurc, summary.risk.best, summary.risk.blind
    return [
        (
            "AURC, error",
            metres(aurc.metres),
            between(*summary.intervals["aurc_m"], metres),
            f"{metres(best.metres)} at best, {metres(blind.metres)} if blind",
        ),
        (
            "AURC, fixes more than 50 m off",
            percent(aurc.false),
            between(*summary.intervals["aurc_false"], percent),
            f"{percent(best.false)} at best, {percent(blind.false)} if blind",
        ),
    ]


def terminal_table(summaries: Mapping[str, Summary]) -> str:
    """Return errors, latency and refusals as aligned text for a terminal."""
    first = next(iter(summaries.values()))
    parts = [aligned([("", tuple(summaries)), *error_rows(summaries)])]
    if first.latency_ms:
        parts.append(aligned([("latency", ("median", "p95")), *latency_rows(first)]))
    if first.refusals:
        parts.append(
            aligned([("no fix because", ("frames",)), *((k, (str(n),)) for k, n in first.refusals.items())])
        )
    if first.frames_without_truth:
        parts.append(f"{first.frames_without_truth} frames have no truth at their stamp and are left out.")
    return "\n\n".join(parts)


def _bias(summary: Summary) -> str:
    if math.isnan(summary.along_track_bias_m):
        return "–"
    return " / ".join(metres(bias) for bias in (summary.along_track_bias_m, summary.cross_track_bias_m))


def _outage(summary: Summary) -> str:
    longest = summary.continuity.longest_outage
    if not longest.frames:
        return "none"
    return f"{longest.frames} frames, {longest.seconds:.1f} s, {metres(longest.metres)}"


def _recoveries(summary: Summary) -> str:
    times = [recovery.seconds for recovery in summary.continuity.kidnaps]
    return ", ".join("never" if math.isnan(time) else f"{time:.1f} s" for time in times) or "–"


def _first_fix(summary: Summary) -> str:
    first = summary.continuity.first_fix
    return "none" if first.frames < 0 else f"{first.seconds:.1f} s, {metres(first.metres)}"


def _false_fixes(found: FalseFixes) -> str:
    return "–" if math.isnan(found.rate) else f"{percent(found.rate)} (≤ {percent(found.high)})"


def _nees(summary: Summary) -> str:
    found = summary.consistency
    return "–" if math.isnan(found.nees) else f"{number(found.nees)}, {found.verdict}"


def _oracle(summary: Summary) -> str:
    return f"{metres(summary.oracle_median_m)} / {metres(summary.oracle_p95_m)}"


def _sigmas(summary: Summary) -> str:
    inside = summary.consistency.inside.values()
    return (
        "–" if any(map(math.isnan, inside)) else " / ".join(f"{100 * share:.0f}" for share in inside) + " %"
    )
