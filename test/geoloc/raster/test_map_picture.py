# SPDX-License-Identifier: Apache-2.0
"""The map's raster returns the same views as its source, faster."""

import math

import cv2
import numpy as np
import pytest
import rasterio

from fakes import ground, write_bands
from geoloc.errors import MapError, RasterError
from geoloc.geodesy import LocalFrame
from geoloc.raster.picture import open_picture, write_picture
from geoloc.raster.views import open_raster


def _smooth(height, width):
    return cv2.GaussianBlur(ground(height, width), (0, 0), 3)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return a source of 450 m × 350 m with a corner of nodata, and its lossless copy."""
    folder = tmp_path_factory.mktemp("picture")
    bands = _smooth(700, 900).transpose(2, 0, 1)
    valid = np.ones((700, 900), bool)
    valid[:200, :300] = False
    source = write_bands(folder / "source.tif", bands, mask=valid)
    with open_raster(source) as raster:
        write_picture(raster, folder / "picture.tif", raster.gsd_m, lossless=True)
        frame = raster.frame
    return source, folder / "picture.tif", frame


@pytest.mark.parametrize("heading_rad", [0.0, 0.6])
@pytest.mark.parametrize("size_m", [30.0, 120.0, 250.0])
def test_views_agree_with_those_of_the_source(pair, size_m, heading_rad):
    source, picture, frame = pair
    with open_raster(source) as raster, open_picture(picture, frame) as copy:
        expected, known = raster.view(31.7, -12.3, size_m, 96, heading_rad)
        seen, also_known = copy.view(31.7, -12.3, size_m, 96, heading_rad)
    assert (known == also_known).mean() > 0.995
    both = cv2.erode((known & also_known).astype(np.uint8), np.ones((3, 3))) > 0
    difference = np.abs(seen.astype(float) - expected)[both]
    print(f"{size_m} m heading {heading_rad}: mean {difference.mean():.2f}, max {difference.max():.0f}")
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) < 5


@pytest.mark.parametrize("heading_rad", [0.0, 0.6])
@pytest.mark.parametrize("size_m", [30.0, 120.0, 250.0])
def test_views_lie_in_the_same_place_to_a_tenth_of_a_pixel(pair, size_m, heading_rad):
    source, picture, frame = pair
    with open_raster(source) as raster, open_picture(picture, frame) as copy:
        views = [r.view(31.7, -52.3, size_m, 128, heading_rad) for r in (raster, copy)]
    expected, seen = (cv2.GaussianBlur(view.mean(axis=2), (0, 0), 1.5)[8:-8, 8:-8] for view, _ in views)
    # The shift between the two, by least squares over the gradients.
    slopes = np.gradient(expected)
    shift_px = np.linalg.lstsq(np.stack(slopes, -1).reshape(-1, 2), (expected - seen).ravel(), rcond=None)[0]
    print(f"{size_m} m heading {heading_rad}: shift {np.hypot(*shift_px):.4f} px")
    assert math.hypot(*shift_px) < 0.1


def test_nodata_stays_nodata(pair):
    _, picture, frame = pair
    with open_picture(picture, frame) as copy:
        rgb, valid = copy.view(-190, 140, 40, 32)
        edge, edge_valid = copy.view(-76, 75 + 40, 30, 32)
        far, far_valid = copy.view(9000, 0, 30, 32)
    assert not valid.any()
    assert not rgb.any()
    assert 0.3 < edge_valid.mean() < 0.7
    assert edge[edge_valid].min() > 20, "nodata darkens what is beside it"
    assert not far_valid.any()
    assert not far.any()


def test_coarse_views_do_not_alias(tmp_path):
    checks = np.repeat((np.indices((600, 600)).sum(axis=0) % 2 * 255).astype(np.uint8)[None], 3, axis=0)
    with open_raster(write_bands(tmp_path / "a.tif", checks)) as raster:
        write_picture(raster, tmp_path / "picture.tif", raster.gsd_m, lossless=True)
        frame = raster.frame
    with open_picture(tmp_path / "picture.tif", frame) as copy:
        for heading_rad in (0.0, 0.8):
            assert copy.view(0, 0, 190, 80, heading_rad)[0].std() < 8


def test_the_raster_is_cloud_optimized_and_in_the_frame(pair):
    _, picture, frame = pair
    with rasterio.open(picture) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1)
        assert dataset.transform.b == dataset.transform.d == 0
    assert not list(picture.parent.glob("*.part"))
    with pytest.raises(RasterError, match="not the raster of this map"):
        open_picture(picture, LocalFrame(frame.latitude_deg + 0.001, frame.longitude_deg))


def test_jpeg_is_smaller_and_nearly_the_same(pair, tmp_path):
    source, lossless, frame = pair
    with open_raster(source) as raster:
        write_picture(raster, tmp_path / "picture.tif", raster.gsd_m)
    assert (tmp_path / "picture.tif").stat().st_size < lossless.stat().st_size / 2
    with open_picture(lossless, frame) as before, open_picture(tmp_path / "picture.tif", frame) as after:
        views = [p.view(0, 0, 100, 100)[0].astype(float) for p in (before, after)]
    assert np.abs(views[0] - views[1]).mean() < 2


def test_the_raster_may_be_coarser_than_its_source(pair, tmp_path):
    source, _, frame = pair
    with open_raster(source) as raster:
        write_picture(raster, tmp_path / "picture.tif", 2.0)
        bounds_m = raster.bounds_m
    with open_picture(tmp_path / "picture.tif", frame) as copy:
        assert copy.gsd_m == pytest.approx(2.0)
        assert copy.bounds_m[0] == pytest.approx(bounds_m[0])
        assert copy.bounds_m[2] >= bounds_m[2]


def test_a_full_disk_leaves_no_file(pair, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rasterio.shutil, "copy", full)
    with open_raster(pair[0]) as raster, pytest.raises(MapError, match="free some disk space"):
        write_picture(raster, tmp_path / "picture.tif", raster.gsd_m)
    assert not list(tmp_path.iterdir())
