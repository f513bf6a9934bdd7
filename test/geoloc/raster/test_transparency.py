# SPDX-License-Identifier: Apache-2.0
"""Near-infrared that is tagged as alpha makes no pixel transparent; alpha does."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from fakes import ground, write_bands
from geoloc.raster.views import open_raster


def _write(path, fourth, name=""):
    picture = ground(200, 200).transpose(2, 0, 1).astype(fourth.dtype)
    bands = np.concatenate([picture, fourth[None]])
    write_bands(path, bands, photometric="RGB", ALPHA="YES")
    if name:
        with rasterio.open(path, "r+") as out:
            out.descriptions = ("red", "green", "blue", name)
    return path


def _near_infrared(dtype=np.uint8):
    return (ground(200, 200, seed=4)[..., 0] * 0.9).astype(dtype)


def _alpha(opaque, dtype=np.uint8):
    alpha = np.full((200, 200), opaque, dtype)
    alpha[:, :100] = 0
    alpha[:, 100:104] = opaque // 2  # a soft edge
    return alpha


def _seen(path):
    with open_raster(path) as raster:
        rgb, valid, _ = raster.overview(100)
        return rgb, valid, " ".join(raster.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_near_infrared_makes_no_holes(tmp_path, dtype):
    rgb, valid, notes = _seen(_write(tmp_path / "a.tif", _near_infrared(dtype)))
    assert valid[2:-2, 2:-2].all()
    plain, _, _ = _seen(write_bands(tmp_path / "b.tif", ground(200, 200).transpose(2, 0, 1)))
    assert np.abs(rgb.astype(int) - plain)[2:-2, 2:-2].mean() < 2
    assert "band 4 is tagged as alpha but holds a picture" in notes


def test_a_name_decides_for_near_infrared(tmp_path):
    path = _write(tmp_path / "a.tif", np.full((200, 200), 40, np.uint8), "NIR (840 nm)")
    assert _seen(path)[1][2:-2, 2:-2].all()


@pytest.mark.parametrize("opaque", [255, 120])
def test_alpha_is_transparent_where_it_is_zero(tmp_path, opaque):
    _, valid, notes = _seen(_write(tmp_path / "a.tif", _alpha(opaque)))
    assert not valid[:, :47].any()
    assert valid[2:-2, 55:-2].all()
    assert notes == ""


def test_alpha_of_16_bits_may_end_at_255(tmp_path):
    _, valid, _ = _seen(_write(tmp_path / "a.tif", _alpha(255, np.uint16)))
    assert not valid[:, :47].any()
    assert valid[2:-2, 55:-2].all()


def test_alpha_may_be_compressed_with_loss(tmp_path):
    noise = np.random.default_rng(0).integers(0, 3, (200, 200), dtype=np.uint8)
    alpha = np.where(np.arange(200) < 100, noise, 255 - noise).astype(np.uint8)
    _, valid, notes = _seen(_write(tmp_path / "a.tif", alpha))
    assert not valid[:, :47].any()
    assert valid[2:-2, 55:-2].all()
    assert notes == ""


def test_a_relative_path_is_found(tmp_path, monkeypatch):
    _write(tmp_path / "a.tif", _near_infrared())
    monkeypatch.chdir(tmp_path)
    assert _seen(Path("a.tif"))[1][2:-2, 2:-2].all()
