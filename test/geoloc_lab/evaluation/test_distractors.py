# SPDX-License-Identifier: Apache-2.0
"""Which tiles of other imagery are added to a map."""

import numpy as np
import pytest

from fakes import FakeEncoder, ground, write_bands
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc_lab.evaluation.distractors import Draw, Picture, add_distractors, is_white

ENCODER = FakeEncoder()
ALL = Draw(count=None, per_picture=1000)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    source = write_bands(folder / "ortho.tif", ground(200, 240).transpose(2, 0, 1))
    return build_map(source, ENCODER, folder / "map", BuildOptions(view_size_m=30))


@pytest.fixture(scope="module")
def half_white(tmp_path_factory):
    """120 m by 120 m at 0.5 m, its eastern half white."""
    picture = ground(240, 240, 5)
    picture[:, 120:] = 255
    return write_bands(tmp_path_factory.mktemp("white") / "half.tif", picture.transpose(2, 0, 1))


def added(base, picture, out, draw=ALL):
    return len(add_distractors(base, ENCODER, [picture], out, draw=draw).tiles) - len(base.tiles)


def test_a_mostly_white_tile_is_left_out_if_white_is_nodata(base, tmp_path):
    picture = ground(240, 240, 5)
    picture[:, 80:] = 255  # of the second column of 4 x 4 tiles a third is ground
    path = write_bands(tmp_path / "third.tif", picture.transpose(2, 0, 1))
    assert added(base, Picture(path), tmp_path / "with") == 8
    assert added(base, Picture(path, white_is_nodata=True), tmp_path / "without") == 4


def test_a_draw_without_a_count_takes_every_tile(base, tmp_path):
    path = write_bands(tmp_path / "whole.tif", ground(240, 240, 5).transpose(2, 0, 1))
    assert added(base, Picture(path), tmp_path / "five", Draw(count=5)) == 5
    assert added(base, Picture(path), tmp_path / "all") == 16


def test_a_map_with_white_left_out_is_another_map(base, half_white, tmp_path):
    kept = add_distractors(base, ENCODER, [Picture(half_white)], tmp_path / "a", draw=ALL)
    left_out = add_distractors(
        base, ENCODER, [Picture(half_white, white_is_nodata=True)], tmp_path / "b", draw=ALL
    )
    assert kept.manifest.recipe_sha256 != left_out.manifest.recipe_sha256


def test_white_roofs_are_not_nodata():
    picture = np.full((60, 60, 3), 120, np.uint8)
    picture[:30] = 255
    picture[45:50, 10:15] = 255  # a roof of five pixels
    white = is_white(picture)
    assert white[:28].all()
    assert not white[32:].any()
