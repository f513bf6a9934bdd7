# SPDX-License-Identifier: Apache-2.0
"""Views of georeferenced images: positions of pixels, their validity, and refusals."""

import math

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer

from fakes import UTM_TRANSFORM, write_bands
from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.views import open_raster, write_geotiff

SIDE = 400
PLACES = {
    "EPSG:32615": (UTM_TRANSFORM, 0.5),
    "EPSG:3857": (Affine(0.6, 0, -10_241_234.5, 0, -0.6, 5_912_345.6), 0.4),
    "EPSG:4326": (Affine(6e-6, 0, -91.99, 0, -4e-6, 46.84), 0.45),
    "EPSG:26986": (Affine(1.0, 0, 235_000.0, 0, -1.0, 900_000.0), 1.0),
    "rotated": (Affine.rotation(33.0), 0.5),
}


def _georeference(name):
    transform, gsd_m = PLACES[name]
    if name == "rotated":
        utm = Affine(0.5, 0, 0, 0, -0.5, 0)
        c = transform
        turned = Affine(c.a * utm.a, c.b * utm.e, 576632.0, c.d * utm.a, c.e * utm.e, 5188244.6)
        return "EPSG:32615", turned, gsd_m
    return name, transform, gsd_m


def _phase_picture(axis, wave_m, frame, crs, transform):
    """Return an image in which each pixel encodes its position along one axis as the phase of a wave."""
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
    write_bands(tmp_path / "blank.tif", np.zeros((3, SIDE, SIDE), np.uint8), crs, transform)
    with open_raster(tmp_path / "blank.tif") as raster:
        frame = raster.frame
        assert raster.gsd_m == pytest.approx(gsd_m, rel=0.08)
    wave_m, size_px, worst_px = 24 * gsd_m, 64, 0.0
    for axis in (0, 1):
        picture = _phase_picture(axis, wave_m, frame, crs, transform)
        with open_raster(write_bands(tmp_path / f"{axis}.tif", picture, crs, transform)) as raster:
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


def _marked(side=100, gsd_m=1.0):
    """Return a grey square with a red mark north and a green mark east of its centre."""
    picture = np.full((3, side, side), 100, np.uint8)
    picture[:, 20:26, 47:53] = np.array([255, 0, 0])[:, None, None]
    picture[:, 47:53, 74:80] = np.array([0, 255, 0])[:, None, None]
    return picture, Affine(gsd_m, 0, 500_000, 0, -gsd_m, 5_000_000)


def test_north_is_up_and_east_is_right(tmp_path):
    picture, transform = _marked()
    with open_raster(write_bands(tmp_path / "a.tif", picture, transform=transform)) as raster:
        rgb, valid = raster.view(0, 0, 80, 80)
    assert valid.all()
    assert tuple(rgb[13, 40]) == (255, 0, 0)
    assert tuple(rgb[40, 67]) == (0, 255, 0)


@pytest.mark.parametrize(
    ("heading_deg", "red", "green"),
    [(90, (40, 13), (13, 40)), (180, (67, 40), (40, 13)), (-90, (40, 67), (67, 40))],
)
def test_the_heading_points_up(tmp_path, heading_deg, red, green):
    picture, transform = _marked()
    with open_raster(write_bands(tmp_path / "a.tif", picture, transform=transform)) as raster:
        rgb, _ = raster.view(0, 0, 80, 80, math.radians(heading_deg))
    assert rgb[red][0] > 240
    assert rgb[red][1] < 15
    assert rgb[green][1] > 240
    assert rgb[green][0] < 15


def test_a_view_moves_with_its_centre(tmp_path):
    picture, transform = _marked()
    with open_raster(write_bands(tmp_path / "a.tif", picture, transform=transform)) as raster:
        rgb, _ = raster.view(0.0, 27.0, 20, 20)
    assert tuple(rgb[10, 10]) == (255, 0, 0)


@pytest.mark.parametrize("heading_rad", [0.0, math.pi / 4])
def test_coarse_views_do_not_alias(tmp_path, heading_rad):
    checks = np.indices((400, 400)).sum(axis=0) % 2 * 255
    picture = np.repeat(checks[None].astype(np.uint8), 3, axis=0)
    with open_raster(write_bands(tmp_path / "a.tif", picture)) as raster:
        rgb, _ = raster.view(0, 0, 90, 70, heading_rad)
    assert abs(rgb.mean() - 127.5) < 2
    assert rgb.std() < 8


def test_bounds_and_area_are_those_of_the_ground(tmp_path):
    picture = np.zeros((3, 200, 400), np.uint8)
    crs, transform, gsd_m = _georeference("EPSG:32615")
    with open_raster(write_bands(tmp_path / "a.tif", picture, crs, transform)) as raster:
        left, bottom, right, top = raster.bounds_m
        assert raster.frame.latitude_deg == pytest.approx(46.846, abs=0.01)
    assert right - left == pytest.approx(400 * gsd_m / 0.9996, rel=0.02)
    assert top - bottom == pytest.approx(200 * gsd_m / 0.9996, rel=0.04)
    assert (left + right) / 2 == pytest.approx(0, abs=0.01)


def test_an_overview_shows_the_whole_image(tmp_path):
    picture, transform = _marked()
    with open_raster(write_bands(tmp_path / "a.tif", picture, transform=transform)) as raster:
        rgb, valid, gsd_m = raster.overview(50)
    assert rgb.shape[:2] == valid.shape == (50, 50)
    assert gsd_m == pytest.approx(2.0, rel=0.02)
    assert rgb[11, 25, 0] > 200


def test_outside_the_image_nothing_is_valid(tmp_path):
    picture, transform = _marked()
    with open_raster(write_bands(tmp_path / "a.tif", picture, transform=transform)) as raster:
        _, inside_out = raster.view(50, 0, 40, 40)
        far, none = raster.view(5000, 0, 40, 40)
    assert inside_out.mean() == pytest.approx(0.5, abs=0.03)
    assert not none.any()
    assert not far.any()


def test_written_geotiffs_are_read_back(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    valid = np.ones((60, 80), bool)
    valid[:20] = False
    frame = LocalFrame(45.0, 7.0)
    write_geotiff(tmp_path / "a.tif", rgb, crs=frame.proj, left=-40, top=30, gsd_m=1.0, valid=valid)
    with open_raster(tmp_path / "a.tif", frame=frame) as raster:
        seen, known = raster.window(-40, 30, 80, 60, 1.0)
        assert raster.bounds_m == pytest.approx((-40, -30, 40, 30), abs=1e-6)
    np.testing.assert_array_equal(known, valid)
    np.testing.assert_array_equal(seen[valid], rgb[valid])


def test_writing_to_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(RasterError, match="cannot be written"):
        write_geotiff(
            tmp_path / "no" / "a.tif", np.zeros((4, 4, 3), np.uint8), crs="EPSG:32615", left=0, top=0, gsd_m=1
        )


@pytest.mark.parametrize(
    "arguments", [(0, 0, 0, 10), (0, 0, -5, 10), (0, 0, 10, 0), (math.nan, 0, 10, 10), (0, 0, math.nan, 10)]
)
def test_impossible_views_are_refused(tmp_path, arguments):
    with (
        open_raster(write_bands(tmp_path / "a.tif", np.zeros((3, 50, 50), np.uint8))) as raster,
        pytest.raises(RasterError, match="not possible"),
    ):
        raster.view(*arguments)


def test_impossible_windows_are_refused(tmp_path):
    with open_raster(write_bands(tmp_path / "a.tif", np.zeros((3, 50, 50), np.uint8))) as raster:
        for width, height, gsd_m in [(0, 5, 1.0), (5, 100_000, 1.0), (5, 5, 0.0)]:
            with pytest.raises(RasterError, match="not possible"):
                raster.window(0, 0, width, height, gsd_m)


def test_a_file_truncated_in_its_pixels_is_refused_when_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 600, 600), dtype=np.uint8)
    path = write_bands(tmp_path / "a.tif", noise, tiled=True, blockxsize=256, blockysize=256)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RasterError, match="truncated"), open_raster(path) as raster:
        raster.view(0, 0, 250, 64)
