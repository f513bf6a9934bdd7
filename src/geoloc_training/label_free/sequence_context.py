# SPDX-License-Identifier: Apache-2.0
"""Data about frames and tiles that is known without truth: order of frames and positions of tiles."""

from dataclasses import dataclass

from geoloc.arrays import Float64Array, Int64Array


@dataclass(frozen=True)
class SequenceContext:
    """Order of the queries, and positions of the references.

    Attributes:
        successive: pairs of indices of successive queries, int64 (P, 2).
        positions_m: positions of the references, east and north, metres, (M, 2).
        near_m: distance within which two references count as near; successive queries are at most this far
            apart.
    """

    successive: Int64Array
    positions_m: Float64Array
    near_m: float
