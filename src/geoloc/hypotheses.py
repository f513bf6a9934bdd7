# SPDX-License-Identifier: Apache-2.0
"""Hypotheses of heading and height: the turned and scaled views of one frame that are tried.

Hypothesis i is that the true heading is the assumed one plus `turns_deg[i]`, clockwise, and the true height
the assumed one times `scales[i]`. Hypothesis 0 is what is assumed. They lie so close together that, within
the errors that are allowed for, the encoder recognises the view of one of them.
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
    """What an encoder tolerates by itself, so that it needs no hypothesis; the model's card states it.

    An encoder that tolerates less than half a step would miss a truth midway between two hypotheses.

    Raises:
        ParameterError: for a value outside its range.
    """

    heading_tolerance_deg: float = setting(
        13.0,
        "largest turn at which the encoder still recognises a view; the model's params.yaml sets it",
        unit="deg",
        low=7.5,
        high=180.0,
    )
    height_tolerance: float = setting(
        0.14,
        "largest relative error of scale at which the encoder still recognises a view; the model's "
        "params.yaml sets it",
        low=0.1,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Hypotheses:
    """How wrong the assumed heading and height may be; by default they are true, the only hypothesis.

    Raises:
        ParameterError: for a value outside its range.
    """

    heading_error_deg: float = setting(
        0.0,
        "largest error of the heading in imu, 180 without a compass: views turned that far are tried; "
        "odom is assumed to have the same error, unless odom_heading_known is false",
        unit="deg",
        low=0.0,
        high=180.0,
    )
    height_error: float = setting(
        0.0, "largest relative error of altitude: views scaled that far are tried", low=0.0, high=0.6
    )
    tolerances: Tolerances = group(Tolerances)

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def turns_deg(self) -> Float64Array:
        """The turn of each hypothesis (n,), clockwise, above -180 and up to 180."""
        return np.tile(self._turns_deg, len(self._steps))

    @cached_property
    def scales(self) -> Float64Array:
        """The factor on the height of each hypothesis (n,)."""
        return np.repeat(np.exp(_SCALE_STEP * self._steps), len(self._turns_deg))

    @property
    def count(self) -> int:
        """How many hypotheses there are."""
        return len(self.turns_deg)

    @cached_property
    def neighbours(self) -> BoolArray:
        """Which hypotheses are one step of turn or of scale apart (n, n)."""
        turned = np.abs((self.turns_deg[:, None] - self.turns_deg + 180.0) % 360.0 - 180.0) / _TURN_STEP_DEG
        scaled = np.abs(np.log(self.scales[:, None] / self.scales)) / _SCALE_STEP
        return np.asarray(np.rint(turned + scaled) == 1)

    def quarter_turns(self, index: int) -> tuple[int, int]:
        """Return the first hypothesis with the same pixels, and the quarter turns from it to this one.

        A square of pixels turned by 90 degrees is the same square, and need not be warped again.
        """
        turned_deg = self.turns_deg[index] - self.turns_deg
        same = (turned_deg % 90.0 == 0.0) & (self.scales == self.scales[index])
        first = int(np.argmax(same))
        return first, int(turned_deg[first] // 90.0) % 4

    def offsets_m(self, offset_m: tuple[float, float]) -> Float64Array:
        """Return the offset (n, 2) from each view's centre to the camera, east, north; given the first."""
        return self.turned(offset_m) * self.scales[:, None]

    def turned(self, offset_m: tuple[float, float] | Float64Array) -> Float64Array:
        """Return an offset (2,), east, north, turned by each hypothesis (n, 2)."""
        (east, north), angles = offset_m, np.radians(self.turns_deg)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.column_stack([east * cosine + north * sine, north * cosine - east * sine])

    def as_assumed(self, index: int, ground_m: Float64Array) -> Float64Array:
        """Return where points (..., 2) around a hypothesis's view lie around the assumed view."""
        angle = math.radians(self.turns_deg[index])
        back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        return np.asarray(ground_m @ back / self.scales[index]) if index else ground_m

    @cached_property
    def _turns_deg(self) -> Float64Array:
        tolerated_deg = self.tolerances.heading_tolerance_deg
        turns = _TURN_STEP_DEG * _outwards(
            _steps_aside(self.heading_error_deg, _TURN_STEP_DEG, tolerated_deg)
        )
        return turns[turns > -180.0]  # which is 180

    @cached_property
    def _steps(self) -> Float64Array:
        reach = -math.log1p(-self.height_error)
        return _outwards(_steps_aside(reach, _SCALE_STEP, math.log1p(self.tolerances.height_tolerance)))


def _steps_aside(reach: float, step: float, tolerated: float) -> int:
    """Return how many steps to one side leave nothing within reach farther from one than is tolerated."""
    return max(0, math.ceil((reach - tolerated) / step - 1e-9))


def _outwards(aside: int) -> Float64Array:
    """Return 0, 1, -1, 2, -2 and so on."""
    return np.array([0.0, *(sign * k for k in range(1, aside + 1) for sign in (1.0, -1.0))])


_WORST = {name: declared.high for name, declared in settings_of(Hypotheses).items()}
_WORST |= {name: declared.low for name, declared in settings_of(Tolerances).items()}
MAX_HYPOTHESES = fill(Hypotheses, _WORST).count
"""The most that any parameters ask for: a message with more is not from one of our nodes."""
