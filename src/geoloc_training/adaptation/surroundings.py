# SPDX-License-Identifier: Apache-2.0
"""What is known of frames and tiles besides their pictures, and is no truth: order and places on the map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Surroundings:
    """Order of the queries, places of the references.

    Attributes:
        successive: queries taken one after the other, pairs of their numbers, int64 (P, 2).
        positions_m: where the references lie, east and north, metres, (M, 2).
        near_m: how far apart the references of two queries in a row may lie.
    """

    successive: Ints
    positions_m: Doubles
    near_m: float
