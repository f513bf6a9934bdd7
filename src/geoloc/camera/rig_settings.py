# SPDX-License-Identifier: Apache-2.0
"""How the camera sits on the drone, and the limits within which its frames are used."""

import math
from dataclasses import dataclass, field

from geoloc.camera.views import ViewSpec
from geoloc.errors import ParameterError
from geoloc.hypotheses import Hypotheses

_RANGES = {
    "max_attitude_gap_s": (0.0, 10.0),
    "max_height_age_s": (0.0, 60.0),
    "min_height_m": (0.0, 20_000.0),
    "max_height_m": (0.0, 20_000.0),
    "max_climb_mps": (0.1, 1000.0),
    "max_tilt_deg": (0.0, 80.0),
    "min_coverage": (0.0, 1.0),
}


@dataclass(frozen=True)
class RigSettings:
    """How the camera sits on the drone, and what it takes for a frame to become a view.

    Args:
        view_size_m: width of the ground in a view, metres; it belongs to the map.
        size_px: width of a view, pixels; it belongs to the encoder.
        mount_rpy_deg: roll, pitch, yaw of camera_link in the body, degrees; [0, 90, 0] looks straight down
            with the top of the picture forward. More examples at `attitude.mount_rotation`.
        max_attitude_gap_s: how far from a frame's stamp the nearest attitude sample may be.
        max_height_age_s: how far from a frame's stamp the nearest height sample may be.
        min_height_m: frames from below are refused.
        max_height_m: frames from above are refused.
        max_climb_mps: heights around a frame that differ more than a drone can climb are refused.
        max_tilt_deg: largest angle between the optical axis and straight down.
        min_coverage: the least part of a view that the frame must show, 0 to 1.
        hypotheses: how wrong heading and height may be: what the rows of a view stand for.

    Raises:
        ParameterError: on a value outside its range, or two that contradict each other.
    """

    view_size_m: float
    size_px: int
    mount_rpy_deg: tuple[float, float, float] = (0.0, 90.0, 0.0)
    max_attitude_gap_s: float = 0.1
    max_height_age_s: float = 1.0
    min_height_m: float = 10.0
    max_height_m: float = 2000.0
    max_climb_mps: float = 30.0
    max_tilt_deg: float = 45.0
    min_coverage: float = 0.5
    hypotheses: Hypotheses = field(default_factory=Hypotheses)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mount_rpy_deg", tuple(float(angle) for angle in self.mount_rpy_deg))
        if len(self.mount_rpy_deg) != 3 or not all(map(math.isfinite, self.mount_rpy_deg)):
            raise ParameterError(f"mount_rpy_deg is {self.mount_rpy_deg}; three angles in degrees are needed")
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ParameterError(f"{name} is {value}; it must be from {lowest:g} to {highest:g}")
        if self.min_height_m >= self.max_height_m:
            raise ParameterError(
                f"min_height_m {self.min_height_m:g} is not below max_height_m {self.max_height_m:g}; "
                "raise the one or lower the other"
            )
        self.view_spec()

    def view_spec(self) -> ViewSpec:
        """Give the size of the view on the ground and in pixels."""
        return ViewSpec(self.view_size_m, self.size_px)
