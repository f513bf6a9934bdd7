# SPDX-License-Identifier: Apache-2.0
"""Bands of any kind become 8-bit RGB, and nodata is found in each of its encodings."""

import math

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from fakes import write_bands
from geoloc.raster.views import open_raster


def _half_valid():
    picture = np.full((3, 100, 100), 90, np.uint8)
    valid = np.ones((100, 100), bool)
    valid[:, 50:] = False
    return picture, valid


def _with_nodata(path):
    picture, valid = _half_valid()
    picture[:, ~valid] = 0
    picture[0, :, :20] = 0  # a band that happens to be dark is not nodata
    return write_bands(path, picture, nodata=0)


def _with_alpha(path):
    picture, valid = _half_valid()
    return write_bands(
        path, np.concatenate([picture, valid[None] * np.uint8(255)]), photometric="RGB", ALPHA="YES"
    )


def _with_grey_alpha(path):
    picture, valid = _half_valid()
    return write_bands(path, np.stack([picture[0], valid * np.uint8(255)]), ALPHA="YES")


def _with_mask(path):
    picture, valid = _half_valid()
    return write_bands(path, picture, mask=valid)


def _with_16_bit_alpha(path):
    picture, valid = _half_valid()
    bands = np.concatenate([picture.astype(np.uint16) * 40, valid[None] * np.uint16(65535)])
    return write_bands(path, bands, photometric="RGB", ALPHA="YES")


def _with_nan(path):
    picture, valid = _half_valid()
    values = np.where(valid, picture.astype(np.float32), np.nan).astype(np.float32)
    return write_bands(path, values, nodata=math.nan)


def _with_undeclared_nan(path):
    picture, valid = _half_valid()
    return write_bands(path, np.where(valid, picture, np.nan).astype(np.float32))


def _with_nan_beside_nodata(path):
    picture, valid = _half_valid()
    return write_bands(path, np.where(valid, picture, np.nan).astype(np.float32), nodata=-9999)


@pytest.mark.parametrize(
    "make",
    [
        _with_nodata,
        _with_alpha,
        _with_grey_alpha,
        _with_mask,
        _with_16_bit_alpha,
        _with_nan,
        _with_undeclared_nan,
        _with_nan_beside_nodata,
    ],
)
def test_every_encoding_of_nodata_is_understood(tmp_path, make):
    with open_raster(make(tmp_path / "a.tif")) as raster:
        size_m = 44 * raster.gsd_m
        rgb, valid = raster.view(0, 0, size_m, 40)
    assert valid[:, :17].all()
    assert not valid[:, 22:].any()
    assert not rgb[:, 22:].any()


def test_grey_becomes_rgb(tmp_path):
    with open_raster(write_bands(tmp_path / "a.tif", np.full((1, 50, 50), 77, np.uint8))) as raster:
        rgb, _ = raster.view(0, 0, 10, 10)
    assert np.all(rgb == 77)


def test_bands_follow_their_colours_not_their_order(tmp_path):
    bands = np.stack([np.full((50, 50), value, np.uint8) for value in (10, 20, 30, 200)])
    path = write_bands(tmp_path / "a.tif", bands)
    with rasterio.open(path, "r+") as out:
        out.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
    with open_raster(path) as raster:
        rgb, _ = raster.view(0, 0, 10, 10)
    assert tuple(rgb[5, 5]) == (30, 20, 10)


def test_16_bits_are_scaled_and_noted(tmp_path):
    ramp = np.linspace(1000, 5000, 100 * 100).reshape(1, 100, 100).astype(np.uint16)
    with open_raster(write_bands(tmp_path / "a.tif", ramp)) as raster:
        rgb, valid = raster.view(0, 0, 40, 40)
        assert any("scaled to 8 bits" in note for note in raster.notes)
    assert valid.all()
    assert rgb.min() < 60
    assert rgb.max() > 195


def test_16_bits_that_hold_8_are_left_alone(tmp_path):
    with open_raster(write_bands(tmp_path / "a.tif", np.full((3, 50, 50), 88, np.uint16))) as raster:
        rgb, _ = raster.view(0, 0, 10, 10)
        assert raster.notes == ()
    assert np.all(rgb == 88)


@pytest.mark.parametrize(
    "names",
    [
        ("Blue", "Green", "Red", "NIR", "Rededge"),
        ("blue", "green", "red", "near infra-red", "Red edge"),
        ("Coastal blue", "green_i", "Red (650 nm)", "blue", "green"),
        ("b", "g", "r", None, None),
    ],
)
@pytest.mark.parametrize("photometric", ["RGB", "MINISBLACK"])
def test_bands_are_read_by_their_names(tmp_path, names, photometric):
    wanted = {"Coastal blue": (30, 50, 40)}.get(names[0], (30, 20, 10))
    bands = np.stack([np.full((50, 50), value, np.uint8) for value in (10, 20, 30, 40, 50)])
    path = write_bands(tmp_path / "a.tif", bands, photometric=photometric)
    with rasterio.open(path, "r+") as out:
        out.descriptions = names
    with open_raster(path) as raster:
        rgb, _ = raster.view(0, 0, 10, 10)
        assert "as their names say" in raster.notes[0]
    assert tuple(rgb[5, 5]) == wanted


def test_names_that_lack_a_colour_are_noted(tmp_path):
    bands = np.stack([np.full((50, 50), value, np.uint8) for value in (10, 20, 30)])
    path = write_bands(tmp_path / "a.tif", bands, photometric="MINISBLACK")
    with rasterio.open(path, "r+") as out:
        out.descriptions = ("green", "red", "nir")
    with open_raster(path) as raster:
        assert "no band is named blue" in raster.notes[0]
