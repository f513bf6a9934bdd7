# SPDX-License-Identifier: Apache-2.0
"""Makes the tables of a report for the terminal and the page: errors, consistency and integrity, latency."""

import math
from collections.abc import Mapping, Sequence

from geoloc.refusal_tally import in_words
from geoloc_lab.metrics.consistency import NOMINAL, SIGMAS
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, FalseFixes
from geoloc_lab.metrics.summary import RADII_M, Summary
from geoloc_lab.reports.text import aligned, between, metres, number, percent, seconds

Row = tuple[str, tuple[str, ...]]
CONSISTENCY_HEADER = ("", "measured", "95 % interval", "ideal")
ConsistencyRow = tuple[str, str, str, str]
_VERDICTS = {"honest": "consistent"}  # report.json keeps the older word


def error_rows(summaries: Mapping[str, Summary]) -> list[Row]:
    """Return the rows of the main table, with a value for each of `summaries`."""
    columns = tuple(summaries.values())
    rows = [
        ("frames", tuple(str(s.frames) for s in columns)),
        ("availability", tuple(percent(s.availability) for s in columns)),
        ("median error", tuple(metres(s.median_m) for s in columns)),
        ("  95 % interval of the median", tuple(between(*s.intervals["median_m"], metres) for s in columns)),
        ("mean error", tuple(metres(s.mean_m) for s in columns)),
        ("p90 error", tuple(metres(s.p90_m) for s in columns)),
        ("p95 error", tuple(metres(s.p95_m) for s in columns)),
        ("max error", tuple(metres(s.max_m) for s in columns)),
    ]
    rows += [
        (f"frames within {radius} m", tuple(percent(s.within_m[radius]) for s in columns))
        for radius in RADII_M
    ]
    return [
        *rows,
        (
            f"frames within one tile spacing ({columns[0].pitch_m:.3g} m)",
            tuple(percent(s.within_pitch) for s in columns),
        ),
        (
            f"frames within one tile width ({columns[0].tile_m:g} m)",
            tuple(percent(s.within_tile) for s in columns),
        ),
        ("median bias ahead / right of the truth", tuple(_bias(s) for s in columns)),
        ("best tile is the nearest to the truth", tuple(percent(s.recall_at_1) for s in columns)),
        ("best tile within one tile spacing", tuple(percent(s.top_tile_within_pitch) for s in columns)),
        ("distance to nearest tile, median / p95", tuple(_oracle(s) for s in columns)),
        *_integrity_rows(columns),
    ]


def _integrity_rows(columns: Sequence[Summary]) -> list[Row]:
    """Return the main rows on availability, false fixes and consistency, with a value for each column."""
    rows = [
        ("time and distance to the first fix", tuple(_first_fix(s) for s in columns)),
        (
            "availability after the first fix",
            tuple(percent(s.continuity.first_fix.availability_after) for s in columns),
        ),
        ("longest outage", tuple(_outage(s) for s in columns)),
        *(
            (
                f"fixes with error above {beyond} m (95 % limit)",
                tuple(_false_fixes(s.false_fixes[beyond]) for s in columns),
            )
            for beyond in FALSE_BEYOND_M
        ),
        ("truth inside 1σ / 2σ / 3σ (ideal 39 / 86 / 99 %)", tuple(_sigmas(s) for s in columns)),
        ("NEES (2 if consistent)", tuple(_nees(s) for s in columns)),
    ]
    if any(s.continuity.kidnaps for s in columns):
        rows.append(("time to recover from a kidnap", tuple(_recoveries(s) for s in columns)))
    return rows


def latency_rows(summary: Summary) -> list[Row]:
    """Return a row for each stage, with median and 95th percentile of its latency."""
    return [
        (stage, (f"{number(p50)} ms", f"{number(p95)} ms"))
        for stage, (p50, p95) in summary.latency_ms.items()
    ]


def consistency_rows(summary: Summary) -> list[ConsistencyRow]:
    """Return the rows on availability, false fixes, consistency and risk; columns as `CONSISTENCY_HEADER`."""
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
        ("distance flown to the first fix", metres(first.metres), "", ""),
        ("error of the first fix", metres(first.error_m), "", ""),
        ("longest outage", _outage(summary), "", "none"),
    ]
    if found.kidnaps:
        false = sum(recovery.false_fixes for recovery in found.kidnaps)
        rows.append(("time to recover from a kidnap, to 50 m", _recoveries(summary), "", ""))
        rows.append(("  fixes with error above 50 m until then", str(false), "", "0"))
    return rows


def _false_fix_rows(summary: Summary) -> list[ConsistencyRow]:
    return [
        (
            f"fixes with error above {found.beyond_m} m",
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
            f"truth inside the {sigma}σ ellipse",
            percent(found.inside[sigma]),
            between(*intervals[f"inside_{sigma}"], percent),
            percent(NOMINAL[sigma]),
        )
        for sigma in SIGMAS
    ]
    nees = "–" if math.isnan(found.nees) else f"{found.nees:.2f}, {_verdict(summary)}"
    band = between(found.band_low, found.band_high, lambda value: f"{value:.2f}")
    rows += [
        ("NEES", nees, between(*intervals["nees"], number), f"2; χ² band {band}"),
        ("  NEES of the fixes within 50 m", number(found.nees_of_right), "", "2"),
        ("effective number of fixes", f"{found.effective_fixes:.0f} of {found.fixes}", "", ""),
        ("frames with the truth outside 3σ", percent(found.integrity_risk), "", "1.1 % at most"),
    ]
    if found.unclaimed:
        rows.append(("fixes without a covariance", str(found.unclaimed), "", "0"))
    if found.impossible:
        rows.append(("fixes with an invalid covariance", str(found.impossible), "", "0"))
    return rows


def _risk_rows(summary: Summary) -> list[ConsistencyRow]:
    aurc, best, blind = summary.risk.aurc, summary.risk.best, summary.risk.blind
    return [
        (
            "AURC of the mean error",
            metres(aurc.metres),
            between(*summary.intervals["aurc_m"], metres),
            f"{metres(best.metres)} (random order: {metres(blind.metres)})",
        ),
        (
            "AURC of errors above 50 m",
            percent(aurc.false),
            between(*summary.intervals["aurc_false"], percent),
            f"{percent(best.false)} (random order: {percent(blind.false)})",
        ),
    ]


def terminal_table(
    summaries: Mapping[str, Summary], sentences: Mapping[str, str], remarks: Sequence[str] = ()
) -> str:
    """Return errors, latency, refusals and remarks as text for the terminal.

    Args:
        summaries: summaries by column; the first is of all frames.
        sentences: a sentence for each reason of a refusal.
        remarks: sentences about the recording.
    """
    first = next(iter(summaries.values()))
    parts = [aligned([("", tuple(summaries)), *error_rows(summaries)])]
    if first.latency_ms:
        parts.append(aligned([("latency", ("median", "p95")), *latency_rows(first)]))
    if first.refusals:
        counts = [("reason for no fix", ("frames",)), *((k, (str(n),)) for k, n in first.refusals.items())]
        refused = first.refusals.items()
        said = [in_words(reason, n, sentences[reason]) for reason, n in refused if reason in sentences]
        what_to_do = "docs/refusals.md says what to do about each reason."
        parts.append("\n".join((aligned(counts), *said, what_to_do)))
    if first.frames_without_truth:
        parts.append(f"{first.frames_without_truth} frames without a truth at their stamp are left out.")
    parts += [f"note: {remark}" for remark in remarks]
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
    return "–" if math.isnan(found.nees) else f"{number(found.nees)}, {_verdict(summary)}"


def _verdict(summary: Summary) -> str:
    verdict = summary.consistency.verdict
    return _VERDICTS.get(verdict, verdict)


def _oracle(summary: Summary) -> str:
    return f"{metres(summary.oracle_median_m)} / {metres(summary.oracle_p95_m)}"


def _sigmas(summary: Summary) -> str:
    inside = summary.consistency.inside.values()
    return (
        "–" if any(map(math.isnan, inside)) else " / ".join(f"{100 * share:.0f}" for share in inside) + " %"
    )
