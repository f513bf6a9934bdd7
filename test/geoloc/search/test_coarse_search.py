# SPDX-License-Identifier: Apache-2.0
"""Coarse-to-fine search: the cosine of each tile, the compared tiles, and when the search is worthwhile."""

import numpy as np
import pytest

import toy_map
from geoloc import localizer
from geoloc.filter import FilterSettings
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.search import coarse_search
from geoloc.search.coarse_search import CoarseSearch, worthwhile_coarse_search
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

ENCODER = toy_map.ToyEncoder()
MAP = toy_map.toy_map(ENCODER, east=(-600, 600), north=(-600, 600))
LEVELS = toy_map.toy_map(ENCODER, east=(-600, 600), north=(-600, 600), level_sizes=(40.0, 80.0))
TILES = Tiles(MAP.tiles, MAP.pitch_m, MAP.view_size_m)
QUERY = ENCODER.at(47.0, -31.0)[None]


@pytest.mark.parametrize("map_", [MAP, LEVELS], ids=["one level", "two levels"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_every_tile_has_the_cosine_of_itself_or_of_one_beside_it(map_, share):
    keep = np.random.default_rng(1).random(len(map_.tiles)) >= share
    tiles = Tiles(map_.tiles[keep], map_.pitch_m, map_.view_size_m)
    numbers = np.arange(len(tiles), dtype=np.float32)[:, None]  # a cosine that identifies its tile
    compared = CoarseSearch(tiles, numbers).compare(np.ones((1, 1), np.float32), numbers)
    source = compared.by_tile(compared.cosines[:, 0]).astype(int)
    np.testing.assert_array_equal(tiles.level[source], tiles.level)
    away = np.abs(tiles.centres_m[source] - tiles.centres_m) / tiles.pitches_m[tiles.level]
    assert away.max() < 1.1
    np.testing.assert_array_equal(source[compared.fine_ids], compared.fine_ids)
    assert share or len(compared.cosines) - len(compared.fine_ids) < 0.3 * len(tiles)


def test_the_tiles_around_the_best_are_all_compared():
    compared = CoarseSearch(TILES, MAP.descriptors).compare(QUERY, MAP.descriptors)
    scores = MAP.descriptors @ QUERY[0]
    best = np.argsort(-scores)[:9]
    assert np.isin(best, compared.fine_ids).all()
    np.testing.assert_allclose(compared.by_tile(compared.cosines[:, 0])[best], scores[best], atol=1e-6)
    assert len(compared.cosines) < 0.4 * len(TILES)


def test_a_stray_tile_stands_for_itself():
    table = np.append(MAP.tiles, MAP.tiles[:1])
    table["east_m"][-1], table["north_m"][-1] = 5e4 + 20.0, 5e4
    descriptors = np.append(MAP.descriptors, QUERY, axis=0)
    compared = CoarseSearch(Tiles(table, 20.0, 40.0), descriptors).compare(QUERY, descriptors)
    assert compared.by_tile(compared.cosines[:, 0])[-1] == pytest.approx(1.0, abs=1e-6)
    assert compared.fine_ids[-1] == len(table) - 1


def test_a_coarse_look_up_scores_and_lists_the_best_tiles_as_they_are():
    quick = LookUp(QUERY, MAP.descriptors, coarse_search=CoarseSearch(TILES, MAP.descriptors))
    whole = LookUp(QUERY, MAP.descriptors)
    every, exact = quick.scores(), whole.scores()
    np.testing.assert_allclose(every[quick.fine_ids()], exact[quick.fine_ids()], atol=1e-6)
    assert (every != exact).any()
    for one, other in zip(quick.best(5), whole.best(5), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_array_equal(whole.fine_ids(), np.arange(len(TILES)))


def test_tiles_that_are_asked_for_after_a_coarse_search_are_compared_themselves():
    lookup = LookUp(QUERY, MAP.descriptors, coarse_search=CoarseSearch(TILES, MAP.descriptors))
    every = lookup.scores()
    low = np.setdiff1d(np.arange(len(TILES)), lookup.fine_ids())
    np.testing.assert_allclose(lookup.scores_of(low), MAP.descriptors[low] @ QUERY[0], atol=1e-6)
    np.testing.assert_array_equal(lookup.scores(), every)


def test_weights_are_summed_over_the_tiles_that_take_a_row():
    rows = np.vstack([QUERY, ENCODER.at(-80.0, 10.0)[None]])
    lookup = LookUp(rows, MAP.descriptors, coarse_search=CoarseSearch(TILES, MAP.descriptors))
    weights = np.random.default_rng(2).random(len(TILES)).astype(np.float32)
    summed, cosines = lookup.weighted_cosines(weights)
    believed = lookup.marginalized(np.array([1.0, 0.0]), 0.05)
    assert summed @ cosines[:, 0] == pytest.approx(float(weights @ believed.scores()), rel=1e-4)
    assert summed.sum() == pytest.approx(weights.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("size_m", "least", "pays"), [(80.0, 3720, True), (80.0, 3721, False), (40.0, 3720, False)]
)
def test_it_is_worthwhile_on_a_large_map_whose_tiles_overlap(monkeypatch, size_m, least, pays):
    monkeypatch.setattr(coarse_search, "_LARGE_MAP", least)
    table = MAP.tiles.copy()
    table["size_m"] = size_m
    found = worthwhile_coarse_search(Tiles(table, 20.0, size_m), MAP.descriptors)
    assert (found is not None) == pays


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (LocalizerSettings(), True),
        (LocalizerSettings(motion=FilterSettings(full_search_every=1)), False),
        (LocalizerSettings(filter=False), False),
    ],
    ids=["as usual", "every frame with the whole map", "each frame alone"],
)
def test_a_full_search_of_every_frame_is_not_coarse(monkeypatch, settings, wanted):
    asked = []
    monkeypatch.setattr(localizer, "worthwhile_coarse_search", lambda *given: asked.append(given))
    Localizer(MAP, None, settings)
    assert bool(asked) == wanted
