# SPDX-License-Identifier: Apache-2.0
"""Reads report.json, which `geoloc demo`, `geoloc flight` and `geoloc evaluate` write with a report."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from book import key_of
from reading import Reading, markdown_table, nees_text

from geoloc_lab.reports.text import metres, percent, seconds

_FLIGHT_HEAD = (
    "flight",
    "frames",
    "answered",
    "median",
    "p95",
    "within a tile",
    "> 50 m",
    "NEES",
    "oracle, median / p95",
)


def read_flight(folder: str, name: str, root: Path) -> Reading | None:
    """Read the report of one continuous flight from a folder of the checkout; None without a report."""
    file = root / folder / "report.json"
    if not file.is_file():
        return None
    reading = Reading([file])
    summaries = _summaries(file)
    for add in (_add_errors, _add_course, _add_claims, _add_latency):
        add(reading, "", summaries["all"])
    reading.tables["flight"] = markdown_table(_FLIGHT_HEAD, [_row(name, summaries["all"])])
    return reading


def read_flights(root: Path) -> Reading | None:
    """Read the reports of `geoloc flight`, by flight and by group of photos; None without a report."""
    files = sorted(root.glob("flight/*/report/report.json")) or sorted(
        root.glob("flights/*/report/report.json")
    )
    if not files:
        return None
    reading, rows = Reading(files), []
    for file in files:
        name = file.parent.parent.name
        for group, summary in _summaries(file).items():
            whole = group == "all"
            prefix = key_of(name) + ("" if whole else f".{key_of(group)}")
            _add_errors(reading, f"{prefix}.", summary)
            _add_claims(reading, f"{prefix}.", summary)
            rows.append(_row(name if whole else f"… {group}", summary))
    reading.tables["flights"] = markdown_table(_FLIGHT_HEAD, rows)
    return reading


def read_adapt_demo(root: Path) -> Reading | None:
    """Read the reports of `make adapt-demo` before and after adaptation; None without both reports."""
    files = [root / f"demo/adapt/{when}/report.json" for when in ("before", "after")]
    if not all(file.is_file() for file in files):
        return None
    before, after = (_summaries(file)["all"] for file in files)
    reading = Reading(files)
    reading.add("frames", str(before["frames"]), "frames of the evaluated flight")
    for key, meaning, form in (
        ("within_tile", "frames answered within a tile", percent),
        ("recall_at_1", "frames whose best tile is the nearest one (R@1)", percent),
        ("median_m", "median error", metres),
        ("p95_m", "95 % of the errors are below", metres),
        ("availability", "frames answered", percent),
    ):
        name = key.removesuffix("_m")
        old, new = form(known(before[key])), form(known(after[key]))
        reading.add(f"{name}.before", old, f"{meaning}, before adapting")
        reading.add(f"{name}.after", new, f"{meaning}, after adapting")
        unit = new.rpartition(" ")[2]
        both = f"{old.removesuffix(unit).strip()} → {new}"
        reading.add(name, both, f"{meaning}, before and after adapting", known(after[key]))
    return reading


def known(value: float | None) -> float:
    """Return a number of a report; NaN for null."""
    return math.nan if value is None else value


def _add_errors(reading: Reading, prefix: str, s: Mapping[str, Any]) -> None:
    """Add the counts, errors and shares of a summary."""
    reading.add(f"{prefix}frames", str(s["frames"]), "frames with a known truth")
    reading.add(f"{prefix}fixes", str(s["fixes"]), "frames answered")
    for key, meaning in (
        ("availability", "share of all frames that were answered"),
        ("within_tile", "share of all frames answered within a tile's width"),
        ("within_pitch", "share of all frames answered within a pitch"),
        ("recall_at_1", "share of frames whose best tile is the nearest one (R@1)"),
    ):
        reading.share(f"{prefix}{key}", s[key], meaning)
    for radius, share in s["within_m"].items():
        meaning = f"share of all frames answered within {radius} m"
        reading.share(f"{prefix}within_{radius}_m", share, meaning)
    for key, meaning in (
        ("median", "median error of the answered frames"),
        ("mean", "mean error of the answered frames"),
        ("p90", "90 % of the errors are below"),
        ("p95", "95 % of the errors are below"),
        ("max", "largest error"),
        ("oracle_median", "distance to the nearest tile's centre, median"),
        ("oracle_p95", "distance to the nearest tile's centre, 95th percentile"),
        ("pitch", "distance between neighbouring tiles"),
        ("tile", "width of a tile"),
    ):
        reading.add(f"{prefix}{key}", metres(known(s[f"{key}_m"])), meaning, s[f"{key}_m"])


def _add_course(reading: Reading, prefix: str, s: Mapping[str, Any]) -> None:
    """Add the figures of a continuous flight: first fix, availability after it, longest outage."""
    first = s["continuity"]["first_fix"]
    none = first["frames"] < 0
    said = "none" if none else seconds(first["seconds"])
    reading.add(f"{prefix}first_fix", said, "time to the first fix", None if none else first["seconds"])
    said = "none" if none else str(first["frames"] + 1)
    reading.add(f"{prefix}first_fix_frames", said, "frames to the first fix, itself included")
    reading.share(
        f"{prefix}availability_after",
        first["availability_after"],
        "share of frames answered after the first fix",
    )
    outage = s["continuity"]["longest_outage"]
    reading.add(f"{prefix}longest_outage", seconds(outage["seconds"]), "longest time without a fix")


def _add_claims(reading: Reading, prefix: str, s: Mapping[str, Any]) -> None:
    """Add the NEES, the shares inside the covariance ellipses, and the false fixes."""
    belief = s["belief"]
    reading.add(
        f"{prefix}nees", nees_text(known(belief["nees"])), "NEES; 2 if the covariance is true", belief["nees"]
    )
    band = f"{known(belief['band_low']):.2f} to {known(belief['band_high']):.2f}"
    reading.add(f"{prefix}nees_band", band, "95 % band of the NEES if the covariance is true")
    for sigma, share in belief["inside"].items():
        reading.share(f"{prefix}inside_{sigma}", share, f"share of the fixes inside their {sigma}σ ellipse")
    for beyond, found in s["false_fixes"].items():
        meaning = f"fixes more than {beyond} m off"
        reading.add(f"{prefix}beyond_{beyond}", str(found["count"]), f"{meaning}, count")
        reading.share(f"{prefix}beyond_{beyond}_share", found["rate"], f"{meaning}, share of the fixes")
        bound = f"≤ {percent(known(found['high']))}"
        reading.add(f"{prefix}beyond_{beyond}_bound", bound, f"{meaning}, 95 % upper bound of the share")


def _add_latency(reading: Reading, prefix: str, s: Mapping[str, Any]) -> None:
    for stage, (median, p95) in s["latency_ms"].items():
        key = f"{prefix}latency.{key_of(stage)}"
        reading.add(f"{key}.median", f"{known(median):.0f} ms", f"latency, {stage}, median", median)
        reading.add(f"{key}.p95", f"{known(p95):.0f} ms", f"latency, {stage}, 95th percentile", p95)


def _row(name: str, s: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(s["frames"]),
        percent(known(s["availability"])),
        metres(known(s["median_m"])),
        metres(known(s["p95_m"])),
        percent(known(s["within_tile"])),
        str(s["false_fixes"]["50"]["count"]),
        nees_text(known(s["belief"]["nees"])),
        f"{metres(known(s['oracle_median_m']))} / {metres(known(s['oracle_p95_m']))}",
    )


def _summaries(file: Path) -> dict[str, Any]:
    summary = json.loads(file.read_text(encoding="utf-8"))["summary"]
    return dict(summary)
