# SPDX-License-Identifier: Apache-2.0
"""Reference systems that PROJ cannot place are refused, those that it places badly noted with the metres."""

import re

import pytest
from pyproj import Transformer

from geoloc.errors import RasterError
from geoloc.raster.reference_systems import check_on_earth, parse_crs, position_note

STUTTGART = 48.8, 9.2
BESSEL = "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +y_0=0 +ellps=bessel +units=m +no_defs"
LOCAL = 'LOCAL_CS["site",UNIT["metre",1]]'


def _note(crs, place=STUTTGART):
    return position_note(parse_crs(crs), *place, "a.tif")


@pytest.mark.parametrize(
    "crs",
    [BESSEL, f"{BESSEL} +towgs84=0,0,0", f"{BESSEL} +nadgrids=@missing.gsb"],
    ids=["none", "zero", "grid"],
)
def test_a_lost_datum_is_noted_with_the_metres_that_it_may_cost(crs):
    note = _note(crs)
    assert note.startswith("warning")
    stake_m = float(re.search(r"by about (\d+) m \(as they are if it is DHDN\)", note)[1])
    _, latitude = Transformer.from_crs("EPSG:4314", "EPSG:4326", always_xy=True).transform(*STUTTGART[::-1])
    assert stake_m == pytest.approx(111_320 * abs(latitude - STUTTGART[0]), rel=0.25)
    assert 120 < stake_m < 170
    assert "gdal_edit.py -a_srs" in note


def test_a_datum_of_the_satellite_age_may_be_left_out_at_small_cost():
    assert "by about 2 m" in _note("+proj=utm +zone=32 +ellps=GRS80")


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:32632",
        "EPSG:25832",
        "EPSG:31467",
        "EPSG:3857",
        "EPSG:32632+5773",
        f"{BESSEL} +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7",
    ],
)
def test_systems_that_proj_knows_to_some_metres_have_no_note(crs):
    assert _note(crs) is None


def test_a_coarse_transformation_is_noted_with_its_metres():
    assert "PROJ knows its reference system, Bissau, to 25 m here" in _note("EPSG:4165", (11.8, -15.2))


@pytest.mark.parametrize(
    "crs", [LOCAL, f'COMPD_CS["s",{LOCAL},VERT_CS["h",VERT_DATUM["h",2005],UNIT["metre",1]]]']
)
def test_local_systems_are_refused(crs):
    with pytest.raises(
        RasterError, match=r"a.tif is in the local \(engineering\) reference system '.*no place"
    ):
        check_on_earth(parse_crs(crs), "a.tif")


@pytest.mark.parametrize("crs", ["EPSG:4978", "EPSG:5773", "+proj=longlat +R=1737400"])
def test_systems_that_are_not_of_the_surface_are_refused(crs):
    with pytest.raises(RasterError, match=r"place.* on Earth.*gdal_edit.py"):
        check_on_earth(parse_crs(crs), "a.tif")


def test_a_grid_that_is_needed_and_missing_is_named():
    with pytest.raises(RasterError, match=r"projsync --file missing.gsb"):
        check_on_earth(parse_crs(f"{BESSEL} +nadgrids=missing.gsb"), "a.tif")
