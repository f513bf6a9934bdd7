# SPDX-License-Identifier: Apache-2.0
"""Views of georeferenced images: where pixels land, which are valid, and what is refused."""

import math

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import ColorInterp

from geoloc.raster import open_raster

SIDE = 400
PLACES = {
    "EPSG:32615": (Affine(0.5, 0, 576632.0, 0, -0.5, 5188244.6), 0.5),
    "EPSG:3857": (Affine(0.6, 0, -10_241_234.5, 0, -0.6, 5_912_345.6), 0.4),
    "EPSG:4326": (Affine(6e-6, 0, -91.99, 0, -4e-6, 46.84), 0.45),
    "EPSG:26986": (Affine(1.0, 0, 235_000.0, 0, -1.0, 900_000.0), 1.0),
    "rotated": (Affine.rotation(33.0), 0.5),
}


def _write(path, values, crs="EPSG:32615", transform=PLACES["EPSG:32615"][0], **profile):
    count, height, width = values.shape
    alpha = profile.pop("alpha", None)
    mask = profile.pop("mask", None)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, crs=crs,
            transform=transform, **profile,
        ) as out,
    ):  # fmt: skip
        out.write(values)
        if mask is not None:
            out.write_mask(mask)
        if alpha:
            out.colorinterp = [*out.colorinterp[:-1], ColorInterp.alpha]
    return path


def _georeference(name):
    transform, gsd_m = PLACES[name]
    if name == "rotated":
        utm = Affine(0.5, 0, 0, 0, -0.5, 0)
        c = transform
        turned = Affine(c.a * utm.a, c.b * utm.e, 576632.0, c.d * utm.a, c.e * utm.e, 5188244.6)
        return "EPSG:32615", turned, gsd_m
    return name, transform, gsd_m


def _phase_picture(axis, wave_m, frame, crs, transform):
    """A source image in which every pixel tells its own position along one axis, as the phase of a wave."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    x = transform.a * columns + transform.b * rows + transform.c
    y = transform.d * columns + transform.e * rows + transform.f
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    phase = 2 * math.pi * frame.to_local(lat, lon)[axis] / wave_m
    bands = [np.cos(phase), np.sin(phase), np.zeros_like(phase)]
    return np.stack([np.rint(127.5 + 120 * band) for band in bands]).astype(np.uint8)


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("heading_rad", [0.0, 0.7])
def test_pixels_land_within_a_tenth_of_a_pixel(tmp_path, name, heading_rad):
    crs, transform, gsd_m = _georeference(name)
    _write(tmp_path / "blank.tif", np.zeros((3, SIDE, SIDE), np.uint8), crs, transform)
    with open_raster(tmp_path / "blank.tif") as raster:
        frame = raster.frame
        assert raster.gsd_m == pytest.approx(gsd_m, rel=0.08)
    wave_m, size_px, worst_px = 24 * gsd_m, 64, 0.0
    for axis in (0, 1):
        picture = _phase_picture(axis, wave_m, frame, crs, transform)
        with open_raster(_write(tmp_path / f"{axis}.tif", picture, crs, transform)) as raster:
            for centre in [(0.0, 0.0), (30.3 * gsd_m, -60.7 * gsd_m)]:
                rgb, valid = raster.view(*centre, size_px * gsd_m, size_px, heading_rad)
                assert valid.all()
                c, s = math.cos(heading_rad), math.sin(heading_rad)
                down, right = (np.mgrid[0:size_px, 0:size_px] + 0.5 - size_px / 2) * gsd_m
                east = centre[0] + right * c - down * s
                north = centre[1] - right * s - down * c
                seen = np.arctan2(rgb[..., 1] - 127.5, rgb[..., 0] - 127.5)
                error = seen - 2 * math.pi * (east, north)[axis] / wave_m
                error_px = ((error + math.pi) % (2 * math.pi) - math.pi) * wave_m / (2 * math.pi * gsd_m)
                worst_px = max(worst_px, float(np.abs(error_px).max()))
    print(f"{name} heading {heading_rad}: worst {worst_px:.3f} px")
    assert worst_px < 0.1
