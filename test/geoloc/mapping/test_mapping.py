# SPDX-License-Identifier: Apache-2.0
"""Opening and verifying maps, and the refusal of missing, damaged and foreign maps."""

import hashlib
import os
import shutil

import numpy as np
import pytest
import yaml

from fakes import FakeEncoder, ground, write_bands
from geoloc.errors import MapError, RasterError
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc.mapping.directory import open_map, verify_map
from geoloc.raster.views import write_geotiff


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    source = write_bands(folder / "ortho.tif", ground(200, 240).transpose(2, 0, 1))
    return build_map(source, FakeEncoder(), folder / "map", BuildOptions(view_size_m=30)).path


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "map")


def edit_manifest(folder, **changes):
    path = folder / "map.yaml"
    data = yaml.safe_load(path.read_text())
    data |= changes
    path.write_text(yaml.safe_dump({key: value for key, value in data.items() if value is not None}))


def replace_array(folder, name, array, allow_pickle=False):
    """Replace an array, and adapt size and checksum, as a forger would."""
    np.save(folder / name, array, allow_pickle=allow_pickle)
    files = yaml.safe_load((folder / "map.yaml").read_text())["files"]
    files[name]["size_bytes"] = (folder / name).stat().st_size
    edit_manifest(folder, files=files)


def test_a_map_opens_with_its_model(folder):
    opened = open_map(folder, FakeEncoder().card)
    assert opened.descriptors.shape == (len(opened.tiles), 256)
    assert not opened.descriptors.flags.writeable
    assert isinstance(opened.descriptors, np.memmap)
    assert (opened.view_size_m, opened.model_id) == (30.0, "fake")
    assert opened.pitch_m == pytest.approx(7.5, abs=0.75)
    assert verify_map(folder).model_sha256 == FakeEncoder().card.sha256


def test_a_map_may_be_moved(folder, tmp_path):
    shutil.move(folder, tmp_path / "elsewhere")
    verify_map(tmp_path / "elsewhere")


def test_a_map_of_another_model_is_refused_with_the_command(folder):
    with pytest.raises(
        MapError, match=r"with model fake .*encoder is other.*geoloc map build .*models/other"
    ):
        open_map(folder, FakeEncoder("other").card)


def test_a_missing_map_is_refused(tmp_path):
    with pytest.raises(MapError, match="there is no map"):
        open_map(tmp_path / "nowhere")


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(MapError, match="is not a map"):
        open_map(tmp_path)


@pytest.mark.parametrize("name", ["tiles.npy", "descriptors.npy", "raster.tif", "params.yaml"])
def test_missing_and_truncated_files_are_refused(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1])
    with pytest.raises(MapError, match=rf"{name}.*truncated"):
        open_map(folder)
    (folder / name).unlink()
    with pytest.raises(MapError, match=rf"{name} is missing"):
        open_map(folder)


@pytest.mark.parametrize("name", ["tiles.npy", "descriptors.npy", "raster.tif", "params.yaml"])
def test_a_changed_byte_is_found(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-4] ^= 1  # the lowest bit of a float, which only the checksum reveals
    (folder / name).write_bytes(data)
    with pytest.raises(MapError, match=rf"{name} was changed"):
        verify_map(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "sub/../../x"])
def test_files_outside_the_folder_are_refused(folder, name):
    files = yaml.safe_load((folder / "map.yaml").read_text())["files"]
    edit_manifest(folder, files=files | {name: {"size_bytes": 1, "sha256": "0"}})
    with pytest.raises(MapError, match="outside its folder"):
        open_map(folder)


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    shutil.move(folder / "descriptors.npy", tmp_path / "elsewhere.npy")
    (folder / "descriptors.npy").symlink_to(tmp_path / "elsewhere.npy")
    with pytest.raises(MapError, match="outside its folder"):
        open_map(folder)


def test_a_pickle_is_never_loaded(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    for name in ("tiles.npy", "descriptors.npy"):
        replace_array(folder, name, np.array([Bomb()], dtype=object), allow_pickle=True)
        with pytest.raises(MapError, match="not a plain NumPy array"):
            open_map(folder)
    assert not (tmp_path / "exploded").exists()


def test_yaml_that_would_run_code_is_refused(folder, tmp_path):
    (folder / "map.yaml").write_text(f"!!python/object/apply:os.mkdir ['{tmp_path / 'exploded'}']")
    with pytest.raises(MapError, match="damaged"):
        open_map(folder)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3.0])
def test_descriptors_that_are_not_unit_vectors_are_refused(folder, bad):
    descriptors = np.load(folder / "descriptors.npy")
    descriptors[7, 3] = bad
    replace_array(folder, "descriptors.npy", descriptors)
    with pytest.raises(MapError, match="not finite or not of unit length"):
        open_map(folder)


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: d[:, :-1], lambda d: d.astype(np.float64), lambda d: d.ravel()]
)
def test_descriptors_of_another_shape_are_refused(folder, change):
    replace_array(folder, "descriptors.npy", change(np.load(folder / "descriptors.npy")))
    with pytest.raises(MapError, match=r"map.yaml says float32"):
        open_map(folder)


def test_tiles_of_another_kind_are_refused(folder):
    tiles = np.load(folder / "tiles.npy")
    for broken in (tiles[:-1], tiles["latitude"], tiles[["latitude", "longitude"]]):
        replace_array(folder, "tiles.npy", broken)
        with pytest.raises(MapError, match=r"tiles\.npy"):
            open_map(folder)
    lost = tiles.copy()
    lost["latitude"][3] = np.nan
    replace_array(folder, "tiles.npy", lost)
    with pytest.raises(MapError, match="not finite"):
        open_map(folder)


def test_tiles_that_contradict_themselves_are_found(folder):
    tiles = np.load(folder / "tiles.npy")
    tiles["longitude"] += 1e-4
    replace_array(folder, "tiles.npy", tiles)
    files = yaml.safe_load((folder / "map.yaml").read_text())["files"]
    files["tiles.npy"]["sha256"] = hashlib.sha256((folder / "tiles.npy").read_bytes()).hexdigest()
    edit_manifest(folder, files=files)
    with pytest.raises(MapError, match="from its position in metres"):
        verify_map(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 99}, {"format_version": None}, {"view_size_m": -1.0}, {"view_size_m": "wide"},
        {"latitude_deg": 120.0}, {"longitude_deg": float("nan")}, {"bounds_m": [1, 2, 3]}, {"scales": []},
        {"tile_count": 0}, {"tile_count": True}, {"model_id": 7}, {"imagery": None}, {"files": {}},
        {"files": "all"},
    ],
)  # fmt: skip
def test_a_manifest_with_a_wrong_value_is_refused(folder, changes):
    edit_manifest(folder, **changes)
    with pytest.raises(MapError, match=r"map\.yaml"):
        open_map(folder)


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b", "a: [1, 2", "\x00\x01", "a: 1\n" * 300_000])
def test_an_invalid_manifest_is_refused(folder, text):
    (folder / "map.yaml").write_text(text)
    with pytest.raises(MapError, match=r"map\.yaml"):
        open_map(folder)


def test_bytes_that_are_no_text_are_refused(folder):
    (folder / "map.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MapError, match="damaged"):
        open_map(folder)


def test_the_raster_of_another_map_is_refused(folder):
    write_geotiff(folder / "raster.tif", ground(90, 90), crs="EPSG:32615", left=5e5, top=5e6, gsd_m=1.0)
    files = yaml.safe_load((folder / "map.yaml").read_text())["files"]
    files["raster.tif"]["size_bytes"] = (folder / "raster.tif").stat().st_size
    edit_manifest(folder, files=files)
    opened = open_map(folder)
    with pytest.raises(RasterError, match="not the raster of this map"):
        opened.raster()
