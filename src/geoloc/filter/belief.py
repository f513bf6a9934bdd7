# SPDX-License-Identifier: Apache-2.0
"""What is believed at one stamp: where the camera is, how surely, or why that is not told."""

from dataclasses import dataclass
from enum import Enum

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused


class State(str, Enum):
    """How far the belief has come; the value is what `/diagnostics` shows."""

    STARTING = "starting"
    TRACKING = "tracking"
    LOST = "lost"
    ALONE = "alone"
    """No filter: each frame stands for itself."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Belief:
    """Where the camera is at `stamp_ns`.

    Attributes:
        stamp_ns: stamp of the frame.
        east_m, north_m: in the map's frame; the best guess also where it is refused.
        covariance_m2: (2, 2) east-north, metres².
        state: of the filter.
        probability: that the camera is where this belief says, 0 to 1.
        refusal: why there is no answer; None where there is one.
        rows: (n,) how far each row of the look is believed; see `geoloc.hypotheses`. None where not told.
    """

    stamp_ns: int
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    state: State
    probability: float
    refusal: FrameRefused | None = None
    rows: Float64Array | None = None
