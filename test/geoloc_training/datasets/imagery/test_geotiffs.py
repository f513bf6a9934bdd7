# SPDX-License-Identifier: Apache-2.0
"""GeoTIFFs as grounds: dates of one place found by their footprints, in any reference system."""

import cv2
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import rasterio.warp
from affine import Affine

from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.views import write_geotiff
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.imagery.geotiffs import load_geotiffs
from geoloc_training.datasets.imagery.ground import Look, render
from geoloc_training.datasets.imagery.images import load_images
from tiny_ground import picture

UTM, LEFT, TOP = "EPSG:32631", 520_000.0, 5_400_000.0
SIDE, GSD_M = 96, 0.5


def _tiff(folder, name, seed=1, east_m=0.0, **kwargs):
    write_geotiff(
        folder / name, picture(seed, SIDE), crs=UTM, left=LEFT + east_m, top=TOP, gsd_m=GSD_M, **kwargs
    )
    return folder / name


def _in_degrees(folder, name, seed=1):
    """The same ground as `_tiff`'s, in degrees: pixels square in metres are wide in degrees."""
    with rasterio.open(_tiff(folder, "tmp.tif", seed)) as source:
        west, south, east, north = rasterio.warp.transform_bounds(UTM, "EPSG:4326", *source.bounds)
        pixels = np.zeros((3, SIDE, SIDE), np.uint8)
        transform = Affine((east - west) / SIDE, 0, west, 0, (south - north) / SIDE, north)
        rasterio.warp.reproject(
            source.read(), pixels, src_transform=source.transform, src_crs=UTM,
            dst_transform=transform, dst_crs="EPSG:4326",
        )  # fmt: skip
    (folder / "tmp.tif").unlink()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": SIDE, "height": SIDE, "nodata": 0}
    with rasterio.open(folder / name, "w", crs="EPSG:4326", transform=transform, **profile) as out:
        out.write(pixels)


def test_files_of_the_same_ground_are_dates_of_a_place(tmp_path):
    _tiff(tmp_path, "town_2016.tif", 1)
    _tiff(tmp_path, "town_2020-05.tif", 2, east_m=1.0)
    _tiff(tmp_path, "village.tif", 3, east_m=30.0)
    town, village = load_geotiffs(tmp_path, "here")
    assert (town.name, town.group, sorted(town.dates)) == ("here/town_2016", "here", ["2016", "2020-05"])
    assert (village.name, list(village.dates)) == ("here/village", ["village"])
    assert town.gsd_m == pytest.approx(GSD_M, rel=1e-3)
    assert len({levels[0].shape for levels in town.dates.values()}) == 1
    assert town.location.latitude_deg == pytest.approx(48.75, abs=0.01)


def test_dates_register_on_one_grid(tmp_path):
    """The second date is cut 2 m further east; the same view shows the same ground in both."""
    shown = picture(4, SIDE + 4)
    for name, first, east_m in (("a_2016.tif", 0, 0.0), ("a_2018.tif", 4, 2.0)):
        cut = np.ascontiguousarray(shown[:SIDE, first : first + SIDE])
        write_geotiff(tmp_path / name, cut, crs=UTM, left=LEFT + east_m, top=TOP, gsd_m=GSD_M)
    (ground,) = load_geotiffs(tmp_path, "here")
    look = Look(25.0, 24.0, 30.0)
    first, second = (render(ground, date, look, 60)[0].astype(int) for date in ("2016", "2018"))
    assert np.abs(first - second).mean() < 3
    assert not ground.valid[0][:, :3].any()  # what one date alone shows
    assert (ground.valid[0][4:-4, 8:-4] == 255).all()


def test_degrees_become_metres(tmp_path):
    _in_degrees(tmp_path, "a_2016.tif", 1)
    _tiff(tmp_path, "a_2018.tif", 1)
    (ground,) = load_geotiffs(tmp_path, "here")
    width, height = ground.extent_m
    assert width == pytest.approx(SIDE * GSD_M, rel=0.06)
    assert height == pytest.approx(SIDE * GSD_M, rel=0.06)
    first, second = (levels[0][10:-10, 10:-10].astype(int) for levels in ground.dates.values())
    assert np.abs(first - second).mean() < 4


def test_nodata_of_any_date_is_invalid(tmp_path):
    valid = np.ones((SIDE, SIDE), bool)
    valid[:, :40] = False
    _tiff(tmp_path, "a_2016.tif", 1, valid=valid)
    _tiff(tmp_path, "a_2018.tif", 2)
    (ground,) = load_geotiffs(tmp_path, "here")
    assert not ground.valid[0][:, :38].any()
    assert (ground.valid[0][4:-4, 44:-4] == 255).all()


def test_a_source_of_geotiffs_is_a_folder_or_a_file(tmp_path):
    (tmp_path / "towns" / "images").mkdir(parents=True)
    _tiff(tmp_path / "towns" / "images", "a_2016.tif")
    for images in ("towns", "towns/images/a_2016.tif"):
        source = SourceConfig("map", 1.0, (10.0, 20.0), images=images)
        (ground,) = load_images(tmp_path, source, lambda _: True)
        assert ground.group == ("towns" if images == "towns" else "a_2016")
    assert load_images(tmp_path, source, lambda city: city == "elsewhere") == []


@pytest.mark.parametrize(("driver", "name"), [("JP2OpenJPEG", "b.jp2"), ("PNG", "b.png"), ("JPEG", "b.jpg")])
def test_georeferenced_images_of_other_formats_are_accepted(tmp_path, driver, name):
    _tiff(tmp_path, "a.tif")
    cv2.imwrite(str(tmp_path / "plain.png"), picture(2, SIDE))
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    with rasterio.open(tmp_path / "a.tif") as source:
        rasterio.shutil.copy(source, tmp_path / name, driver=driver, **options)
    (ground,) = load_geotiffs(tmp_path, "here")  # the plain one is left alone
    assert list(ground.dates) == ["a", "b"]
    first, second = (levels[0].astype(int) for levels in ground.dates.values())
    assert np.abs(first - second).mean() < (12 if driver == "JPEG" else 1)


def test_a_world_file_without_a_reference_system_is_a_sentence(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), picture(1, SIDE))
    (tmp_path / "a.jgw").write_text(f"{GSD_M}\n0\n0\n-{GSD_M}\n{LEFT}\n{TOP}\n")
    with pytest.raises(RasterError, match=r"a\.jpg has no coordinate reference system; .*gdal_edit\.py"):
        load_geotiffs(tmp_path, "here")


def test_a_folder_of_web_map_tiles_is_one_image(tmp_path):
    for x in (66000, 66001):
        (tmp_path / "17" / str(x)).mkdir(parents=True)
        for y in (45000, 45001):
            cv2.imwrite(str(tmp_path / "17" / str(x) / f"{y}.png"), picture(x + y, 256))
    (ground,) = load_geotiffs(tmp_path, "here")
    width, height = ground.extent_m
    # Two tiles of 2**17 around the equator, shortened by the cosine of the latitude.
    side_m = 2 * 40_075_017 / 2**17 * np.cos(np.radians(ground.location.latitude_deg))
    assert (width, height) == pytest.approx((side_m, side_m), rel=0.01)


def test_two_files_of_one_date_are_a_sentence(tmp_path):
    _tiff(tmp_path, "a_2016.tif")
    _tiff(tmp_path, "b_2016.tif")
    with pytest.raises(RasterError, match=r"b_2016\.tif cover the same ground on the same date, 2016"):
        load_geotiffs(tmp_path, "here")


def test_a_tiff_without_georeference_is_a_sentence(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), picture(1, 64))
    with pytest.raises(RasterError, match=r"a\.tif has no georeference"):
        load_geotiffs(tmp_path, "here")


def test_a_damaged_tiff_is_a_sentence(tmp_path):
    data = _tiff(tmp_path, "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(RasterError, match=r"a\.tif cannot be read"):
        load_geotiffs(tmp_path, "here")


def test_a_place_lies_where_its_file_says(tmp_path):
    _tiff(tmp_path, "a.tif")
    (ground,) = load_geotiffs(tmp_path, "here")
    frame = LocalFrame(ground.location.latitude_deg, ground.location.longitude_deg)
    corner = rasterio.warp.transform(UTM, "EPSG:4326", [LEFT], [TOP])
    east, north = frame.to_local(corner[1][0], corner[0][0])
    assert float(east) == pytest.approx(-SIDE * GSD_M / 2, abs=0.3)
    assert float(north) == pytest.approx(SIDE * GSD_M / 2, abs=0.3)
