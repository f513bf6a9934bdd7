# SPDX-License-Identifier: Apache-2.0
"""Local frames and distances, compared with PROJ and with each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame, distance_m, offset_m

latitudes = st.floats(-80, 80)
longitudes = st.floats(-180, 180)
within_50_km = st.floats(-50_000, 50_000)


@settings(max_examples=60, deadline=None)
@given(latitudes, longitudes, within_50_km, within_50_km)
def test_local_round_trip_is_below_a_millimetre_within_50_km(lat, lon, east, north):
    frame = LocalFrame(lat, lon)
    back_east, back_north = frame.to_local(*frame.to_geodetic(east, north))
    assert math.hypot(back_east - east, back_north - north) < 1e-3


@settings(max_examples=60, deadline=None)
@given(latitudes, longitudes, st.floats(-5_000, 5_000), st.floats(-5_000, 5_000))
def test_local_metres_are_metres(lat, lon, east, north):
    frame = LocalFrame(lat, lon)
    there = frame.to_geodetic(east, north)
    assert distance_m(lat, lon, *there) == pytest.approx(math.hypot(east, north), rel=1e-6, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(latitudes, longitudes, st.floats(-2_000, 2_000), st.floats(-2_000, 2_000))
def test_offset_agrees_with_the_local_frame_and_with_the_distance(lat, lon, east, north):
    there = LocalFrame(lat, lon).to_geodetic(east, north)
    offset_east, offset_north = offset_m(lat, lon, *there)
    assert offset_east == pytest.approx(east, abs=2e-3)
    assert offset_north == pytest.approx(north, abs=2e-3)
    length = float(distance_m(lat, lon, *there))
    assert math.hypot(offset_east, offset_north) == pytest.approx(length, abs=1e-6)


def test_frame_agrees_with_a_projection_made_elsewhere():
    frame = LocalFrame(44.97, -93.26)
    utm = Transformer.from_crs("EPSG:4326", "EPSG:32615", always_xy=True)
    x0, y0 = utm.transform(-93.26, 44.97)
    x1, y1 = utm.transform(-93.25, 44.98)
    length_utm_m = math.hypot(x1 - x0, y1 - y0) / 0.9996
    assert math.hypot(*frame.to_local(44.98, -93.25)) == pytest.approx(length_utm_m, rel=2e-5)


def test_east_is_east_and_north_is_north():
    frame = LocalFrame(45.0, 7.0)
    assert frame.to_local(45.0, 7.001)[0] == pytest.approx(78.85, abs=0.1)
    assert frame.to_local(45.001, 7.0)[1] == pytest.approx(111.13, abs=0.1)
    assert offset_m(45.0, 7.0, 45.0, 7.001)[0] == pytest.approx(78.85, abs=0.1)


def test_arrays_keep_their_shape_and_inputs_stay_untouched():
    frame = LocalFrame(45.0, 7.0)
    lat, lon = np.full((3, 4), 45.01), np.full((3, 4), 7.02)
    east, north = frame.to_local(lat, lon)
    assert east.shape == north.shape == (3, 4)
    assert np.all(lat == 45.01)
    assert np.all(lon == 7.02)
    assert distance_m(45.0, 7.0, lat, lon).shape == (3, 4)


def test_distance_crosses_the_date_line():
    assert distance_m(0.0, 179.9999, 0.0, -179.9999) == pytest.approx(22.26, abs=0.01)


def test_distance_of_an_unknown_position_is_unknown():
    assert np.isnan(distance_m(45.0, 7.0, np.array([math.nan]), np.array([7.0])))[0]


@pytest.mark.parametrize(("lat", "lon"), [(90.0, 0.0), (math.nan, 0.0), (0.0, 181.0), (0.0, math.inf)])
def test_a_frame_off_the_earth_is_refused(lat, lon):
    with pytest.raises(ParameterError, match="local frame"):
        LocalFrame(lat, lon)
