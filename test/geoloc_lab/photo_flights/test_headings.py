# SPDX-License-Identifier: Apache-2.0
"""Tests which heading is taken: the gimbal's, or the aircraft's if the first is off by a constant."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from geoloc_lab.photo_flights.headings import corrected_headings, heading_deg
from geoloc_lab.photo_flights.photos import Gimbal, Photo

SWAY_DEG = (-4.0, 2.5, 0.0, -6.6, -7.2, 4.7, 1.7, -3.0)
"""The camera's heading against the aircraft's, as on the Mavic Air 2 of the Niza photos."""
TRUE_DEG = (275.0, 60.0, 292.0, 229.0, 4.0, 58.0, 253.0, 111.0)
START = datetime(2023, 8, 3)


def photos(errors_deg, *, model="FC3170", pitch_deg=-90.0, roll_deg=0.0, yaws_deg=TRUE_DEG):
    """Return photos whose gimbal yaw is off by `errors_deg` and whose flight yaw sways."""
    made = []
    for i, error_deg in enumerate(errors_deg):
        true_deg, sway_deg = yaws_deg[i % len(yaws_deg)], SWAY_DEG[i % len(SWAY_DEG)]
        gimbal_yaw = (true_deg + error_deg + 180.0) % 360.0 - 180.0
        gimbal = Gimbal(gimbal_yaw, pitch_deg, roll_deg)
        taken = START + timedelta(seconds=20 * i)
        yaw = (true_deg - sway_deg + 180.0) % 360.0 - 180.0
        made.append(Photo(Path(f"{i}.JPG"), taken, 160, 90, model, gimbal, 60.0, flight_yaw_deg=yaw))
    return made


def errors_deg(result, yaws_deg=TRUE_DEG):
    """Return the largest error of the headings that are taken."""
    found = [heading_deg(photo.gimbal) - yaws_deg[i % len(yaws_deg)] for i, photo in enumerate(result.photos)]
    return max(abs((error + 180.0) % 360.0 - 180.0) for error in found)


@pytest.mark.parametrize("constant", [-40.0, 84.0, 13.0, 90.0, 180.0, -135.0])
def test_a_constant_error_is_taken_out_and_told(constant):
    result = corrected_headings(photos([constant] * 8))
    assert errors_deg(result) < 5.0  # less than the aircraft's heading itself sways
    assert len(result.remarks) == 1
    assert "GimbalYawDegree is wrong by a constant" in result.remarks[0]
    assert "0.JPG and 7 other photos" in result.remarks[0]


def test_each_start_of_the_drone_has_a_constant_of_its_own():
    result = corrected_headings(photos([-84.0] * 8 + [40.0] * 8 + [0.0] * 8))
    assert errors_deg(result) < 9.0


def test_a_right_gimbal_keeps_its_heading():
    right = photos([0.0] * 8)
    assert corrected_headings(right).photos == tuple(right)
    assert corrected_headings(right).remarks == ()


def test_a_gimbal_that_lags_in_one_turn_keeps_its_heading():
    lagging = photos([0.0, 0.0, 0.0, 25.0, 0.0, 0.0, 0.0, 0.0])
    assert corrected_headings(lagging).photos == tuple(lagging)


@pytest.mark.parametrize(("count", "constant", "taken"), [(1, 84.0, True), (1, 40.0, False), (3, 40.0, True)])
def test_few_photos_need_a_larger_difference(count, constant, taken):
    result = corrected_headings(photos([constant] * count))
    assert (result.photos != tuple(photos([constant] * count))) is taken


@pytest.mark.parametrize("model", ["FC6540", "ZenmuseP1", "M30T", "ZH20T", "FC550"])
def test_a_gimbal_that_the_pilot_pans_keeps_its_heading_and_is_told(model):
    panned = photos([90.0] * 8, model=model)
    result = corrected_headings(panned)
    assert result.photos == tuple(panned)
    assert "--heading-error 9" in result.remarks[0]


def test_an_oblique_camera_that_held_one_heading_may_be_panned():
    kept = photos([30.0] * 8, pitch_deg=-40.0, yaws_deg=(90.0,))
    result = corrected_headings(kept)
    assert result.photos == tuple(kept)
    assert "either may be right" in result.remarks[0]
    assert errors_deg(corrected_headings(photos([30.0] * 8, pitch_deg=-40.0))) < 5.0  # it followed the turns


def test_a_difference_that_varies_is_told_and_not_corrected():
    turning = photos([60.0, -50.0, 10.0, 120.0, -80.0, 30.0, 150.0, -20.0], model="M30T")
    assert corrected_headings(turning).photos == tuple(turning)


def test_a_gimbal_that_rolled_over_at_nadir_is_not_wrong():
    rolled = photos([180.0] * 8, roll_deg=180.0)
    assert heading_deg(rolled[0].gimbal) % 360.0 == pytest.approx(275.0)
    assert corrected_headings(rolled).remarks == ()


def test_photos_without_a_flight_yaw_stay_as_they_are():
    bare = [Photo(Path("a.jpg"), START, 160, 90, "FC3170", Gimbal(1.0, -90.0, 0.0), 60.0)]
    assert corrected_headings(bare).photos == tuple(bare)
