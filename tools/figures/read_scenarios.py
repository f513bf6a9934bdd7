# SPDX-License-Identifier: Apache-2.0
"""Reads scenarios/scenarios.json, the result of `make scenarios`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from book import key_of
from read_reports import known
from reading import Reading, markdown_table, nees_text

from geoloc_lab.reports.text import metres, percent, seconds

_SHEET_HEAD = (
    "flight",
    "frames",
    "available",
    "median",
    "p95",
    "> 50 m",
    "> 100 m",
    "first fix, frames",
    "inside 1σ·2σ·3σ",
    "NEES",
)
_PAIR_HEAD = (
    "available %",
    "median m",
    "p95 m",
    "> 100 m %",
    "first fix, frames",
    "inside 1σ·2σ·3σ %",
    "NEES",
)


def read_scenarios(root: Path) -> Reading | None:
    """Read the outcomes, the targets, and the similarity of map and camera imagery; None without the file."""
    file = root / "scenarios/scenarios.json"
    if not file.is_file():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    trials, reading = content["trials"], Reading([file])
    for name, outcome in trials.items():
        _add_outcome(reading, _key(name), outcome)
    for one in content["likeness"]:
        key = f"likeness.{key_of(one['name'])}"
        reading.add(
            f"{key}.median", f"{one['median']:.3f}", "cosine of map and camera imagery of a place, median"
        )
        reading.add(
            f"{key}.p10", f"{one['p10']:.3f}", "cosine of map and camera imagery of a place, 10th percentile"
        )
        reading.add(f"{key}.other", f"{one['other']:.3f}", "cosine with the most similar other place, median")
    reading.tables["flights"] = markdown_table(
        _SHEET_HEAD, [_sheet(name, one) for name, one in trials.items()]
    )
    reading.tables["scenarios"] = _side_by_side(trials)
    reading.tables["targets"] = _targets(trials)
    return reading


def _key(name: str) -> str:
    """Return `world.kidnap` for world/kidnap, `world.all` for "world, all", `flight.x` for a real flight."""
    kind, slash, scenario = name.partition("/")
    if slash:
        return f"{key_of(kind)}.{key_of(scenario)}"
    kind, comma, _ = name.partition(", all")
    return f"{key_of(kind)}.all" if comma else ("all" if name == "all" else f"flight.{key_of(name)}")


def _add_outcome(reading: Reading, key: str, one: Mapping[str, Any]) -> None:
    if one["flights"] > 1:
        reading.add(f"{key}.flights", str(one["flights"]), "flights")
    reading.add(f"{key}.frames", str(one["frames"]), "frames with a known truth")
    reading.add(f"{key}.fixes", str(one["fixes"]), "frames answered")
    reading.share(f"{key}.availability", one["availability"], "share of frames answered after the first fix")
    reading.add(f"{key}.median", metres(known(one["median_m"])), "median error of the fixes", one["median_m"])
    reading.add(f"{key}.p95", metres(known(one["p95_m"])), "95 % of the errors are below", one["p95_m"])
    for beyond, share in one["false"].items():
        meaning = f"share of the fixes more than {beyond} m off"
        reading.share(f"{key}.beyond_{beyond}", share, meaning, fine_below_one=True)
    reading.add(f"{key}.first_fix_frames", _first(one), "frames to the first fix, itself included, median")
    for sigma, share in one["inside"].items():
        reading.share(f"{key}.inside_{sigma}", share, f"share of the fixes inside their {sigma}σ ellipse")
    reading.add(f"{key}.nees", _nees(one), "NEES; 2 if the covariance is true", one["nees"])
    band = " to ".join(f"{known(end):.2f}" for end in one["band"])
    reading.add(f"{key}.nees_band", band, "95 % band of the NEES if the covariance is true")
    if one["flights"] == 1 and one["back_s"]:
        back = one["back_s"][0]
        text = "never" if back is None else seconds(back)
        reading.add(f"{key}.back", text, "time from the kidnap to a fix within 50 m of the truth", back)


def _sheet(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    false = [percent(known(share), fine_below_one=True) for share in one["false"].values()]
    return (
        name,
        str(one["frames"]),
        percent(known(one["availability"])),
        metres(known(one["median_m"])),
        metres(known(one["p95_m"])),
        *false,
        _first(one),
        f"{_inside(one)} %",
        _nees(one),
    )


def _side_by_side(trials: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table with one row per scenario; each cell lists the values of all kinds of imagery."""
    kinds = [
        name.removesuffix(", all") for name in trials if name.endswith(", all")
    ]  # real flights have none
    named = [name.partition("/") for name in trials]
    scenarios = list(dict.fromkeys(scenario for kind, _, scenario in named if kind in kinds))
    rows = [(f"`{name}`", *_pairs([trials.get(f"{kind}/{name}") for kind in kinds])) for name in scenarios]
    rows.append(("**all**", *_pairs([trials.get(f"{kind}, all") for kind in kinds])))
    return markdown_table((" / ".join(kinds), *_PAIR_HEAD), rows)


def _pairs(outcomes: list[Mapping[str, Any] | None]) -> list[str]:
    columns = [_bare(one) if one else ("–",) * len(_PAIR_HEAD) for one in outcomes]
    return [" / ".join(cells) for cells in zip(*columns, strict=True)]


def _bare(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of `_PAIR_HEAD` without units; without a fix, `none` and dashes."""
    if not one["fixes"]:
        return ("none", *("–",) * (len(_PAIR_HEAD) - 1))
    false = percent(known(one["false"]["100"]), fine_below_one=True)
    return (
        _plain(percent(known(one["availability"]))),
        _plain(metres(known(one["median_m"]))),
        _plain(metres(known(one["p95_m"]))),
        _plain(false),
        _first(one),
        _inside(one),
        _nees(one),
    )


def _plain(text: str) -> str:
    bare = text.rpartition(" ")[0] or text
    return bare.removesuffix(".0") if bare in ("0.0", "100.0") else bare


def _targets(trials: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, one in trials.items():
        if "all" in name:
            rows += [
                (name, t["figure"], t["measured"], t["target"], "met" if t["met"] else "**missed**")
                for t in one["targets"]
            ]
    return markdown_table(("flights", "figure", "measured", "target", ""), rows)


def _first(one: Mapping[str, Any]) -> str:
    frames = one["frames_to_fix"]
    return "none" if frames is None else f"{frames:g}"


def _inside(one: Mapping[str, Any]) -> str:
    return "·".join("–" if share is None else f"{100 * share:.0f}" for share in one["inside"].values())


def _nees(one: Mapping[str, Any]) -> str:
    return "–" if one["nees"] is None else nees_text(one["nees"])
