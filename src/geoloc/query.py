# SPDX-License-Identifier: Apache-2.0
"""The input of the localizer for one frame: descriptors of its view, and the offset to the camera."""

import math
from dataclasses import dataclass

from geoloc.arrays import FloatArray, UInt8Array


@dataclass(frozen=True, eq=False)
class Query:
    """One frame to be localized.

    Attributes:
        stamp_ns: stamp of the image.
        descriptors: descriptor (D,), or descriptors (n, D), one for each hypothesis of heading and height.
        offset_m: offset (2,), east and north, from the centre of the view of hypothesis 0 to the camera.
        views: views (n, S, S, 3) uint8, used by refinement alone; None leaves the position unrefined.
        height_m: height above ground, which scales the error of the attitude; if NaN, the width of a
            view is used.
    """

    stamp_ns: int
    descriptors: FloatArray
    offset_m: tuple[float, float] = (0.0, 0.0)
    views: UInt8Array | None = None
    height_m: float = math.nan
