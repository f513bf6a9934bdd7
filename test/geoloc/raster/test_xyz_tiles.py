# SPDX-License-Identifier: Apache-2.0
"""Folders of web map tiles become one image in the right place."""

import math

import cv2
import numpy as np
import pytest

from geoloc.errors import RasterError
from geoloc.raster.views import open_raster

ZOOM, X, Y = 17, 31_686, 47_124


def _save(folder, x, y, picture, zoom=ZOOM, suffix=".png"):
    path = folder / str(zoom) / str(x) / f"{y}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def _colour(blue, green, red, side=256):
    return np.full((side, side, 3), (blue, green, red), np.uint8)


def _centre_deg(x, y, zoom=ZOOM):
    count = 2**zoom
    latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + 0.5) / count))))
    return latitude, (x + 0.5) / count * 360 - 180


def _seen(raster, x, y):
    east, north = raster.frame.to_local(*_centre_deg(x, y))
    rgb, valid = raster.view(float(east), float(north), 40, 16)
    return tuple(int(v) for v in rgb[8, 8]), bool(valid[8, 8])


@pytest.fixture
def tiles(tmp_path):
    _save(tmp_path, X, Y, _colour(0, 0, 200))
    _save(tmp_path, X + 1, Y, _colour(0, 200, 0), suffix=".jpg")
    _save(tmp_path, X, Y + 1, np.full((256, 256), 90, np.uint8))
    return tmp_path


def test_tiles_lie_where_their_numbers_say(tiles):
    with open_raster(tiles) as raster:
        colour, valid = _seen(raster, X, Y)
        assert colour == (200, 0, 0)
        assert valid
        jpeg, _ = _seen(raster, X + 1, Y)
        assert jpeg == pytest.approx((0, 200, 0), abs=3)
        assert _seen(raster, X, Y + 1)[0] == (90, 90, 90)
        assert not _seen(raster, X + 1, Y + 1)[1]
        latitude = math.radians(_centre_deg(X, Y + 0.5)[0])
        assert raster.gsd_m == pytest.approx(40_075_016.686 / 2**ZOOM / 256 * math.cos(latitude), rel=5e-3)


def test_one_zoom_level_may_be_named(tiles):
    with open_raster(tiles / str(ZOOM)) as raster:
        assert _seen(raster, X, Y) == ((200, 0, 0), True)


def test_transparent_tiles_are_nodata(tmp_path):
    picture = np.dstack([_colour(0, 0, 200), np.full((256, 256), 255, np.uint8)])
    _save(tmp_path, X, Y, picture)
    picture[..., 3] = 0
    _save(tmp_path, X + 1, Y, picture)
    with open_raster(tmp_path) as raster:
        assert _seen(raster, X, Y) == ((200, 0, 0), True)
        assert not _seen(raster, X + 1, Y)[1]


def test_palette_tiles_keep_their_colours(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / str(ZOOM) / str(X) / f"{Y}.png"
    path.parent.mkdir(parents=True)
    with rasterio.open(path, "w", driver="PNG", width=256, height=256, count=1, dtype="uint8") as out:
        out.write(np.full((1, 256, 256), 3, np.uint8))
        out.write_colormap(1, {3: (10, 20, 230, 255)})
    with open_raster(tmp_path) as raster:
        assert _seen(raster, X, Y) == ((10, 20, 230), True)


def test_names_that_are_no_numbers_are_left_out(tiles):
    (tiles / str(ZOOM) / str(X) / "readme.txt").write_text("hello")
    (tiles / "thumbnails").mkdir()
    with open_raster(tiles) as raster:
        assert _seen(raster, X, Y)[1]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(RasterError, match="without XYZ tiles"):
        open_raster(tmp_path)
    (tmp_path / str(ZOOM) / str(X)).mkdir(parents=True)
    with pytest.raises(RasterError, match="without XYZ tiles"):
        open_raster(tmp_path)


def test_several_zoom_levels_are_refused_with_the_remedy(tiles):
    _save(tiles, X // 2, Y // 2, _colour(0, 0, 0), zoom=ZOOM - 1)
    with pytest.raises(RasterError, match=rf"zoom levels {ZOOM - 1}, {ZOOM}; give the folder of one"):
        open_raster(tiles)


def test_mixed_tile_sizes_are_refused(tiles):
    _save(tiles, X + 2, Y, _colour(0, 0, 0, side=512))
    with pytest.raises(RasterError, match="one tile size"):
        open_raster(tiles)


def test_a_damaged_tile_is_named(tiles):
    path = tiles / str(ZOOM) / str(X) / f"{Y + 3}.png"
    path.write_bytes(b"oops")
    with pytest.raises(RasterError, match=f"{Y + 3}.png"):
        open_raster(tiles)


def test_the_same_tile_twice_is_refused(tiles):
    _save(tiles, X, Y, _colour(0, 0, 0), suffix=".jpg")
    with pytest.raises(RasterError, match="same tile"):
        open_raster(tiles)


def test_numbers_beyond_the_zoom_are_refused(tmp_path):
    _save(tmp_path, 9, 1, _colour(0, 0, 0), zoom=3)
    with pytest.raises(RasterError, match="zoom 3 does not have"):
        open_raster(tmp_path)


def test_tiles_across_180_degrees_are_one_area(tmp_path):
    last = 2**ZOOM - 1
    _save(tmp_path, last, Y, _colour(0, 0, 200))
    _save(tmp_path, 0, Y, _colour(0, 200, 0))
    with open_raster(tmp_path) as raster:
        width_m, height_m = raster.bounds_m[2] - raster.bounds_m[0], raster.bounds_m[3] - raster.bounds_m[1]
        assert width_m == pytest.approx(2 * height_m, rel=0.01)
        assert _seen(raster, last, Y) == ((200, 0, 0), True)
        assert _seen(raster, 0, Y) == ((0, 200, 0), True)


def test_areas_with_a_gap_have_pieces_of_imagery(tmp_path):
    _save(tmp_path, X, Y, _colour(0, 0, 200))
    _save(tmp_path, X + 40, Y + 30, _colour(0, 200, 0))
    with open_raster(tmp_path) as raster:
        left, bottom, right, top = raster.pieces_m().T
        assert right - left == pytest.approx(216.6, rel=0.01)
        assert top - bottom == pytest.approx(216.6, rel=0.01)
        assert right[0] < left[1]
        assert _seen(raster, X + 40, Y + 30) == ((0, 200, 0), True)


def test_areas_too_far_apart_are_refused_with_the_remedy(tmp_path):
    _save(tmp_path, X, Y, _colour(0, 0, 200))
    _save(tmp_path, X + 20_000, Y + 9000, _colour(0, 200, 0))
    with pytest.raises(RasterError, match=r"too far apart for one map.*a folder of its own"):
        open_raster(tmp_path)


def test_bounds_for_tiles_are_refused(tiles):
    with pytest.raises(RasterError, match="omit bounds"):
        open_raster(tiles, bounds=(0, 0, 1, 1))
