# SPDX-License-Identifier: Apache-2.0
"""The trials' table: for the terminal, as Markdown and as JSON, with what was met and what was not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from geoloc_lab.reports.tables import aligned
from geoloc_lab.scenarios.likeness import Likeness, is_hard_enough
from geoloc_lab.scenarios.outcome import Outcome, check_targets, metres, percent

HEADER = (
    "frames",
    "availability¹",
    "median",
    "p95",
    "> 50 m",
    "> 100 m",
    "first fix²",
    "inside 1σ / 2σ / 3σ",
    "NEES³ (band)",
)
FOOTNOTES = (
    "¹ Share of frames answered from the first fix on; a flight without any counts nowhere. "
    "² Frames until and with the first fix, in the median. "
    "Fixes farther off than 50 and 100 m are shares of the fixes; 39 / 86 / 99 % inside and a NEES within "
    "its band are honest. ³ Of all fixes, then of those within 50 m."
)


def cells(outcome: Outcome) -> tuple[str, ...]:
    """Return a row of the table, columns as in `HEADER`."""
    first = "none" if math.isinf(outcome.frames_to_fix) else f"{outcome.frames_to_fix:g}"
    shares = " / ".join(
        "–" if math.isnan(share) else f"{100 * share:.0f}" for share in outcome.inside.values()
    )
    nees = "–" if math.isnan(outcome.nees) else f"{_nees(outcome)} ({_band(outcome)})"
    return (
        str(outcome.frames),
        percent(outcome.availability),
        metres(outcome.median_m),
        metres(outcome.p95_m),
        *(percent(share) for share in outcome.false.values()),
        first,
        f"{shares} %",
        nees,
    )


def terminal_table(outcomes: Mapping[str, Outcome]) -> str:
    """Return the table for a terminal."""
    return aligned([("", HEADER), *((name, cells(outcome)) for name, outcome in outcomes.items())])


def markdown_table(outcomes: Mapping[str, Outcome], first: str = "scenario") -> str:
    """Return the table in Markdown."""
    rows = [(first, *HEADER), ("---",) * (len(HEADER) + 1)]
    rows += [(name, *cells(outcome)) for name, outcome in outcomes.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def target_lines(name: str, outcome: Outcome) -> list[str]:
    """Return a line for each target: met, or missed with what was measured."""
    return [
        f"{'met   ' if one.met else 'MISSED'}  {name}: {one.figure} {one.measured}, target {one.target}"
        for one in check_targets(outcome)
    ]


def likeness_table(found: Sequence[Likeness]) -> str:
    """Return how alike the two sides are, with the verdict on each simulated one."""
    rows: list[tuple[str, tuple[str, ...]]] = [
        ("two sides of a place", ("places", "median", "p10", "best other", ""))
    ]
    for one in sorted(found, key=lambda one: -one.median):
        hard = None if one.dated else is_hard_enough(one, found)
        verdict = {None: "", True: "as hard as the years", False: "EASIER than the years"}[hard]
        numbers = (f"{one.median:.3f}", f"{one.p10:.3f}", f"{one.other:.3f}")
        rows.append((one.name, (str(one.places), *numbers, verdict)))
    return aligned(rows)


def as_json(outcome: Outcome) -> dict[str, object]:
    """Return an outcome with its check_targets as plain values."""
    return {**asdict(outcome), "targets": [asdict(one) for one in check_targets(outcome)]}


def _nees(outcome: Outcome) -> str:
    if outcome.nees == outcome.nees_of_right:
        return f"{outcome.nees:.2f}"
    return f"{outcome.nees:.1f}; {outcome.nees_of_right:.2f}"


def _band(outcome: Outcome) -> str:
    return f"{outcome.band[0]:.1f}–{outcome.band[1]:.1f}"
