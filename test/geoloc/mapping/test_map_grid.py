# SPDX-License-Identifier: Apache-2.0
"""The tile grid covers all imagery evenly, and no more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import RasterError
from geoloc.geodesy import LocalFrame, distance_m
from geoloc.mapping.grid import default_view_size_m, pitch_m, tile_grid

FRAME = LocalFrame(45.0, 7.0)


@settings(max_examples=80, deadline=None)
@given(
    st.floats(50, 900),
    st.floats(50, 900),
    st.floats(10, 50),
    st.floats(0, 0.8),
    st.sampled_from([(1,), (1, 0.7)]),
)
def test_every_point_lies_in_a_tile_of_every_level_and_no_tile_exceeds_the_imagery(
    width, height, size, overlap, scales
):
    bounds = (-width / 2, -height / 2, width / 2, height / 2)
    tiles = tile_grid(FRAME, bounds, size, overlap, scales)
    for level in range(len(scales)):
        of_level = tiles[tiles["level"] == level]
        for name, low, high in (("east_m", bounds[0], bounds[2]), ("north_m", bounds[1], bounds[3])):
            centres, side = np.unique(of_level[name]), size * scales[level]
            assert centres[0] - side / 2 == pytest.approx(low, abs=1e-6) or len(centres) == 1
            assert centres[-1] + side / 2 == pytest.approx(high, abs=1e-6) or len(centres) == 1
            assert centres[0] - side / 2 >= low - 1e-6
            assert np.all(np.diff(centres) <= side * (1 - overlap) + 1e-5)


def test_rows_run_from_the_north_west():
    tiles = tile_grid(FRAME, (0, 0, 100, 60), 20, 0.5, (1,))
    assert len(tiles) == 9 * 5
    assert (tiles["east_m"][0], tiles["north_m"][0]) == (10, 50)
    assert (tiles["east_m"][1], tiles["north_m"][1]) == (20, 50)
    assert tiles["north_m"][-1] == 10


def test_degrees_and_metres_agree():
    tiles = tile_grid(FRAME, (-500, -500, 500, 500), 100, 0.5, (1,))
    lat, lon = FRAME.to_geodetic(tiles["east_m"], tiles["north_m"])
    assert distance_m(lat, lon, tiles["latitude"], tiles["longitude"]).max() < 1e-6


def test_levels_have_their_sizes():
    tiles = tile_grid(FRAME, (0, 0, 999, 999), 100, 0.5, (1, 2))
    assert set(zip(tiles["level"].tolist(), tiles["size_m"].tolist(), strict=True)) == {
        (0, 100.0),
        (1, 200.0),
    }


def test_the_pitch_is_the_largest_step():
    bounds = (0, 0, 130, 100)
    tiles = tile_grid(FRAME, bounds, 40, 0.5, (1,))
    steps = [np.diff(np.unique(tiles[name])).max() for name in ("east_m", "north_m")]
    assert pitch_m(bounds, 40, 0.5) == pytest.approx(max(steps))
    assert pitch_m((0, 0, 40, 40), 40, 0.5) == 20


def test_imagery_smaller_than_a_tile_is_refused():
    with pytest.raises(RasterError, match="smaller than a tile"):
        tile_grid(FRAME, (0, 0, 200, 90), 100, 0.5, (1,))
    with pytest.raises(RasterError, match="smaller than a tile"):
        tile_grid(FRAME, (0, 0, 150, 150), 100, 0.5, (1, 2))


@pytest.mark.parametrize(
    ("side_m", "input_px", "gsd_range_m", "expected_m"),
    [
        (2000, 160, (0.1, 1.0), 100),
        (2000, 160, (0.1, 0.5), 80),
        (2000, 512, (0.3, 1.0), 153.6),
        (120, 160, (0.1, 1.0), 60),
        (30.55, 160, (0.1, 1.0), 15.2),
    ],
)
def test_the_default_view_suits_model_and_imagery(side_m, input_px, gsd_range_m, expected_m):
    bounds = (0, 0, side_m, side_m * 1.5)
    assert default_view_size_m(bounds, input_px, gsd_range_m) == pytest.approx(expected_m)


def test_tiles_are_laid_only_where_there_is_imagery():
    bounds = (-4000.0, -3000.0, 4000.0, 3000.0)
    pieces = np.array([[-4000.0, 2500.0, -3500.0, 3000.0], [3000.0, -3000.0, 4000.0, -2000.0]])
    every = tile_grid(FRAME, bounds, 100, 0.5, (1, 2))
    some = tile_grid(FRAME, bounds, 100, 0.5, (1, 2), pieces)
    half = every["size_m"] / 2
    touching = np.zeros(len(every), bool)
    for left, bottom, right, top in pieces:
        touching |= (
            (every["east_m"] + half > left)
            & (every["east_m"] - half < right)
            & (every["north_m"] + half > bottom)
            & (every["north_m"] - half < top)
        )
    assert 100 < len(some) < len(every) / 10
    np.testing.assert_array_equal(some, every[touching])


def test_memory_grows_with_the_imagery_not_with_the_gaps():
    pieces = np.array([[-4e6, -3e6, -4e6 + 500, -3e6 + 500], [4e6 - 500, 3e6 - 500, 4e6, 3e6]])
    assert len(tile_grid(FRAME, (-4e6, -3e6, 4e6, 3e6), 100, 0.5, (1,), pieces)) < 400
