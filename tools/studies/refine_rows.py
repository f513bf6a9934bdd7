# SPDX-License-Identifier: Apache-2.0
"""The table of `refine_study.py`: one line a method, of all that was tried."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.integrity import normalised_error

HEAD = (
    "| method | fused | before, median / p95 m | after, median / p95 m | fused and more than a tile off | "
    "confirmed, but not fused | confirmed at a wrong place | NEES of the fused, mean | CPU ms |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, eq=False)
class Tried:
    """One frame by one method.

    Attributes:
        before_m, after_m: (2,) error, east and north.
        covariance_m2: (2, 2) of the answer, as claimed.
        refined: whether geometry has a part in the answer.
        reason: why not, where not; None where that was not kept.
        elsewhere: whether it confirmed a place that is not the view's; None where none was tried.
        ms: of the method.
    """

    before_m: Float64Array
    after_m: Float64Array
    covariance_m2: Float64Array
    refined: bool
    reason: str | None
    elsewhere: bool | None
    ms: float


def row(name: str, tried: Sequence[Tried], tile_m: float) -> str:
    """One line of the table that `HEAD` begins."""
    before_m, after_m = (np.hypot(*np.stack(errors, axis=-1)) for errors in zip(*_errors(tried), strict=True))
    fused = np.array([one.refined for one in tried])
    gated = ["disagrees" in one.reason for one in tried if one.reason is not None]
    elsewhere = [one.elsewhere for one in tried if one.elsewhere is not None]
    nees = [float(normalised_error(one.after_m, one.covariance_m2)) for one in tried if one.refined]
    cells = [
        name,
        f"{fused.mean():.1%}",
        *(f"{np.median(errors):.2f} / {np.percentile(errors, 95):.2f}" for errors in (before_m, after_m)),
        f"{np.mean(after_m[fused] > tile_m):.1%}" if fused.any() else "–",
        f"{np.mean(gated):.1%}" if gated else "–",
        f"{np.mean(elsewhere):.1%}" if elsewhere else "–",
        f"{np.mean(nees):.2f}" if nees else "–",
        f"{np.median([one.ms for one in tried]):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _errors(tried: Sequence[Tried]) -> list[tuple[Float64Array, Float64Array]]:
    return [(one.before_m, one.after_m) for one in tried]
