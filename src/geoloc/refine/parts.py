# SPDX-License-Identifier: Apache-2.0
"""Parts of an aligned view, each matched with the map by itself."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.refine.orientation import Edges, correlate
from geoloc.refine.peaks import find_peak

_PARTS_A_SIDE = 6
_SHARE = 0.2  # side of a part, in sides of the view, so that neighbours overlap a little
_MIN_SCORE = 0.25
_MIN_FILL = 0.7  # least share of a part on ground, in the view and on the map


@dataclass(frozen=True, eq=False)
class MatchedParts:
    """Parts of a view that the map confirms, n of them.

    Attributes:
        at_px: middles (n, 2) in the view, x right and y down from its centre.
        moved_px: shift (n, 2) from there to where the map shows the same, x right and y down.
    """

    at_px: Float64Array
    moved_px: Float64Array

    def __len__(self) -> int:
        return len(self.at_px)


def match_parts(view: Edges, ground: Edges, reach_px: int) -> MatchedParts:
    """Match each part of a view with the map around it.

    Args:
        view: edges (S, S) of the view, aligned with the map as well as is known.
        ground: edges (P, P) of the map around the view, P - S even; its middle is that of the view.
        reach_px: largest shift of a part that is searched for, along each axis.
    """
    side = len(view.mask)
    part, room = round(side * _SHARE), (len(ground.mask) - side) // 2
    starts = np.rint(np.linspace(0, side - part, _PARTS_A_SIDE)).astype(int)
    found = [
        (column, row, *moved)
        for row in starts
        for column in starts
        if (moved := _shift_px(view, ground, int(row), int(column), part, room, reach_px)) is not None
    ]
    rows = np.array(found, dtype=np.float64).reshape(-1, 4)
    return MatchedParts(rows[:, :2] + (part - side) / 2, rows[:, 2:])


def _shift_px(
    view: Edges, ground: Edges, row: int, column: int, part: int, room: int, reach: int
) -> tuple[float, float] | None:
    """Return the shift (x, y) of the part at a row and column; None without a clear peak within reach."""
    piece = view.crop(slice(row, row + part), slice(column, column + part))
    top, left = row + room - reach, column + room - reach
    if min(top, left) < 0 or piece.mask.mean() < _MIN_FILL:
        return None
    end = part + 2 * reach
    window = ground.crop(slice(top, top + end), slice(left, left + end))
    if window.mask.shape != (end, end) or window.mask.mean() < _MIN_FILL:
        return None
    peak = find_peak(correlate(window, piece))
    if not peak.inside or peak.score < _MIN_SCORE:
        return None
    return peak.column - reach, peak.row - reach
