# SPDX-License-Identifier: Apache-2.0
"""Training tiles of a map, and the folder of a region as a data set."""

import numpy as np
import pytest

import toy_flight
import toy_map
from geoloc.errors import ParameterError, RasterError
from geoloc.raster.views import open_raster, write_geotiff
from geoloc_training.adaptation.region import TileOptions, cut_tiles, step_cosine
from geoloc_training.datasets.image_files import read_picture
from geoloc_training.datasets.region import (
    FrameRow,
    TileRow,
    read_region,
    tile_file,
    write_frames,
    write_tiles,
)

FRAME = toy_map.toy_map(toy_map.ToyEncoder()).frame
LEFT, BOTTOM, RIGHT, TOP = toy_map.ToyRaster.bounds_m
VIEW_M, VIEW_PX = 40.0, 32


def _ground():
    """The toy ground at half a metre a pixel, 200 m by 160 m."""
    square = toy_map.ToyRaster().view(0.0, 0.0, RIGHT - LEFT, 400)[0]
    return square[40:360]


@pytest.fixture
def ortho(tmp_path):
    """The toy ground as a GeoTIFF."""
    path = tmp_path / "ortho.tif"
    write_geotiff(path, _ground(), crs=FRAME.crs, left=LEFT, top=TOP, gsd_m=0.5)
    return path


def _cut(path, root, **options):
    options = TileOptions(**{"view_size_m": VIEW_M, "size_px": VIEW_PX} | options)
    root.mkdir(exist_ok=True)
    with open_raster(path) as raster:
        return cut_tiles(raster, options, root, progress=False)


def test_tiles_overlap_and_show_the_map(ortho, tmp_path):
    root = tmp_path / "views"
    assert _cut(ortho, root) == (9 * 7, 0)
    write_frames(root, [FrameRow("000000.jpg", "a", "a", 0, "posed")])
    tiles = read_region(root).tiles
    assert np.diff([tile.east_m for tile in tiles[:9]]) == pytest.approx([20.0] * 8)
    assert (tiles[0].east_m, tiles[0].north_m) == pytest.approx((LEFT + 20, TOP - 20), abs=0.1)
    assert (tiles[0].latitude, tiles[0].longitude) == pytest.approx(
        [float(v) for v in FRAME.to_geodetic(LEFT + 20, TOP - 20)], abs=1e-6
    )
    for number in (0, 31):
        true = toy_map.ToyRaster().view(tiles[number].east_m, tiles[number].north_m, VIEW_M, VIEW_PX)[0]
        found = read_picture(tile_file(root, number))
        assert np.abs(found.astype(float) - true).mean() < 4


def test_tiles_without_imagery_are_left_out(tmp_path):
    ground, valid = _ground(), np.ones((320, 400), bool)
    valid[:, 200:] = False
    path = tmp_path / "half.tif"
    write_geotiff(path, ground, crs=FRAME.crs, left=LEFT, top=TOP, gsd_m=0.5, valid=valid)
    assert _cut(path, tmp_path / "views") == (5 * 7, 4 * 7)
    ground[:, 200:] = 90  # a uniform colour counts as missing imagery, too
    write_geotiff(path, ground, crs=FRAME.crs, left=LEFT, top=TOP, gsd_m=0.5)
    assert _cut(path, tmp_path / "views") == (5 * 7, 4 * 7)


def test_a_map_smaller_than_a_tile_or_of_one_is_refused(ortho, tmp_path):
    with pytest.raises(RasterError, match="smaller than a tile of 170 m; choose a smaller --view-size"):
        _cut(ortho, tmp_path / "views", view_size_m=170.0)
    path, valid = tmp_path / "corner.tif", np.zeros((320, 400), bool)
    valid[:78, :78] = True
    write_geotiff(path, _ground(), crs=FRAME.crs, left=LEFT, top=TOP, gsd_m=0.5, valid=valid)
    with pytest.raises(RasterError, match="holds 1 tiles of 40 m with imagery, fewer than 2"):
        _cut(path, tmp_path / "views")


def test_views_are_less_alike_the_further_apart_they_lie(ortho):
    describe = toy_flight.PixelEncoder().describe
    with open_raster(ortho) as raster:
        options = TileOptions(VIEW_M, VIEW_PX)
        found = [step_cosine(raster, options, describe, share) for share in (0.0, 0.1, 0.25, 0.5)]
    assert found[0] == pytest.approx(1.0, abs=1e-3)
    assert found == sorted(found, reverse=True)


def _frames(*of):
    return [FrameRow(f"{i:06d}.jpg", source, str(i), stamp, "posed") for i, (source, stamp) in enumerate(of)]


def _written(root, frames, tiles=None):
    root.mkdir(exist_ok=True)
    write_frames(root, frames)
    write_tiles(root, tiles if tiles is not None else [TileRow("000000.jpg", 47.0, 8.0, 1.0, 2.0, 40.0)])
    return root


def test_a_region_comes_back_without_a_match_or_an_id(tmp_path):
    frames = _frames(("a", 0), ("a", 5))
    region = read_region(_written(tmp_path / "r", frames))
    assert region.frames == tuple(frames)
    assert region.positions_m().tolist() == [[1.0, 2.0]]
    split = region.split()
    assert {item.id for item in (*split.queries, *split.references)} == {""}
    assert split.matches == split.weights == ((), ())
    assert split.queries[1].path == tmp_path / "r" / "frames" / "000001.jpg"
    assert split.queries[0].location is None
    assert (split.references[0].location.latitude_deg, split.references[0].location.longitude_deg) == (
        47.0,
        8.0,
    )


def test_frames_in_a_row_are_of_one_source_and_not_far_apart_in_time(tmp_path):
    stamps = [("a", 0), ("a", 10), ("a", 20), ("a", 100), ("a", 110), ("b", 120), ("b", 1120)]
    region = read_region(_written(tmp_path / "r", _frames(*stamps)))
    assert region.successive().tolist() == [[0, 1], [1, 2], [3, 4], [5, 6]]


def test_a_single_frame_follows_nothing(tmp_path):
    assert read_region(_written(tmp_path / "r", _frames(("a", 0)))).successive().shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("frames.csv", None, "is not a table of frames"),
        ("tiles.csv", "file,latitude\n1,2\n", "is not a table of tiles"),
        ("tiles.csv", "file,latitude,longitude,east_m,north_m,size_m\na,b,1,1,1,1\n", "not a table of tiles"),
        ("frames.csv", "file,source,name,stamp_ns,kind,lat\na,a,a,1,posed,47\n", "is not a table of frames"),
        ("frames.csv", "file,source,name,stamp_ns,kind\n", "has no rows; run"),
    ],
)
def test_a_folder_that_is_no_region_is_refused(tmp_path, name, text, sentence):
    root = _written(tmp_path / "r", _frames(("a", 0)))
    (root / name).unlink()
    if text is not None:
        (root / name).write_text(text)
    with pytest.raises(ParameterError, match=sentence):
        read_region(root)
