# SPDX-License-Identifier: Apache-2.0
"""Dataclasses of the advice: a planned flight, the imagery or map below it, and a finding."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from geoloc.camera.lens import Intrinsics
from geoloc.errors import ParameterError
from geoloc.mapping.recipe import BuildOptions

Bounds = tuple[float, float, float, float]


class Fit(str, Enum):
    """Judgement of a finding; NONE for a finding that only informs."""

    NONE = ""
    GOOD = "good"
    MARGINAL = "marginal"
    UNFIT = "does not fit"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """One line of advice.

    Attributes:
        name: subject of the finding, such as "view size".
        fit: judgement.
        value: what was found, with numbers and units.
        change: remedy; empty if the finding is good.
    """

    name: str
    fit: Fit
    value: str
    change: str = ""


@dataclass(frozen=True)
class Flight:
    """A planned flight.

    Attributes:
        lens: intrinsics of the camera.
        lowest_m: lowest height above ground, metres.
        highest_m: highest height above ground, metres.
        tilt_deg: largest angle between the optical axis and straight down, degrees.
        speed_mps: speed over ground, m/s; 0 if unknown.
        exposure_s: exposure time of a frame, seconds; 0 if unknown.
        readout_s: time between the first and the last row of a rolling shutter, seconds; else 0.

    Raises:
        ParameterError: if a value is outside its range.
    """

    lens: Intrinsics
    lowest_m: float
    highest_m: float
    tilt_deg: float = 0.0
    speed_mps: float = 0.0
    exposure_s: float = 0.0
    readout_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.lowest_m <= self.highest_m < math.inf:
            raise ParameterError(
                f"the heights are {self.lowest_m:g} to {self.highest_m:g} m; give metres above "
                "ground, the lower height first."
            )
        if not 0.0 <= self.tilt_deg < 90.0:
            raise ParameterError(
                f"the tilt is {self.tilt_deg:g} degrees; give at least 0 and less than 90 degrees."
            )
        for name, most in (("speed_mps", 1e3), ("exposure_s", 10.0), ("readout_s", 10.0)):
            if not 0.0 <= getattr(self, name) <= most:
                raise ParameterError(f"{name} is {getattr(self, name):g}; give a number from 0 to {most:g}.")


@dataclass(frozen=True)
class MapFacts:
    """Imagery for a map, or an existing map.

    Attributes:
        path: path as the user typed it.
        gsd_m: ground sampling distance of the imagery, metres per pixel.
        bounds_m: left, bottom, right and top edge of the imagery, metres.
        view_size_m: view size of an existing map, metres; None for imagery.
        scales: tile sizes of the map in units of its view size.
        overlap: share of a tile that its neighbour shows too.
    """

    path: str
    gsd_m: float
    bounds_m: Bounds
    view_size_m: float | None = None
    scales: Sequence[float] = BuildOptions.scales
    overlap: float = BuildOptions.overlap
