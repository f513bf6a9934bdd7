# SPDX-License-Identifier: Apache-2.0
"""Defines the table of `refine_study.py`, with a row for each method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.integrity import normalised_error

HEAD = (
    "| method | fused | before, median / p95 m | after, median / p95 m | fused, error above a tile | "
    "confirmed at a wrong place | mean NEES of fused | CPU ms |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, eq=False)
class Tried:
    """The result of a method on a frame.

    Attributes:
        before_m, after_m: (2,) errors without and with the method, east and north.
        covariance_m2: (2, 2) claimed covariance of the answer.
        refined: whether the answer includes the registration.
        wrong_place: whether the method confirmed a wrong place; None if no wrong place was tried.
        ms: CPU time of the method in milliseconds.
    """

    before_m: Float64Array
    after_m: Float64Array
    covariance_m2: Float64Array
    refined: bool
    wrong_place: bool | None
    ms: float


def row(name: str, tried: Sequence[Tried], tile_m: float) -> str:
    """Return the row of a method in the table that `HEAD` begins."""
    before_m, after_m = (np.hypot(*np.stack(errors, axis=-1)) for errors in zip(*_errors(tried), strict=True))
    fused = np.array([one.refined for one in tried])
    wrong_place = [one.wrong_place for one in tried if one.wrong_place is not None]
    nees = [float(normalised_error(one.after_m, one.covariance_m2)) for one in tried if one.refined]
    cells = [
        name,
        f"{fused.mean():.1%}",
        *(f"{np.median(errors):.2f} / {np.percentile(errors, 95):.2f}" for errors in (before_m, after_m)),
        f"{np.mean(after_m[fused] > tile_m):.1%}" if fused.any() else "–",
        f"{np.mean(wrong_place):.1%}" if wrong_place else "–",
        f"{np.mean(nees):.2f}" if nees else "–",
        f"{np.median([one.ms for one in tried]):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _errors(tried: Sequence[Tried]) -> list[tuple[Float64Array, Float64Array]]:
    return [(one.before_m, one.after_m) for one in tried]
