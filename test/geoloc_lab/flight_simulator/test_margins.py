# SPDX-License-Identifier: Apache-2.0
"""A flight fits itself onto its raster, or says which height would fit."""

from types import SimpleNamespace

import pytest

from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
from geoloc_lab.flight_simulator.flight_plan import FlightPlan, pattern_waypoints
from geoloc_lab.flight_simulator.margins import USUAL_M, fitting_plan
from geoloc_lab.flight_simulator.trajectory import fly

CAMERA = AerialCamera(default_intrinsics(64, 48))


def square(side_m):
    return SimpleNamespace(bounds_m=(-side_m / 2, -side_m / 2, side_m / 2, side_m / 2))


def planner(ground, **changes):
    def planned(margin_m):
        margins.append(margin_m)
        waypoints = pattern_waypoints("tour", ground.bounds_m, margin_m=margin_m)
        return FlightPlan(waypoints, max_duration_s=17.0, imu_rate_hz=20.0, **changes)

    margins = planned.margins = []
    return planned


def test_a_large_raster_keeps_the_usual_margin():
    ground = square(2000.0)
    planned = planner(ground)
    assert fitting_plan(ground, CAMERA, planned).height_m == FlightPlan.height_m
    assert planned.margins == [USUAL_M]


def test_a_small_raster_is_flown_lower_or_the_height_is_told():
    ground = square(600.0)
    plan = fitting_plan(ground, CAMERA, planner(ground), may_lower=True)
    assert 50.0 < plan.height_m < FlightPlan.height_m
    CAMERA.frames(ground, fly(plan, 0))
    with pytest.raises(ParameterError, match=f"give --height-m {plan.height_m:g} or less, or take a larger"):
        fitting_plan(ground, CAMERA, planner(ground))
    fitting_plan(ground, CAMERA, planner(ground, height_m=plan.height_m))
