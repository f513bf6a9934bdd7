# SPDX-License-Identifier: Apache-2.0
"""The grounds that a configuration uses for training, validation and as distractors."""

import cv2
import pytest

from geoloc.errors import ParameterError, RasterError
from geoloc.typed import build
from geoloc_training.datasets.data_config import DataConfig
from geoloc_training.datasets.imagery.load import load_every_place, load_places, load_sources
from tiny_ground import picture

WORLD = {
    "kind": "world",
    "share": 1.0,
    "view_size_m": [20, 40],
    "seeds": [5],
    "world_size_m": 120.0,
    "world_dates": 2,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three cities of a place in two years, and a plain picture."""
    root = tmp_path_factory.mktemp("data")
    (root / "towns" / "images").mkdir(parents=True)
    lines = ["file,location_id,city,year,gsd_m"]
    for number, city in enumerate("xyz"):
        for year in (2016, 2020):
            cv2.imwrite(str(root / "towns" / "images" / f"{city}{year}.png"), picture(number, 64))
            lines.append(f"{city}{year}.png,{city}0,{city},{year},0.6")
    (root / "towns" / "index.csv").write_text("\n".join(lines))
    cv2.imwrite(str(root / "plain.png"), picture(9, 64))
    return root


def _data(root, *sources, validation=("z:2016:2020",)):
    tree = {"root": str(root or ""), "sources": list(sources), "validation": list(validation)}
    return build(DataConfig, tree, ParameterError)


def _towns(**settings):
    return {"kind": "map", "images": "towns", "share": 1.0, "view_size_m": [20, 30]} | settings


PLAIN = {"kind": "map", "images": "plain.png", "gsd_m": 0.5, "share": 1.0, "view_size_m": [20, 30]}


def _groups(grounds):
    return sorted(ground.group for ground in grounds)


def test_named_cities_are_trained_on_and_by_default_all_but_validation_cities(data, tmp_path):
    (some,) = load_sources(_data(data, _towns(cities=["x"])), tmp_path)
    every, plain = load_sources(_data(data, _towns(), PLAIN), tmp_path)
    assert (some.groups, every.groups, plain.groups) == (["x"], ["x", "y"], ["plain"])


def test_without_data_root_only_worlds_are_trained_on(tmp_path):
    (world,) = load_sources(_data(None, _towns(), WORLD), tmp_path)
    assert world.groups == ["world"]
    with pytest.raises(ParameterError, match=r"give data\.root"):
        load_sources(_data(None, _towns()), tmp_path)


def test_validation_searches_what_is_trained_on_and_the_city_itself(data):
    assert _groups(load_places(_data(data, _towns(cities=["x"]), PLAIN))) == ["x", "z"]
    assert _groups(load_places(_data(data, _towns()))) == ["x", "y", "z"]
    assert load_places(_data(data, _towns(), validation=())) == []
    assert load_places(_data(None, _towns())) == []
    with pytest.raises(ParameterError, match=r"validation names moon, which no source"):
        load_places(_data(data, _towns(), validation=["moon:2016:2020"]))


def test_an_evaluation_searches_every_place_once(data):
    config = _data(data, _towns(cities=["x"]), _towns(cities=["y"]), PLAIN)
    assert _groups(load_every_place(config)) == ["x", "y", "z"]
    with pytest.raises(ParameterError, match=r"no source of data\.sources has images of several dates"):
        load_every_place(_data(data, PLAIN))


def test_unknown_kinds_and_cities_are_sentences(data, tmp_path):
    with pytest.raises(ParameterError, match=r"kind 'naip' is unknown; use map .* or world"):
        load_sources(_data(data, _towns(kind="naip")), tmp_path)
    with pytest.raises(RasterError, match="towns has no city moon; correct `cities`"):
        load_sources(_data(data, _towns(cities=["x", "moon"])), tmp_path)
