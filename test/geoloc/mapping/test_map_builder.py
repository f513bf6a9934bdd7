# SPDX-License-Identifier: Apache-2.0
"""Maps are built, finished after an interruption, and never confused with one another."""

import json

import cv2
import numpy as np
import pytest
import yaml
from affine import Affine

from fakes import FakeEncoder, ground, write_bands
from geoloc.camera.views import fill_invalid
from geoloc.errors import MapError, ModelError, ParameterError, RasterError
from geoloc.geodesy import distance_m
from geoloc.mapping import builder as map_builder
from geoloc.mapping import tile_store as map_tiles
from geoloc.mapping.builder import BuildOptions, Imagery, build_map
from geoloc.mapping.directory import open_map, verify_map
from geoloc.mapping.recipe import build_lock
from geoloc.search.index import open_index

OPTIONS = BuildOptions(view_size_m=40, batch_size=8, imagery=Imagery("a town", "2026-01", "CC0-1.0"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """180 m × 150 m of ground."""
    return write_bands(tmp_path_factory.mktemp("source") / "ortho.tif", ground(300, 360).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    return build_map(source, FakeEncoder(), tmp_path_factory.mktemp("maps") / "map", OPTIONS)


class Interrupted(Exception):
    """Stands for a power failure."""


class FailingEncoder(FakeEncoder):
    """Describes a number of views, then fails."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def describe(self, views):
        if self.calls + len(views) > self.after:
            raise Interrupted
        return super().describe(views)


def test_the_directory_is_complete(built):
    names = {path.name for path in built.path.iterdir()}
    assert names == {"map.yaml", "tiles.npy", "descriptors.npy", "raster.tif", "params.yaml"}
    verify_map(built.path)
    params = yaml.safe_load((built.path / "params.yaml").read_text())
    assert params == {"/**": {"ros__parameters": {"view_size_m": 40.0}}}
    manifest = yaml.safe_load((built.path / "map.yaml").read_text())
    assert manifest["imagery"] == {"source": "a town", "date": "2026-01", "licence": "CC0-1.0"}
    assert manifest["model_id"] == "fake"
    assert manifest["tile_count"] == len(built.tiles) == len(built.descriptors)


def test_a_view_finds_its_own_tile(built):
    encoder = FakeEncoder()
    with built.raster() as raster:
        for row in (0, 17, len(built.tiles) - 1):
            tile = built.tiles[row]
            view = raster.view(float(tile["east_m"]), float(tile["north_m"]), 40, encoder.card.input_px)
            scores, ids = built.index().search(encoder.describe(fill_invalid(*view)[None]), 3)
            assert ids[0, 0] == row
            assert scores[0, 0] > 0.9999


def test_tiles_know_where_they_are(source, built):
    west, south, east, north = built.manifest.bounds_deg
    assert np.all((built.tiles["longitude"] > west) & (built.tiles["longitude"] < east))
    assert np.all((built.tiles["latitude"] > south) & (built.tiles["latitude"] < north))
    lat, lon = built.frame.to_geodetic(built.tiles["east_m"], built.tiles["north_m"])
    assert distance_m(lat, lon, built.tiles["latitude"], built.tiles["longitude"]).max() < 1e-3
    assert np.all(built.tiles["valid_fraction"] > 0.9)


def test_a_complete_map_is_not_built_again(source, built):
    encoder, notes = FakeEncoder(), []
    again = build_map(source, encoder, built.path, OPTIONS, notify=notes.append)
    assert encoder.calls == 0
    assert "already holds this map" in notes[0]
    assert len(again.tiles) == len(built.tiles)


@pytest.mark.parametrize("after", [0, 8, 29])
def test_an_interrupted_build_resumes_with_the_same_result(source, built, tmp_path, after):
    out = tmp_path / "map"
    with pytest.raises(Interrupted):
        build_map(source, FailingEncoder(after), out, OPTIONS)
    with pytest.raises(MapError, match="half built"):
        open_map(out)
    encoder = FakeEncoder()
    finished = build_map(source, encoder, out, OPTIONS)
    assert encoder.calls == len(built.tiles) - after // 8 * 8
    np.testing.assert_array_equal(finished.descriptors, built.descriptors)
    np.testing.assert_array_equal(finished.tiles, built.tiles)
    assert not list(out.glob("*.part"))
    assert not (out / "build.json").exists()


def test_a_batch_cut_off_in_the_middle_is_done_again(source, built, tmp_path):
    out = tmp_path / "map"
    with pytest.raises(Interrupted):
        build_map(source, FailingEncoder(16), out, OPTIONS)
    with (out / "descriptors.part").open("ab") as file:
        file.write(b"x" * 777)
    with (out / "valid.part").open("ab") as file:
        file.write(b"xy")
    finished = build_map(source, FakeEncoder(), out, OPTIONS)
    np.testing.assert_array_equal(finished.descriptors, built.descriptors)


def test_descriptors_lost_in_a_power_failure_are_computed_again(source, built, tmp_path):
    out = tmp_path / "map"
    with pytest.raises(Interrupted):
        build_map(source, FailingEncoder(16), out, OPTIONS)
    (out / "descriptors.part").write_bytes(b"")
    encoder = FakeEncoder()
    finished = build_map(source, encoder, out, OPTIONS)
    assert encoder.calls == len(built.tiles)
    np.testing.assert_array_equal(finished.descriptors, built.descriptors)


def test_a_full_disk_keeps_what_was_done(source, built, tmp_path, monkeypatch):
    out, append = tmp_path / "map", map_tiles.TileStore.append
    batches = []

    def full_after_three(store, shares, descriptors):
        batches.append(len(shares))
        if len(batches) > 3:
            raise OSError(28, "No space left on device")
        append(store, shares, descriptors)

    monkeypatch.setattr(map_tiles.TileStore, "append", full_after_three)
    with pytest.raises(MapError, match=rf"No space left.*first 24 of {len(built.tiles)} tiles are kept"):
        build_map(source, FakeEncoder(), out, OPTIONS)
    monkeypatch.undo()
    encoder = FakeEncoder()
    build_map(source, encoder, out, OPTIONS)
    assert encoder.calls == len(built.tiles) - 24


def test_a_failure_while_the_manifest_is_written_leaves_a_half_built_map(source, tmp_path, monkeypatch):
    def broken(*_):
        raise Interrupted

    monkeypatch.setattr(map_builder, "write_manifest", broken)
    with pytest.raises(Interrupted):
        build_map(source, FakeEncoder(), tmp_path / "map", OPTIONS)
    monkeypatch.undo()
    with pytest.raises(MapError, match="half built"):
        open_map(tmp_path / "map")
    encoder = FakeEncoder()
    build_map(source, encoder, tmp_path / "map", OPTIONS)
    assert encoder.calls == 0


def test_another_recipe_is_not_mixed_in(source, tmp_path):
    out = tmp_path / "map"
    with pytest.raises(Interrupted):
        build_map(source, FailingEncoder(8), out, OPTIONS)
    with pytest.raises(MapError, match=r"differs in overlap"):
        build_map(
            source, FakeEncoder(), out, BuildOptions(view_size_m=40, overlap=0.25, imagery=OPTIONS.imagery)
        )
    with pytest.raises(MapError, match=r"differs in model"):
        build_map(source, FakeEncoder("other"), out, OPTIONS)
    (out / "build.json").write_text(json.dumps([1]))
    with pytest.raises(MapError, match="damaged"):
        build_map(source, FakeEncoder(), out, OPTIONS)
    build_map(source, FakeEncoder("other"), out, OPTIONS, overwrite=True)


def test_another_map_is_replaced_only_when_asked(source, tmp_path):
    out, coarse = tmp_path / "map", BuildOptions(view_size_m=70)
    build_map(source, FakeEncoder(), out, coarse)
    with pytest.raises(MapError, match="--overwrite"):
        build_map(source, FakeEncoder(), out, OPTIONS)
    assert build_map(source, FakeEncoder(), out, OPTIONS, overwrite=True).view_size_m == 40


def test_a_changed_source_is_noticed(tmp_path):
    path, out = tmp_path / "a.tif", tmp_path / "map"
    build_map(write_bands(path, ground(200, 200).transpose(2, 0, 1)), FakeEncoder(), out, OPTIONS)
    write_bands(path, ground(200, 200, seed=5).transpose(2, 0, 1))
    with pytest.raises(MapError, match="another source"):
        build_map(path, FakeEncoder(), out, OPTIONS)


def test_two_builds_in_one_folder_do_not_mix(source, tmp_path):
    with build_lock(tmp_path / "map"), pytest.raises(MapError, match="is being built by another process"):
        build_map(source, FakeEncoder(), tmp_path / "map")
    build_map(source, FakeEncoder(), tmp_path / "map")
    assert not list(tmp_path.glob(".*"))


def test_foreign_folders_are_left_alone(source, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(MapError, match="neither empty nor a map"):
            build_map(source, FakeEncoder(), tmp_path, OPTIONS, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(MapError, match="cannot be used"):
        build_map(source, FakeEncoder(), tmp_path / "thesis.txt", OPTIONS)


def test_nodata_is_left_out(tmp_path):
    valid = np.ones((300, 300), bool)
    valid[:, 150:] = False
    path = write_bands(tmp_path / "a.tif", ground(300, 300).transpose(2, 0, 1), mask=valid)
    encoder = FakeEncoder()
    half = build_map(path, encoder, tmp_path / "map", OPTIONS)
    assert encoder.calls == len(half.tiles)
    assert half.tiles["valid_fraction"].min() >= 0.5
    assert half.tiles["east_m"].max() <= 1.0
    assert half.tiles["valid_fraction"].min() < 0.9


def test_nothing_but_nodata_is_refused(tmp_path):
    path = write_bands(tmp_path / "a.tif", np.zeros((3, 200, 200), np.uint8), nodata=0)
    with pytest.raises(MapError, match="% valid pixels"):
        build_map(path, FakeEncoder(), tmp_path / "map", OPTIONS)


def test_several_scales_make_several_levels(source, tmp_path):
    built = build_map(source, FakeEncoder(), tmp_path / "map", BuildOptions(view_size_m=40, scales=(1, 1.5)))
    assert set(built.tiles["level"]) == {0, 1}
    assert set(built.tiles["size_m"]) == {40, 60}


def test_imagery_smaller_than_a_tile_is_refused_before_anything_is_written(source, tmp_path):
    with pytest.raises(RasterError, match="smaller than a tile"):
        build_map(source, FakeEncoder(), tmp_path / "map", BuildOptions(view_size_m=500))
    assert not (tmp_path / "map").exists()


def test_the_view_size_has_a_default(source, tmp_path):
    built = build_map(source, FakeEncoder(), tmp_path / "map")
    assert built.view_size_m == pytest.approx(76, abs=2)
    assert built.manifest.imagery.source == "ortho.tif"


def test_an_unsuitable_view_size_is_noted(source, tmp_path):
    notes = []
    encoder = FakeEncoder(gsd_range_m=(0.1, 1.0))
    build_map(source, encoder, tmp_path / "map", BuildOptions(view_size_m=100), notify=notes.append)
    assert any("trained for 0.1 to 1 m" in note for note in notes)
    build_map(
        source, encoder, tmp_path / "map2", BuildOptions(view_size_m=6, overlap=0.0), notify=notes.append
    )
    assert any("tiles are blurred" in note for note in notes)


def test_large_maps_get_an_approximate_index(source, built, tmp_path):
    options = BuildOptions(view_size_m=40, approximate_above=10)
    great = build_map(source, FakeEncoder(), tmp_path / "map", options)
    verify_map(great.path)
    queries = np.asarray(built.descriptors[:5])
    np.testing.assert_array_equal(
        great.index().search(queries, 1)[1], open_index(built.descriptors, "numpy").search(queries, 1)[1]
    )
    data = bytearray((great.path / "index.faiss").read_bytes())
    data[len(data) // 2] ^= 255
    (great.path / "index.faiss").write_bytes(data)
    with pytest.raises(MapError, match="was changed"):
        open_map(great.path).index()


class CrookedEncoder(FakeEncoder):
    """Returns descriptors that contradict its card."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def describe(self, views):
        return self.answer(super().describe(views))


@pytest.mark.parametrize("answer", [lambda d: d[:, :-1], lambda d: d * 2, lambda d: d * np.nan])
def test_invalid_descriptors_are_refused(source, tmp_path, answer):
    with pytest.raises(ModelError, match="export the model again"):
        build_map(source, CrookedEncoder(answer), tmp_path / "map", OPTIONS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("view_size_m", -1.0), ("view_size_m", float("nan")), ("gsd_m", 0.0), ("overlap", 1.0),
        ("overlap", -0.1), ("min_valid", 0.0), ("min_valid", 1.5), ("scales", ()), ("scales", (2.0,)),
        ("scales", (1.0, 99.0)), ("scales", (1.0, 2.0, 2.0)), ("batch_size", 0),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(field, value):
    with pytest.raises(ParameterError, match=field):
        BuildOptions(**{field: value})


def _with_hole(path, columns, **profile):
    """Write ground of 180 m × 150 m whose first columns are transparent."""
    bands = ground(300, 360).transpose(2, 0, 1)
    alpha = np.full((1, 300, 360), 255, np.uint8)
    alpha[..., :columns] = 0
    return write_bands(path, np.concatenate([bands, alpha]), photometric="RGB", ALPHA="YES", **profile)


def test_a_map_that_loses_tiles_to_transparency_says_how_many(tmp_path):
    notes = []
    options = BuildOptions(view_size_m=40, overlap=0.5)
    whole, holed = (
        build_map(
            _with_hole(tmp_path / f"{columns}.tif", columns),
            FakeEncoder(),
            tmp_path / f"map{columns}",
            options,
            notify=notes.append,
        )
        for columns in (1, 120)
    )
    lost = len(whole.tiles) - len(holed.tiles)
    assert lost > len(whole.tiles) / 5
    (note,) = notes
    assert f"{lost} of {len(whole.tiles)} tiles" in note
    assert "its alpha band (4) makes more than 50% of each transparent" in note


def test_a_map_across_180_degrees_is_whole_and_its_bounds_run_from_west_to_east(tmp_path):
    source = write_bands(
        tmp_path / "a.tif",
        ground(300, 360).transpose(2, 0, 1),
        "EPSG:4326",
        Affine(4.5e-6, 0, 180 - 180 * 4.5e-6, 0, -4.5e-6, -17.5),
    )
    plain = write_bands(
        tmp_path / "b.tif",
        ground(300, 360).transpose(2, 0, 1),
        "EPSG:4326",
        Affine(4.5e-6, 0, 8, 0, -4.5e-6, -17.5),
    )
    notes, options = [], BuildOptions(view_size_m=40, overlap=0.5)
    across, other = (
        build_map(path, FakeEncoder(), tmp_path / path.stem, options, notify=notes.append)
        for path in (source, plain)
    )
    assert len(across.tiles) == len(other.tiles)
    assert notes == []
    west, _, east, _ = across.manifest.bounds_deg
    assert 179.99 < west < 180
    assert -180 < east < -179.99
    assert across.tiles["longitude"].min() < -179.99
    assert across.tiles["longitude"].max() > 179.99


def _tree(folder, columns):
    for x in columns:
        for y in (47_124, 47_125):
            path = folder / "17" / str(x) / f"{y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), ground(256, 256, seed=x + y))
    return folder


def test_a_map_of_areas_with_a_gap_has_tiles_in_the_areas_alone(tmp_path):
    tree = _tree(tmp_path / "tree", (31_000, 31_001, 31_100))
    options = BuildOptions(view_size_m=100, overlap=0.5, gsd_m=4.0)
    built = build_map(tree, FakeEncoder(), tmp_path / "map", options)
    side_m = 2 * 20_037_508.34 / 2**17 * np.cos(np.radians(built.manifest.latitude_deg))
    left, _, right, _ = built.manifest.bounds_m
    assert right - left == pytest.approx(101 * side_m, rel=0.01)
    east = built.tiles["east_m"]
    inside = (east < left + 2 * side_m + 60) | (east > right - side_m - 60)
    assert inside.all()
    assert 20 < len(east) < 200
    with built.raster() as raster:
        _, valid = raster.view(right - side_m / 2, 0, side_m / 2, 32)
        assert valid.all()
        assert not raster.view(0, 0, 100, 32)[1].any()
    verify_map(built.path)


def test_a_tree_that_is_named_by_placeholders_builds_another_map_if_its_tiles_change(tmp_path):
    tree = _tree(tmp_path / "tree", (31_000, 31_001))
    options = BuildOptions(view_size_m=100, overlap=0.5, gsd_m=4.0)
    source = tree / "{z}/{x}/{-y}.png"
    built = build_map(source, FakeEncoder(), tmp_path / "map", options)
    assert built.manifest.latitude_deg < 0
    assert built.manifest.imagery.source == "tree"
    _tree(tree, (31_002,))
    with pytest.raises(MapError, match="another source"):
        build_map(source, FakeEncoder(), tmp_path / "map", options)
