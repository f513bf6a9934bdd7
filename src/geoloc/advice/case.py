# SPDX-License-Identifier: Apache-2.0
"""A planned flight, the imagery under it, and one finding about how they fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from geoloc.camera.lens import Intrinsics
from geoloc.errors import ParameterError
from geoloc.mapping.recipe import BuildOptions

Bounds = tuple[float, float, float, float]


class Fit(str, Enum):
    """The verdict of a finding; NONE where there is nothing to judge."""

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
        name: what was looked at.
        fit: the verdict.
        value: what was found, numbers with their units.
        change: what to change; empty where nothing has to be.
    """

    name: str
    fit: Fit
    value: str
    change: str = ""


@dataclass(frozen=True)
class Flight:
    """A planned flight.

    Attributes:
        lens: the calibrated camera.
        lowest_m: lowest height above ground.
        highest_m: highest height above ground.
        tilt_deg: largest angle of the optical axis to straight down.
        speed_mps: over ground.
        exposure_s: of a frame.
        readout_s: time between the first and the last row of a rolling shutter; 0 for a global one.

    Raises:
        ParameterError: for a value that cannot be flown.
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
                f"the heights are {self.lowest_m:g} to {self.highest_m:g} m; give metres above ground, the "
                "lower one first."
            )
        if not 0.0 <= self.tilt_deg < 90.0:
            raise ParameterError(f"the tilt is {self.tilt_deg:g} degrees; give 0 to below 90.")
        for name, most in (("speed_mps", 1e3), ("exposure_s", 10.0), ("readout_s", 10.0)):
            if not 0.0 <= getattr(self, name) <= most:
                raise ParameterError(f"{name} is {getattr(self, name):g}; give 0 to {most:g}.")


@dataclass(frozen=True)
class MapFacts:
    """Imagery for a map, or a map that exists.

    Attributes:
        path: as the user typed it.
        gsd_m: metres per pixel of the imagery.
        bounds_m: left, bottom, right, top of the imagery, metres.
        view_size_m: of a map that exists; None for imagery.
        scales: tile sizes of the map over its view size.
        overlap: share of a tile that its neighbour shows too.
    """

    path: str
    gsd_m: float
    bounds_m: Bounds
    view_size_m: float | None = None
    scales: Sequence[float] = BuildOptions.scales
    overlap: float = BuildOptions.overlap
