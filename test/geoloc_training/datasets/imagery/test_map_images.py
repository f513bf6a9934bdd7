# SPDX-License-Identifier: Apache-2.0
"""Sources of kind `map`: the form of a folder, plain images, and settings that are refused."""

import cv2
import numpy as np
import pytest

from geoloc.errors import ParameterError, RasterError
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.image_files import read_picture
from geoloc_training.datasets.imagery.ground import check_side
from geoloc_training.datasets.imagery.images import load_images, load_orthophotos
from tiny_ground import picture


def _source(**settings):
    return SourceConfig("map", 1.0, (60.0, 90.0), **settings)


def _load(root, **settings):
    return load_images(root, _source(**settings), lambda _: True)


def _pictures(folder, names=("a.png", "b.jpg")):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(number, 64))
    return folder


@pytest.mark.parametrize("within", ["images", ""])
def test_plain_pictures_of_known_scale_are_grounds(tmp_path, within):
    _pictures(tmp_path / "ortho" / within)
    first, second = _load(tmp_path, images="ortho", gsd_m=0.5)
    assert (first.name, first.group, first.gsd_m) == ("a", "ortho", 0.5)
    assert first.extent_m == (32.0, 32.0)
    assert list(second.dates) == ["0"]
    assert [g.group for g in _load(tmp_path, images="ortho", gsd_m=0.5, group="g")] == ["g", "g"]


def test_one_picture_is_enough_and_may_lie_anywhere(tmp_path):
    _pictures(tmp_path)
    (ground,) = _load(tmp_path, images="a.png", gsd_m=0.2)
    assert (ground.name, ground.group) == ("a", "a")
    assert len(_load(tmp_path, gsd_m=0.2)) == 2


def test_an_index_of_another_kind_does_not_matter_beside_plain_pictures(tmp_path):
    _pictures(tmp_path / "images")
    (tmp_path / "index.csv").write_text("file,bounds\n")
    assert len(_load(tmp_path, gsd_m=1.0)) == 2
    with pytest.raises(RasterError, match="lacks the columns location_id"):
        _load(tmp_path)


def test_white_of_an_orthophoto_is_nodata(tmp_path):
    image = picture(3, 256)
    image[:, :100] = 255
    cv2.imwrite(str(tmp_path / "o.png"), image)
    (ground,) = load_orthophotos(tmp_path, 1.0, group="g", white_is_nodata=True)
    assert (ground.valid[0][:, :95] == 0).all()
    assert (ground.valid[0][:, 110:] == 255).mean() > 0.9


def test_folders_without_pictures_are_sentences(tmp_path):
    with pytest.raises(RasterError, match=r"nowhere does not exist; set data\.root to the folder that"):
        _load(tmp_path, images="nowhere")
    with pytest.raises(RasterError, match="holds no images"):
        _load(tmp_path, gsd_m=1.0)
    with pytest.raises(RasterError, match=r"neither index\.csv nor georeferenced .* give their gsd_m"):
        _load(_pictures(tmp_path))


def test_a_picture_that_cannot_be_read_is_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(RasterError, match=r"a\.png cannot be read"):
        _load(tmp_path, gsd_m=1.0)


def test_a_picture_too_long_to_warp_is_a_sentence(tmp_path):
    with pytest.raises(RasterError, match="has 40000 x 10 pixels, but a side may have at most 32766; cut it"):
        check_side(tmp_path / "a.png", (10, 40000, 3))


def test_colours_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    assert read_picture(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"gsd_m": -1.0}, "gsd_m of 'towns' is -1.0; give metres per pixel"),
        ({"gsd_m": 2018.0}, "gsd_m of 'towns' is 2018.0"),
        ({"white_is_nodata": True}, "white_is_nodata of 'towns' applies to plain images"),
    ],
)
def test_impossible_settings_are_sentences(settings, sentence):
    with pytest.raises(ParameterError, match=sentence):
        _source(images="towns", **settings)
