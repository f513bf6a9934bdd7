# SPDX-License-Identifier: Apache-2.0
"""Rows of a tile tree are counted from the side that its tiles, its files or its path show."""

import json
import math

import cv2
import numpy as np
import pytest

from fakes import ground
from geoloc.errors import RasterError
from geoloc.raster.tile_rows import RowOrder, tree_of
from geoloc.raster.views import open_raster

ZOOM, X, Y = 17, 68_000, 43_910  # near 50.98° north, 6.8° east
ROWS = 2**ZOOM
LATITUDE = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (Y + 1.5) / ROWS))))
BOX = "minx='6.7' miny='50.9' maxx='6.8' maxy='51.0'"


def _picture():
    return cv2.GaussianBlur(ground(3 * 64, 2 * 64), (0, 0), 4)


def _write(folder, south, picture=None, zoom=ZOOM, x=X, y=Y, side=64):
    """Write 2 × 3 tiles of 64 px, their rows counted from the south or from the north."""
    picture = _picture() if picture is None else picture
    for row in range(3):
        for column in range(2):
            name = ROWS - 1 - (y + row) if south else y + row
            path = folder / str(zoom) / str(x + column) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            tile = picture[row * side : (row + 1) * side, column * side : (column + 1) * side]
            assert cv2.imwrite(str(path), tile[..., ::-1])
    return folder


def _read(source):
    """Return latitude of a tree, whether its picture is the one that was written, and the notes."""
    with open_raster(source) as raster:
        shown, valid, _ = raster.overview(96)
        wanted = cv2.resize(_picture(), shown.shape[1::-1], interpolation=cv2.INTER_AREA).astype(float)
        right = np.abs(shown - wanted)[valid].mean() < 12 and valid.mean() > 0.95
        return raster.frame.latitude_deg, right, " ".join(raster.notes)


def _resource(
    folder, srs="EPSG:3857", profile="mercator", origin="x='-20037508.34' y='-20037508.34'", more=""
):
    (folder / "tilemapresource.xml").write_text(
        f"<TileMap><SRS>{srs}</SRS><BoundingBox {BOX}/><Origin {origin}/>"
        f"<TileSets profile='{profile}'>{more}</TileSets></TileMap>"
    )


@pytest.mark.parametrize("south", [False, True])
@pytest.mark.parametrize("level", ["", str(ZOOM)])
def test_the_edges_of_tiles_tell_the_order(tmp_path, south, level):
    latitude, right, notes = _read(_write(tmp_path, south) / level)
    assert latitude == pytest.approx(LATITUDE, abs=1e-4)
    assert right
    assert ("TMS" in notes) == south


@pytest.mark.parametrize("south", [False, True])
def test_a_tile_map_resource_does_not_outweigh_the_edges(tmp_path, south):
    _resource(_write(tmp_path, south))
    latitude, right, notes = _read(tmp_path)
    assert latitude == pytest.approx(LATITUDE, abs=1e-4)
    assert right
    assert ("tilemapresource.xml says" in notes) == south


def test_rough_ground_between_two_lakes_is_not_turned(tmp_path):
    picture = np.full((3 * 64, 2 * 64, 3), 60, np.uint8)
    picture[20:-20] = np.random.default_rng(0).integers(0, 255, picture[20:-20].shape)
    _write(tmp_path, south=False, picture=picture)
    with open_raster(tmp_path) as raster:
        assert raster.frame.latitude_deg == pytest.approx(LATITUDE, abs=1e-4)


def _blank(folder, south):
    return _write(folder, south, np.full((3 * 64, 2 * 64, 3), 90, np.uint8))


SIGNS = {
    "tilemapresource.xml": lambda folder: _resource(folder),
    "metadata.json": lambda folder: (folder / "metadata.json").write_text(
        json.dumps({"scheme": "xyz", "bounds": "6.7,50.9,6.8,51.0"})
    ),
    "tiles.json": lambda folder: (folder / "tiles.json").write_text('{"scheme": "tms"}'),
    "openlayers.html": lambda folder: (folder / "openlayers.html").write_text("url: './{z}/{x}/{-y}.png'"),
    "leaflet.html": lambda folder: (folder / "leaflet.html").write_text("L.tileLayer(u, {tms: true})"),
    "wms.xml": lambda folder: (folder / "wms.xml").write_text("<G><YOrigin>bottom</YOrigin></G>"),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_files_beside_tiles_without_features_tell_the_order(tmp_path, sign):
    SIGNS[sign](_blank(tmp_path, True))
    with open_raster(tmp_path) as raster:
        assert raster.frame.latitude_deg == pytest.approx(LATITUDE, abs=1e-4)
        assert f"TMS), as {sign} says" in raster.notes[0]


def test_an_ambiguous_tree_is_read_as_xyz_and_says_how_to_read_it_as_tms(tmp_path):
    _blank(tmp_path, True)
    with open_raster(tmp_path) as raster:
        assert raster.frame.latitude_deg == pytest.approx(-LATITUDE, abs=1e-4)
        (note,) = raster.notes
    assert f"if the place is at {LATITUDE:.2f}" in note
    assert f"'{tmp_path}/{ZOOM}/{{x}}/{{-y}}.png'" in note
    with open_raster(tmp_path / str(ZOOM) / "{x}/{-y}.png") as raster:
        assert raster.frame.latitude_deg == pytest.approx(LATITUDE, abs=1e-4)
        assert raster.notes == ()


def test_placeholders_that_contradict_the_edges_are_refused(tmp_path):
    _write(tmp_path, south=True)
    with pytest.raises(RasterError, match=r"read as TMS, not as XYZ; give \{x\}/\{-y\}"):
        open_raster(tmp_path / "{z}/{x}/{y}.png")


def test_placeholders_name_the_folder_and_the_order(tmp_path):
    assert tree_of(tmp_path / "{z}/{x}/{-y}.png") == (tmp_path, RowOrder.SOUTH)
    assert tree_of(tmp_path / "17/{x}/{y}") == (tmp_path / "17", RowOrder.NORTH)
    assert tree_of(tmp_path) == (tmp_path, None)
    with pytest.raises(RasterError, match=r"tiles/\{z\}/\{x\}/\{-y\}.png"):
        tree_of(tmp_path / "{z}/{y}/{x}.png")


def test_geodetic_tiles_lie_by_latitude_and_longitude(tmp_path):
    zoom, unit = 16, 0.703125 / 2**16
    x, y = int((6.8 + 180) / (64 * unit)), int((50.93 + 90) / (64 * unit))
    picture = _picture()
    for row in range(3):
        for column in range(2):
            path = tmp_path / str(zoom) / str(x + column) / f"{y + 2 - row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture[row * 64 :, column * 64 :][:64, :64, ::-1])
    more = f"<TileSet href='{zoom}' units-per-pixel='{unit}' order='{zoom}'/>"
    _resource(tmp_path, "EPSG:4326", "geodetic", "x='-180' y='-90'", more)
    with open_raster(tmp_path) as raster:
        wanted = (y + 1.5) * 64 * unit - 90, (x + 1) * 64 * unit - 180
        assert (raster.frame.latitude_deg, raster.frame.longitude_deg) == pytest.approx(wanted, abs=1e-6)
        assert raster.overview(64)[1].mean() > 0.95


@pytest.mark.parametrize("text", ["<TileMap>", "<html/>", "<TileMap><Origin x='a' y='b'/></TileMap>"])
def test_a_damaged_tile_map_resource_is_named(tmp_path, text):
    _write(tmp_path, south=True)
    (tmp_path / "tilemapresource.xml").write_text(text)
    with pytest.raises(RasterError, match=r"tilemapresource.xml cannot be read"):
        open_raster(tmp_path)
