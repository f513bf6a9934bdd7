# SPDX-License-Identifier: Apache-2.0
"""Consistency and integrity as a table: each figure with its interval and what it should be."""

import math

from geoloc_lab.metrics.consistency import NOMINAL, SIGMAS
from geoloc_lab.metrics.summary import Summary
from geoloc_lab.reports.tables import between, kidnaps, metres, number, outage, percent

HEADER = ("", "measured", "95 % interval", "should be")
Line = tuple[str, str, str, str]


def belief_rows(summary: Summary) -> list[Line]:
    """Return the rows of the table, columns as in `HEADER`."""
    return [*_continuity(summary), *_false_fixes(summary), *_honesty(summary), *_risk(summary)]


def _continuity(summary: Summary) -> list[Line]:
    found, intervals = summary.continuity, summary.intervals
    first = found.first_fix
    lines = [
        ("availability", percent(summary.availability), between(*intervals["availability"], percent), ""),
        ("availability after the first fix", percent(first.availability_after), "", ""),
        ("frames before the first fix", "–" if first.frames < 0 else str(first.frames), "", "0"),
        ("time to the first fix", seconds(first.seconds), "", ""),
        ("flown to the first fix", metres(first.metres), "", ""),
        ("error of the first fix", metres(first.error_m), "", ""),
        ("longest outage", outage(summary), "", "none"),
    ]
    if found.kidnaps:
        false = sum(recovery.false_fixes for recovery in found.kidnaps)
        lines.append(("back within 50 m after a kidnap", kidnaps(summary), "", ""))
        lines.append(("fixes more than 50 m off until then", str(false), "", "0"))
    return lines


def _false_fixes(summary: Summary) -> list[Line]:
    return [
        (
            f"fixes more than {found.beyond_m} m off",
            "–" if math.isnan(found.rate) else f"{found.count} of {found.fixes}: {percent(found.rate)}",
            between(found.low, found.high, percent),
            "0",
        )
        for found in summary.false_fixes.values()
    ]


def _honesty(summary: Summary) -> list[Line]:
    found, intervals = summary.belief, summary.intervals
    lines = [
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
    lines += [
        ("NEES", nees, between(*intervals["nees"], number), f"2; χ² band {band}"),
        ("  of the fixes within 50 m", number(found.nees_of_right), "", "2"),
        ("independent fixes it is worth", f"{found.effective_fixes:.0f} of {found.fixes}", "", ""),
        ("answered, truth outside 3σ, of all frames", percent(found.integrity_risk), "", "1.1 % at most"),
    ]
    if found.unclaimed:
        lines.append(("fixes without a covariance", str(found.unclaimed), "", "0"))
    if found.impossible:
        lines.append(("fixes whose covariance is none", str(found.impossible), "", "0"))
    return lines


def _risk(summary: Summary) -> list[Line]:
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


def seconds(value: float) -> str:
    """Return a time as a reader wants it."""
    return "–" if math.isnan(value) else f"{value:.1f} s"
