# SPDX-License-Identifier: Apache-2.0
"""The method `features`: the encoder on shifted crops of the map, and the mean of where it sees the view.

An exported encoder tells one vector for a view, so a dense map of its features is made by moving the view
over the patch: up to 25 crops, an eighth of a view apart.
"""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.camera.views import fill_invalid
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import (
    Patch,
    Registration,
    Verdict,
)
from geoloc.refine.settings import RefinerSettings

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_STEPS = np.arange(-2, 3) / 8  # of a view
_TEMPERATURE = 0.05
_CONFIRM_SCORE = 0.7
_CALIBRATION = 1.0


class EncoderShifts:
    """Compares the view with shifted crops; see `geoloc.refine.contract.Method`.

    It looks with the eyes that chose the tile, so it says little about whether that was right, and nothing
    about heading or scale.

    Args:
        encoder: the one that described the map.
        settings: how much of a crop must be imagery.
    """

    name = "features"

    def __init__(self, encoder: "Encoder", settings: RefinerSettings) -> None:
        self._encoder = encoder
        self._min_overlap = settings.min_overlap

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Lay a view, uint8 (S, S, 3), on a wider patch; S is the encoder's."""
        side = len(view)
        shifts, crops = self._crops(patch, side)
        if not crops:
            return Registration.nothing(Verdict.UNDECIDED, "the map has too little imagery around this place")
        mine, *others = self._encoder.describe(np.stack([view, *crops])).astype(np.float64)
        likeness = np.stack(others) @ mine
        weights = np.exp((likeness - likeness.max()) / _TEMPERATURE)
        weights /= weights.sum()
        mean = weights @ shifts
        centred = shifts - mean
        covariance = _CALIBRATION * (centred * weights[:, None]).T @ centred
        score = float(likeness.max())
        confirmed = score >= _CONFIRM_SCORE
        sentence = f"the best of {len(crops)} crops scores {score:.3f}; {_CONFIRM_SCORE:g} confirms the place"
        return Registration(
            verdict=Verdict.CONFIRMED if confirmed else Verdict.UNDECIDED,
            score=score,
            east_m=float(mean[0]) * patch.gsd_m,
            north_m=float(mean[1]) * patch.gsd_m,
            covariance_m2=covariance * patch.gsd_m**2,
            rotation_rad=0.0,
            scale=1.0,
            inliers=0,
            sentence=sentence,
        )

    def _crops(self, patch: Patch, side: int) -> tuple[Float64Array, list[Rgb]]:
        """Shifts (n, 2) to the east and north in pixels, and what lies there."""
        shifts, crops = [], []
        room = (len(patch.rgb) - side) // 2
        steps = np.rint(_STEPS * side).astype(int)
        for north, east in product(steps[abs(steps) <= room], repeat=2):
            row, column = room - north, room + east
            window = slice(row, row + side), slice(column, column + side)
            valid = patch.valid[window]
            if valid.mean() >= self._min_overlap:
                shifts.append((east, north))
                crops.append(fill_invalid(patch.rgb[window], valid))
        return np.array(shifts, dtype=np.float64), crops
