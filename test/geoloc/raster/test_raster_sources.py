# SPDX-License-Identifier: Apache-2.0
"""Sources of imagery, and sources without a usable georeference."""

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine

from fakes import ground, write_bands
from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.views import open_raster, write_geotiff

BOUNDS = (-93.0, 44.99, -92.99, 45.0)


@pytest.fixture
def png(tmp_path):
    picture = np.full((80, 100, 3), 60, np.uint8)
    picture[:40, 50:] = (0, 0, 250)  # red in the north-east, as OpenCV orders colours
    cv2.imwrite(str(tmp_path / "town.png"), picture)
    return tmp_path / "town.png"


def _geotiff(path, crs="EPSG:32615", **georeference):
    write_geotiff(path, np.zeros((50, 50, 3), np.uint8), crs=crs, left=500_000, top=5e6, gsd_m=1.0)
    if georeference:
        with rasterio.open(path, "r+") as out:
            for name, value in georeference.items():
                setattr(out, name, value)
    return path


def test_a_picture_with_bounds_lies_between_them(png):
    with open_raster(png, bounds=BOUNDS) as raster:
        frame = raster.frame
        corner = raster.view(*map(float, frame.to_local(44.999, -92.991)), 20, 10)[0]
        other = raster.view(*map(float, frame.to_local(44.991, -92.999)), 20, 10)[0]
    assert (frame.latitude_deg, frame.longitude_deg) == pytest.approx((44.995, -92.995))
    assert tuple(corner[5, 5]) == (250, 0, 0)
    assert tuple(other[5, 5]) == (60, 60, 60)


def test_bounds_may_be_in_another_reference_system(png):
    with open_raster(png, bounds=(500_000, 4_999_000, 500_100, 4_999_080), crs="EPSG:32615") as raster:
        assert raster.gsd_m == pytest.approx(1.0, rel=1e-3)


def test_a_world_file_places_a_picture(png):
    png.with_suffix(".pgw").write_text("0.5\n0\n0\n-0.5\n500000.25\n4999999.75\n")
    with open_raster(png, crs="EPSG:32615") as raster:
        left, _, right, _ = raster.bounds_m
    assert right - left == pytest.approx(50.02, abs=0.05)


def test_a_world_file_alone_asks_for_the_crs(png):
    png.with_suffix(".pgw").write_text("0.5\n0\n0\n-0.5\n500000.25\n4999999.75\n")
    with pytest.raises(RasterError, match="no coordinate reference system"):
        open_raster(png)


def test_a_frame_may_be_chosen(tmp_path):
    frame = LocalFrame(45.1, -93.02)
    with open_raster(_geotiff(tmp_path / "a.tif"), frame=frame) as raster:
        assert raster.frame == frame
        assert raster.bounds_m[0] == pytest.approx(float(frame.to_local(45.15, -93.0)[0]), abs=5)


def test_a_geotiff_without_crs_says_what_to_do(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=9, height=9, count=3, dtype="uint8",
        transform=Affine(1, 0, 500_000, 0, -1, 5e6),
    ) as out:  # fmt: skip
        out.write(np.zeros((3, 9, 9), np.uint8))
    with pytest.raises(RasterError, match=r"gdal_edit.py -a_srs"):
        open_raster(path)
    with open_raster(path, crs="EPSG:32615") as raster:
        assert raster.gsd_m == pytest.approx(1.0, rel=1e-3)


def test_a_picture_without_bounds_says_what_to_do(png):
    with pytest.raises(RasterError, match="has no georeference"):
        open_raster(png)


@pytest.mark.parametrize(
    "bounds", [(-92.99, 44.99, -93.0, 45.0), (-93.0, 45.0, -92.99, 44.99), (1, 2, 1, 3), (1, 2, 3)]
)
def test_reversed_bounds_are_refused(png, bounds):
    with pytest.raises(RasterError, match="west south east north"):
        open_raster(png, bounds=bounds)


def test_bounds_that_are_not_degrees_are_refused(png):
    with pytest.raises(RasterError, match="lies outside"):
        open_raster(png, bounds=(500_000, 4_999_000, 500_100, 4_999_080))


def test_bounds_for_a_placed_file_are_refused(tmp_path):
    with pytest.raises(RasterError, match="omit bounds"):
        open_raster(_geotiff(tmp_path / "a.tif"), bounds=BOUNDS)


def test_a_crs_for_a_placed_file_is_refused(tmp_path):
    path = _geotiff(tmp_path / "a.tif")
    with pytest.raises(RasterError, match=r"of its own \(WGS 84 / UTM zone 15N\); omit crs"):
        open_raster(path, crs="EPSG:32633")
    open_raster(path, crs="EPSG:32615").close()


def test_a_local_system_is_refused(tmp_path):
    path = _geotiff(tmp_path / "a.tif", crs='LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(RasterError, match=r"local \(engineering\).*no place on Earth"):
        open_raster(path)


def test_a_lost_datum_is_noted(tmp_path):
    path = tmp_path / "a.tif"
    bessel = "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +y_0=0 +ellps=bessel +units=m +no_defs"
    write_geotiff(path, np.zeros((9, 9, 3), np.uint8), crs=bessel, left=3.5e6, top=5.4e6, gsd_m=1.0)
    with open_raster(path) as raster:
        assert any("PROJ knows no datum for the reference system of a.tif" in note for note in raster.notes)


PLACES = {
    "degrees to 360": ("EPSG:4326", 4e-6, 269.0),
    "degrees across 180": ("EPSG:4326", 4e-6, 179.9997),
    "degrees across -180": ("EPSG:4326", 4e-6, -180.0003),
    "degrees at 540": ("EPSG:4326", 4e-6, 540.0),
    "web Mercator across": ("EPSG:3857", 0.4, 20_037_508 - 30),
    "web Mercator beyond": ("EPSG:3857", 0.4, 20_037_508 + 900),
    "web Mercator across -180": ("EPSG:3857", 0.4, -20_037_508 - 30),
}


@pytest.mark.parametrize("name", PLACES)
def test_an_image_is_whole_wherever_its_longitudes_lie(tmp_path, name):
    crs, pixel, left = PLACES[name]
    top = -17.5 if pixel < 0.1 else -1_980_000
    bands = cv2.GaussianBlur(ground(160, 160), (0, 0), 2).transpose(2, 0, 1)
    plain = 8.0 if pixel < 0.1 else 890_000
    seen = []
    for x in (left, plain):
        path = write_bands(tmp_path / f"{x}.tif", bands, crs, Affine(pixel, 0, x, 0, -pixel, top))
        with open_raster(path) as raster:
            assert abs(raster.frame.longitude_deg) <= 180
            seen.append(raster.window(-30, 30, 150, 150, 0.4))
    (rgb, valid), (wanted, known) = seen
    assert known.all()
    assert valid.all()
    assert np.abs(rgb.astype(int) - wanted).max() <= 12


def test_bounds_may_reach_across_180_degrees(png):
    with open_raster(png, bounds=(179.99, -17.51, -179.99, -17.5)) as raster:
        assert abs(raster.frame.longitude_deg) == pytest.approx(180.0)
        assert raster.bounds_m[2] - raster.bounds_m[0] == pytest.approx(2123, rel=0.01)
        assert raster.overview(100)[1].mean() > 0.95


def test_an_unknown_crs_is_refused(png):
    with pytest.raises(RasterError, match="EPSG:32615"):
        open_raster(png, bounds=BOUNDS, crs="EPSG:nonsense")


@pytest.mark.parametrize("name", ["missing.tif", "missing_folder"])
def test_a_missing_source_is_refused(tmp_path, name):
    with pytest.raises(RasterError, match="does not exist"):
        open_raster(tmp_path / name)


@pytest.mark.parametrize("keep", [0, 6, 300])
def test_a_truncated_geotiff_is_refused(tmp_path, keep):
    path = _geotiff(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RasterError, match=r"a\.tif"), open_raster(path) as raster:
        raster.view(0, 0, 10, 10)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.tif").write_text("not a picture")
    (tmp_path / "a.docx").write_text("not a picture")
    with pytest.raises(RasterError, match="cannot be read as an image"):
        open_raster(tmp_path / "a.tif")
    with pytest.raises(RasterError, match="not an image"):
        open_raster(tmp_path / "a.docx")


def test_pixels_without_size_are_refused(tmp_path):
    path = _geotiff(tmp_path / "a.tif", transform=Affine(1, 0, 500_000, 0, 0, 5e6))
    with pytest.raises(RasterError, match="no size"):
        open_raster(path)


def test_palettes_are_refused_with_the_remedy(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8", crs="EPSG:32615",
        transform=Affine(1, 0, 500_000, 0, -1, 5e6), photometric="palette",
    ) as out:  # fmt: skip
        out.write(np.zeros((1, 9, 9), np.uint8))
        out.write_colormap(1, {0: (255, 0, 0, 255)})
    with pytest.raises(RasterError, match="-expand rgb"):
        open_raster(path)


def test_all_nodata_of_16_bits_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=9, height=9, count=1, dtype="uint16", crs="EPSG:32615",
        transform=Affine(1, 0, 500_000, 0, -1, 5e6), nodata=0,
    ) as out:  # fmt: skip
        out.write(np.zeros((1, 9, 9), np.uint16))
    with pytest.raises(RasterError, match="no valid pixel"):
        open_raster(path)
