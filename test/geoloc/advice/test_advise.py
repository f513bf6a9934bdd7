# SPDX-License-Identifier: Apache-2.0
"""The advice agrees with camera_node: advised views are covered, and views that do not fit are refused."""

import dataclasses

import numpy as np
import pytest

from fakes import FakeEncoder
from geoloc.advice import Fit, Flight, MapFacts, advise
from geoloc.advice.ground import GOOD_COVERAGE, refusal_height_m, sharp_height_m
from geoloc.camera.footprint import coverage, fitting_height_m, ground_pixel_m, looking_down, pinhole
from geoloc.camera.rig import RigSettings
from geoloc.camera.views import ViewSpec, frame_to_view
from geoloc.errors import FrameRefused, ParameterError, Reason
from geoloc.geodesy import LocalFrame
from geoloc.hypotheses import Hypotheses
from geoloc.mapping.grid import COARSEST_IMAGERY, tile_count, tile_grid

LENS = pinhole(320, 180, 70.0)
CARD = FakeEncoder("shipped", input_px=64, gsd_range_m=(0.3, 3.0)).card
FLIGHT = Flight(LENS, 110.0, 110.0)
FRAME = np.full((180, 320, 3), 90, np.uint8)
MIN_COVERAGE = RigSettings.min_coverage
SQUARE_KM = (0.0, 0.0, 1000.0, 1000.0)


def finding(advice, name):
    return next(one for one in advice.findings if one.name == name)


def view(height_m, size_m, heading_deg=0.0, tilt_deg=0.0):
    rotation = looking_down(heading_deg, tilt_deg)
    spec = ViewSpec(size_m, CARD.input_px)
    return frame_to_view(FRAME, LENS, rotation, height_m, spec, min_coverage=MIN_COVERAGE)


def test_the_advised_view_is_covered_at_that_height():
    advice = advise(FLIGHT, CARD)
    assert advice.view_size_m == advice.recommended_m == 69.0
    assert view(110.0, 69.0).coverage == 1.0
    assert min(view(110.0, 69.0, heading).coverage for heading in range(0, 91, 15)) > 0.98
    assert finding(advice, "heights").fit is Fit.GOOD
    assert advice.verdict == "fits"


def test_below_the_advised_heights_frames_are_refused():
    spec = ViewSpec(69.0, CARD.input_px)
    refused_m = refusal_height_m(LENS, spec, MIN_COVERAGE)
    assert 30.0 < refused_m < fitting_height_m(LENS, 69.0) <= 110.0
    assert all(view(1.01 * refused_m, 69.0, heading).coverage >= MIN_COVERAGE for heading in (0, 45, 90))
    with pytest.raises(FrameRefused) as refusal:
        [view(0.99 * refused_m, 69.0, heading) for heading in (0, 45, 90)]
    assert refusal.value.reason is Reason.LOW_COVERAGE
    low = MapFacts("my_map", 0.3, SQUARE_KM, view_size_m=69.0)
    assert finding(advise(Flight(LENS, 0.99 * refused_m, 110.0), CARD, low), "heights").fit is Fit.UNFIT
    assert finding(advise(Flight(LENS, 1.01 * refused_m, 110.0), CARD, low), "heights").fit is Fit.MARGINAL


def test_a_range_is_served_from_its_lower_end():
    advice = advise(Flight(LENS, 80.0, 150.0), CARD)
    assert fitting_height_m(LENS, advice.view_size_m) <= 80.0
    error = Hypotheses(height_error=0.27)
    assert f"height_error 0.27, {error.count} views" in finding(advice, "height").value


def test_heights_that_the_rig_refuses_do_not_fit():
    assert "min_height_m" in finding(advise(Flight(LENS, 9.0, 9.0), CARD), "heights").change
    assert finding(advise(Flight(LENS, 100.0, 3000.0), CARD), "heights").fit is Fit.UNFIT


def test_pixels_of_encoder_camera_and_map():
    spec = ViewSpec(69.0, CARD.input_px)
    sharp_m = sharp_height_m(LENS, spec)
    assert ground_pixel_m(LENS, sharp_m) == pytest.approx(spec.gsd_m)
    pixels = [
        finding(advise(Flight(LENS, 110.0, factor * sharp_m), CARD), "camera pixel").fit
        for factor in (0.99, 0.99 * COARSEST_IMAGERY, 1.01 * COARSEST_IMAGERY)
    ]
    assert pixels == [Fit.GOOD, Fit.MARGINAL, Fit.UNFIT]
    for gsd_m, fit in ((1.0, Fit.GOOD), (2.0, Fit.MARGINAL), (2.2, Fit.UNFIT)):
        assert finding(advise(FLIGHT, CARD, MapFacts("a.tif", gsd_m, SQUARE_KM)), "map pixel").fit is fit


@pytest.mark.parametrize(
    ("range_m", "fit", "change"),
    [
        ((0.3, 3.0), Fit.GOOD, ""),
        ((1.2, 3.0), Fit.MARGINAL, "fly at"),
        ((1.5, 3.0), Fit.UNFIT, "fly at"),
        ((0.3, 0.5), Fit.GOOD, ""),
    ],
)
def test_the_model_must_have_been_trained_for_the_views_pixels(range_m, fit, change):
    """Without a map, a view too coarse for the model is made smaller."""
    judged = finding(advise(FLIGHT, dataclasses.replace(CARD, gsd_range_m=range_m)), "encoder pixel")
    assert (judged.fit, judged.change[:6]) == (fit, change)


def test_a_higher_flight_reaches_the_models_pixels():
    card = dataclasses.replace(CARD, gsd_range_m=(1.5, 3.0))
    judged = finding(advise(FLIGHT, card), "encoder pixel")
    height_m = float(judged.change.split()[2]) + 1.0
    assert finding(advise(Flight(LENS, height_m, height_m), card), "encoder pixel").fit is not Fit.UNFIT


def test_tilt_up_to_what_is_covered():
    spec = ViewSpec(69.0, CARD.input_px)
    for tilt_deg in (0.0, 15.0, 30.0, 60.0):
        judged = finding(advise(dataclasses.replace(FLIGHT, tilt_deg=tilt_deg), CARD), "tilt")
        worst = min(
            coverage(LENS, looking_down(heading, tilt_deg, towards), 110.0, spec)
            for heading in (0, 45, 90)
            for towards in (0, 90)
        )
        refused = tilt_deg > RigSettings.max_tilt_deg or worst < MIN_COVERAGE
        assert judged.fit is (Fit.UNFIT if refused else Fit.MARGINAL if worst < GOOD_COVERAGE else Fit.GOOD)


def test_blur_and_skew_are_metres_over_pixels():
    moving = dataclasses.replace(FLIGHT, speed_mps=20.0, exposure_s=0.01, readout_s=0.5)
    advice = advise(moving, CARD)
    gsd_m = 69.0 / CARD.input_px
    blur = finding(advice, "motion blur")
    assert blur.fit is Fit.GOOD
    assert f"{0.2 / ground_pixel_m(LENS, 110.0):.1f} pixels of the camera, {0.2 / gsd_m:.1f} of" in blur.value
    skew = finding(advice, "rolling shutter")
    assert skew.fit is Fit.UNFIT
    assert "up to 5 m" in skew.value
    assert not any(one.name == "motion blur" for one in advise(FLIGHT, CARD).findings)


def test_tiles_are_as_many_as_the_grid_lays_out():
    bounds_m = (0.0, 0.0, 640.0, 410.0)
    assert tile_count(bounds_m, 69.0, 0.75, (1.0, 1.5)) == len(
        tile_grid(LocalFrame(47.0, 8.0), bounds_m, 69.0, 0.75, (1.0, 1.5))
    )
    small = advise(FLIGHT, CARD, MapFacts("a.tif", 0.3, (0.0, 0.0, 50.0, 50.0)))
    assert finding(small, "tiles").fit is Fit.UNFIT


def test_the_command_builds_or_flies():
    build = "geoloc map build ortho.tif --model shipped --view-size 69 --out my_map"
    assert advise(FLIGHT, CARD).command("shipped") == build
    source = MapFacts("my ortho.tif", 0.3, SQUARE_KM)
    assert "build 'my ortho.tif' --model" in advise(FLIGHT, CARD, source).command("shipped")
    fitting, wide = (MapFacts("town", 0.3, SQUARE_KM, view_size_m=size) for size in (69.0, 190.0))
    assert advise(FLIGHT, CARD, fitting).command("m") == "geoloc up --map town --model m"
    assert advise(FLIGHT, CARD, wide).command("m") == (
        "geoloc map build town/raster.tif --model m --view-size 69 --out town-69m"
    )


@pytest.mark.parametrize(
    "wrong", [{"lowest_m": 0.0}, {"lowest_m": 200.0}, {"tilt_deg": 90.0}, {"speed_mps": -1.0}]
)
def test_flights_that_cannot_be_are_refused(wrong):
    with pytest.raises(ParameterError, match="give"):
        dataclasses.replace(FLIGHT, **wrong)


def test_a_camera_that_shows_nothing_is_refused():
    with pytest.raises(ParameterError, match="too little for a map"):
        advise(Flight(LENS, 0.5, 0.5), CARD)
