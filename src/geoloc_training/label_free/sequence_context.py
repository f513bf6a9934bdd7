# SPDX-License-Identifier: Apache-2.0
"""What is known of frames and tiles besides their pictures, and is no truth: order and places on the map."""

from dataclasses import dataclass

from geoloc.arrays import Float64Array, Int64Array


@dataclass(frozen=True)
class SequenceContext:
    """Order of the queries, places of the references.

    Attributes:
        successive: queries taken one after the other, pairs of their numbers, int64 (P, 2).
        positions_m: where the references lie, east and north, metres, (M, 2).
        near_m: how far apart the references of two queries in a row may lie.
    """

    successive: Int64Array
    positions_m: Float64Array
    near_m: float
