# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import rasterio

from geoloc.errors import ParameterError, RasterError
from geoloc.raster.views import open_raster
from geoloc_lab.world.rendering import cast_shadows
from geoloc_lab.world.season import season_of
from geoloc_lab.world.town_plan import ONLY_FIRST, ONLY_LATER
from geoloc_lab.world.world import World, write_world


@pytest.fixture(scope="module")
def pictures():
    return [World(5, 500.0, 0.3).render(date) for date in (0, 1)]


def edges(rgb):
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_same_seed_gives_the_same_bytes(pictures):
    again = World(5, 500.0, 0.3)
    assert np.array_equal(again.render(0), pictures[0])
    assert np.array_equal(again.render(1), pictures[1])


def test_another_seed_gives_another_world():
    a, b = (World(seed, 200.0, 0.5).render(0) for seed in (1, 2))
    assert abs(correlation(a, b)) < 0.5
    assert not np.array_equal(a, b)


def test_size_follows_from_metres_and_gsd(pictures):
    assert pictures[0].shape == (1667, 1667, 3)
    assert pictures[0].dtype == np.uint8


def test_a_world_looks_similar_at_another_gsd(pictures):
    coarse = World(5, 500.0, 1.0).render(0)
    shrunk = cv2.resize(pictures[0], (500, 500), interpolation=cv2.INTER_AREA)
    assert correlation(cv2.blur(coarse, (7, 7)), cv2.blur(shrunk, (7, 7))) > 0.8


def test_dates_differ_in_brightness_and_colour(pictures):
    assert correlation(*(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pictures)) < 0.8
    assert np.abs(pictures[0].mean((0, 1)) - pictures[1].mean((0, 1))).max() > 5


def test_dates_are_registered_within_half_a_metre(pictures):
    (dx, dy), strength = cv2.phaseCorrelate(*(edges(p) for p in pictures))
    assert np.hypot(dx, dy) * 0.3 < 0.5
    assert strength > 0.05


def test_every_place_has_texture(pictures):
    for picture in pictures:
        tiles = picture[:1650, :1650].reshape(33, 50, 33, 50, 3).std((1, 3))
        assert tiles.max(-1).min() > 2.0


def test_places_a_hundred_metres_apart_differ(pictures):
    small = cv2.cvtColor(
        cv2.resize(pictures[0], (500, 500), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    )
    tiles = [small[y : y + 100, x : x + 100] for y in range(0, 500, 100) for x in range(0, 500, 100)]
    similarities = [correlation(a, b) for k, a in enumerate(tiles) for b in tiles[k + 1 :]]
    assert max(similarities) < 0.6


def test_some_buildings_come_and_go():
    presences = [building.presence for building in World(1, 1000.0).plan.buildings]
    changed = sum(p in (ONLY_FIRST, ONLY_LATER) for p in presences)
    assert 0 < changed < 0.15 * len(presences)


def test_shadows_fall_away_from_the_sun():
    height = np.zeros((80, 80), np.uint8)
    height[38:42, 38:42] = 50  # 10 m
    shadow = cast_shadows(height, 0.5, azimuth_deg=180.0, elevation_deg=45.0) > 0
    rows, columns = np.nonzero(shadow)
    assert rows.max() < 42  # sun in the south: shadows point north, towards smaller rows
    assert rows.min() == pytest.approx(38 - 20, abs=2)  # 10 m high, 45 degrees: 10 m long
    assert columns.min() >= 37
    assert columns.max() <= 42


def test_registration_error_is_small_on_every_date():
    for seed in range(20):
        assert np.hypot(*season_of(seed, 1).offset_m) < 0.5
    assert season_of(1, 0).offset_m == (0.0, 0.0)


def test_written_world_is_georeferenced(tmp_path):
    paths = write_world(tmp_path / "world", 3, 200.0, 0.5)
    assert [p.name for p in paths] == ["date0.tif", "date1.tif"]
    assert sorted(p.name for p in (tmp_path / "world").iterdir()) == ["date0.tif", "date1.tif"]
    with rasterio.open(paths[0]) as dataset:
        assert dataset.crs.to_epsg() == 32632
        assert dataset.res == (0.5, 0.5)
        assert dataset.overviews(1)
    with open_raster(paths[1]) as raster:
        assert raster.gsd_m == pytest.approx(0.5, rel=0.002)
        left, bottom, right, top = raster.bounds_m
        assert (right - left) * (top - bottom) == pytest.approx(200.0**2, rel=0.05)


def test_a_world_is_written_the_same_twice(tmp_path):
    first, again = (write_world(tmp_path / name, 3, 150.0, 0.5, (1,))[0] for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RasterError, match="file"):
        write_world(tmp_path / "file", 3, 150.0, 0.5)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"size_m": 10.0}, "100 m to 20 km"),
        ({"size_m": float("nan")}, "100 m to 20 km"),
        ({"gsd_m": 0.0}, "0.05 to 5"),
        ({"size_m": 20_000.0, "gsd_m": 0.1}, "32768"),
    ],
)
def test_refuses_an_impossible_world(arguments, word):
    with pytest.raises(ParameterError, match=word):
        World(**{"seed": 1, **arguments})


def test_refuses_a_date_before_the_map():
    with pytest.raises(ParameterError, match="-1"):
        World(1, 100.0, 1.0).render(-1)
