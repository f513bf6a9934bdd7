# SPDX-License-Identifier: Apache-2.0
"""Hypotheses of heading and height: one frame is described as several turned and scaled views.

Hypothesis i states that the true heading is the assumed heading plus `turns_deg[i]`, clockwise, and that the
true height is the assumed height times `scales[i]`. Hypothesis 0 is the assumed heading and height. The
hypotheses are spaced so closely that, within the allowed errors, the encoder recognizes at least one view.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geoloc.arrays import BoolArray, Float64Array
from geoloc.settings import check, fill, group, setting, settings_of

_TURN_STEP_DEG = 15.0
_SCALE_STEP = math.log(1.2)


@dataclass(frozen=True)
class Tolerances:
    """Errors of heading and height that an encoder tolerates by itself; the model card states them.

    A tolerance below half a step would miss a truth midway between two hypotheses.

    Raises:
        ParameterError: if a value is outside its range.
    """

    heading_tolerance_deg: float = setting(
        13.0,
        "largest turn at which the encoder still recognizes a view; the model's params.yaml sets it",
        unit="deg",
        low=7.5,
        high=180.0,
    )
    height_tolerance: float = setting(
        0.14,
        "largest relative error of scale at which the encoder still recognizes a view; the model's "
        "params.yaml sets it",
        low=0.1,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Hypotheses:
    """Largest errors of the assumed heading and height; by default 0, which gives a single hypothesis.

    Raises:
        ParameterError: if a value is outside its range.
    """

    heading_error_deg: float = setting(
        0.0,
        "largest error of the heading in imu, 180 without a compass; views turned by up to this error are "
        "tried; odom is assumed to have the same error, unless odom_heading_known is false",
        unit="deg",
        low=0.0,
        high=180.0,
    )
    height_error: float = setting(
        0.0,
        "largest relative error of altitude; views scaled by up to this error are tried",
        low=0.0,
        high=0.6,
    )
    tolerances: Tolerances = group(Tolerances)

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def turns_deg(self) -> Float64Array:
        """Turn of each hypothesis, (n,), clockwise, above -180 and up to 180."""
        return np.tile(self._turns_deg, len(self._steps))

    @cached_property
    def scales(self) -> Float64Array:
        """Factor of each hypothesis on the assumed height, (n,)."""
        return np.repeat(np.exp(_SCALE_STEP * self._steps), len(self._turns_deg))

    @property
    def count(self) -> int:
        """Number of hypotheses."""
        return len(self.turns_deg)

    @cached_property
    def height_reach(self) -> float:
        """Largest relative error of height at which the encoder recognizes the view of a hypothesis."""
        aside = len(self._steps) // 2
        return 1.0 - math.exp(-aside * _SCALE_STEP) / (1.0 + self.tolerances.height_tolerance)

    @cached_property
    def neighbours(self) -> BoolArray:
        """Matrix (n, n), True where two hypotheses are one step of turn or scale apart."""
        turned = np.abs((self.turns_deg[:, None] - self.turns_deg + 180.0) % 360.0 - 180.0) / _TURN_STEP_DEG
        scaled = np.abs(np.log(self.scales[:, None] / self.scales)) / _SCALE_STEP
        return np.asarray(np.rint(turned + scaled) == 1)

    def quarter_turns(self, index: int) -> tuple[int, int]:
        """Return the first hypothesis with the same pixels, and the quarter turns from it to this one.

        A square view turned by 90 degrees has the same pixels, so it need not be warped again.
        """
        turned_deg = self.turns_deg[index] - self.turns_deg
        same = (turned_deg % 90.0 == 0.0) & (self.scales == self.scales[index])
        first = int(np.argmax(same))
        return first, int(turned_deg[first] // 90.0) % 4

    def offsets_m(self, offset_m: tuple[float, float]) -> Float64Array:
        """Return the offset (n, 2) from each view's centre to the camera, given that of hypothesis 0."""
        return self.turned(offset_m) * self.scales[:, None]

    def turned(self, offset_m: tuple[float, float] | Float64Array) -> Float64Array:
        """Turn an offset (2,), east and north, by each hypothesis; return (n, 2)."""
        (east, north), angles = offset_m, np.radians(self.turns_deg)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.column_stack([east * cosine + north * sine, north * cosine - east * sine])

    def as_assumed(self, index: int, ground_m: Float64Array) -> Float64Array:
        """Map points (..., 2) relative to the view of a hypothesis to points relative to the assumed view."""
        angle = math.radians(self.turns_deg[index])
        back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        return np.asarray(ground_m @ back / self.scales[index]) if index else ground_m

    @cached_property
    def _turns_deg(self) -> Float64Array:
        tolerated_deg = self.tolerances.heading_tolerance_deg
        turns = _TURN_STEP_DEG * _outwards(
            _steps_aside(self.heading_error_deg, _TURN_STEP_DEG, tolerated_deg)
        )
        return turns[turns > -180.0]  # the same turn as 180

    @cached_property
    def _steps(self) -> Float64Array:
        reach = -math.log1p(-self.height_error)
        return _outwards(_steps_aside(reach, _SCALE_STEP, math.log1p(self.tolerances.height_tolerance)))


def _steps_aside(reach: float, step: float, tolerated: float) -> int:
    """Return the number of steps to each side that keep errors up to reach within tolerance of a step."""
    return max(0, math.ceil((reach - tolerated) / step - 1e-9))


def _outwards(aside: int) -> Float64Array:
    """Return 0, 1, -1, 2, -2 and so on."""
    return np.array([0.0, *(sign * k for k in range(1, aside + 1) for sign in (1.0, -1.0))])


_WORST = {name: declared.high for name, declared in settings_of(Hypotheses).items()}
_WORST |= {name: declared.low for name, declared in settings_of(Tolerances).items()}
MAX_HYPOTHESES = fill(Hypotheses, _WORST).count
"""Largest number of hypotheses of any valid settings; a message with more is not from a geoloc node."""
