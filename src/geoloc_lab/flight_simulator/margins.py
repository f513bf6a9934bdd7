# SPDX-License-Identifier: Apache-2.0
"""Fits a flight onto a raster: margin and, where allowed, height, so that the camera never sees beyond it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, Ground
from geoloc_lab.flight_simulator.flight_plan import FlightPlan
from geoloc_lab.flight_simulator.trajectory import fly

USUAL_M = 250.0
_SHARE = 0.42  # of the raster's shorter side, the least margin that is tried on a small raster
_LEAST_HALF_M = 11.0  # of what is left to fly in
_TRIES = 4
_LOWEST_M = 5.0


def fitting_plan(
    ground: Ground,
    camera: AerialCamera,
    make_plan: Callable[[float], FlightPlan],
    seed: int = 0,
    *,
    may_lower: bool = False,
) -> FlightPlan:
    """Return a plan whose images all lie on the raster: with the usual margin, or a larger or smaller one.

    Args:
        ground: an open raster.
        camera: the camera that flies.
        make_plan: makes a plan with a margin in metres.
        seed: of the flight, which decides its gusts.
        may_lower: fly lower where no margin suits the plan's height.

    Raises:
        ParameterError: where nothing suits; the sentence gives the height that would.
    """
    left, bottom, right, top = ground.bounds_m
    side_m = min(right - left, top - bottom)
    least_m = min(USUAL_M, _SHARE * side_m)
    widest_m = max(side_m / 2 - _LEAST_HALF_M, least_m)
    for margin_m in np.linspace(least_m, min(widest_m, 2 * USUAL_M), _TRIES):
        plan = make_plan(float(margin_m))
        if _stays_inside(ground, camera, plan, seed):
            return plan
    height_m = _fitting_height_m(ground, camera, plan, seed)
    if height_m and may_lower:
        return replace(plan, height_m=height_m)
    lower = f"give --height-m {height_m:g} or less, or take" if height_m else "take"
    raise ParameterError(
        f"the raster is {right - left:.0f} m by {top - bottom:.0f} m, and from {plan.height_m:g} m the "
        f"camera sees beyond its edge with any --margin-m; {lower} a larger raster."
    )


def _stays_inside(ground: Ground, camera: AerialCamera, plan: FlightPlan, seed: int) -> bool:
    try:
        camera.frames(ground, fly(plan, seed), seed)
    except ParameterError:
        return False
    return True


def _fitting_height_m(ground: Ground, camera: AerialCamera, plan: FlightPlan, seed: int) -> float:
    """Return a height, of sixteenths of the plan's, from which the images lie on the raster; 0 for none."""
    for share in np.linspace(15 / 16, 1 / 16, 15):
        height_m = float(np.floor(share * plan.height_m))
        if height_m >= _LOWEST_M and _stays_inside(ground, camera, replace(plan, height_m=height_m), seed):
            return height_m
    return 0.0
