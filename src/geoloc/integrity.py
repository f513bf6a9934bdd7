# SPDX-License-Identifier: Apache-2.0
"""When to say "I do not know", and how far off an answer may be: refusal rules and the covariance.

Every rule raises `FrameRefused` with the measured value and the limit in its sentence. Distances are metres
in the map's east-north frame; scores are cosines.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc.errors import FrameRefused, Reason

if TYPE_CHECKING:
    from geoloc.filter.belief import Belief

Floats = NDArray[np.float64]


def checked_descriptor(descriptor: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """Return the descriptor (D,) as float32 of unit length, or refuse what no encoder of this map makes.

    Raises:
        FrameRefused: BAD_DESCRIPTOR for a wrong shape, a NaN or infinity, or a zero vector.
    """
    vector = np.asarray(descriptor, dtype=np.float32)
    if vector.shape != (size,):
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"the descriptor has shape {vector.shape}, the map holds vectors of {size}: "
            "start the nodes with the model that built the map",
        )
    length = float(np.linalg.norm(vector))
    if not math.isfinite(length):
        raise FrameRefused(Reason.BAD_DESCRIPTOR, "the descriptor holds NaN or infinity")
    if length < 1e-6:
        raise FrameRefused(Reason.BAD_DESCRIPTOR, "the descriptor is a zero vector: the encoder saw nothing")
    return np.asarray(vector / length, dtype=np.float32)


def check_offset(east_m: float, north_m: float) -> None:
    """Refuse an offset from the view to the camera that is not a number."""
    if not (math.isfinite(east_m) and math.isfinite(north_m)):
        raise FrameRefused(Reason.NO_OFFSET, f"the view's offset ({east_m}, {north_m}) m is not a number")


def check_score(score: float, min_score: float) -> None:
    """Refuse a best tile that does not look like the view."""
    if not score >= min_score:
        raise FrameRefused(
            Reason.LOW_SCORE, f"the best tile scores {score:.3f}, below min_score {min_score:.3f}"
        )


def check_margin(margin: float, min_margin: float) -> None:
    """Refuse a best tile that another place rivals; `margin` is inf where the map has no other place."""
    if not margin >= min_margin:
        raise FrameRefused(
            Reason.LOW_MARGIN,
            f"another place scores only {margin:.3f} less than the best tile, "
            f"below min_margin {min_margin:.3f}",
        )


def check_belief(belief: "Belief") -> None:
    """Refuse what is not believed surely enough."""
    if belief.refusal is not None:
        raise belief.refusal


def check_degrees(latitude_deg: float, longitude_deg: float) -> None:
    """Refuse what is no place on the Earth."""
    if not (abs(latitude_deg) <= 90.0 and abs(longitude_deg) <= 180.0):
        raise FrameRefused(
            Reason.OFF_MAP, f"latitude {latitude_deg}, longitude {longitude_deg} is no place on the Earth"
        )


def check_on_map(east_m: float, north_m: float, bounds_m: tuple[float, float, float, float]) -> None:
    """Refuse a camera position outside `bounds_m` (left, bottom, right, top)."""
    left, bottom, right, top = bounds_m
    if not (left <= east_m <= right and bottom <= north_m <= top):
        raise FrameRefused(
            Reason.OFF_MAP,
            f"the camera would stand at ({east_m:.0f}, {north_m:.0f}) m of the map's frame, off the map, "
            f"which ends at ({left:.0f}, {bottom:.0f}) and ({right:.0f}, {top:.0f}) m",
        )


def covariance_m2(positions_m: Floats, weights: Floats, pitch_m: float) -> Floats:
    """Covariance (2, 2) of a position, east-north, metres².

    The spread of the posterior over tiles, and under it what a grid of this pitch cannot resolve: a position
    uniform within a cell of side p has variance p²/12 along each axis.

    Args:
        positions_m: tile centres (n, 2), east and north.
        weights: their posterior (n,), summing to one.
        pitch_m: distance between neighbouring tiles.
    """
    centred = positions_m - weights @ positions_m
    spread = (centred * weights[:, None]).T @ centred
    floor = np.eye(2) * (pitch_m**2 / 12.0)
    return np.asarray(spread + floor, dtype=np.float64)
