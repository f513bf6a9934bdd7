# SPDX-License-Identifier: Apache-2.0
"""From a map on the disk and a view to metres in the map's frame, or to no answer."""

import math

import numpy as np
import pytest

from geoloc.errors import FrameRefused, ModelError, ParameterError, Reason
from geoloc.localizer import Candidates, Localizer
from geoloc.refine import METHODS, Refiner, RefinerSettings, Verdict, make_method
from refine_scene import ENCODER, GSD_M, SIDE_PX, build_town_map, centre_of, later, town, view_of

TOWN = town(4, side_px=500)


@pytest.fixture(scope="module")
def town_map(tmp_path_factory):
    return build_town_map(tmp_path_factory.mktemp("refiner"), TOWN)


@pytest.fixture(scope="module")
def refiner(town_map):
    with Refiner(town_map) as opened:
        yield opened


def candidates(town_map, *centres, level=0):
    """The tiles nearest to centres, in that order."""
    tiles = town_map.tiles
    away = [
        np.hypot(tiles["east_m"] - e, tiles["north_m"] - n) + 1e6 * (tiles["level"] != level)
        for e, n in centres
    ]
    ids = np.array([int(row.argmin()) for row in away], dtype=np.int64)
    best = tiles[ids]
    scores = np.linspace(0.9, 0.5, len(ids))
    return Candidates(ids, best["latitude"], best["longitude"], best["east_m"], best["north_m"], scores)


def test_the_view_of_a_localizer_is_placed_to_a_pixel(town_map, refiner):
    east_m, north_m = -13.0, 21.0
    view = later(view_of(TOWN, east_m, north_m, math.radians(4.0), 1.03, side_px=SIDE_PX))
    expected = centre_of(town_map, east_m, north_m)
    found = refiner.refine(view, candidates(town_map, (expected[0] + 9.0, expected[1] - 6.0)))
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert (found.east_m, found.north_m) == pytest.approx(expected, abs=GSD_M)
    assert found.rotation_rad == pytest.approx(math.radians(4.0), abs=0.02)
    assert found.scale == pytest.approx(1.03, abs=0.02)
    assert (found.method, found.candidate) == ("ncc", 0)
    assert 0 < found.elapsed_ms < 60_000
    assert np.linalg.eigvalsh(found.covariance_m2)[0] > 0


def test_a_localizer_s_own_candidates_will_do(town_map, refiner):
    view = view_of(TOWN, 5.0, -20.0, side_px=SIDE_PX)
    fix = Localizer(town_map, ENCODER).answer(ENCODER.describe(view[None])[0], 0.0, 0.0, 1)
    found = refiner.refine(view, fix.candidates)
    assert (found.east_m, found.north_m) == pytest.approx(centre_of(town_map, 5.0, -20.0), abs=GSD_M)


def test_the_second_place_is_tried_where_the_first_is_not_confirmed(town_map, refiner):
    view = view_of(TOWN, -70.0, 50.0, side_px=SIDE_PX)
    right = centre_of(town_map, -70.0, 50.0)
    wrong = centre_of(town_map, 20.0, -60.0)
    ranked = candidates(town_map, wrong, (wrong[0] + 12.0, wrong[1]), right)
    found = refiner.refine(view, ranked)
    assert (found.verdict, found.candidate) == (Verdict.CONFIRMED, 2)
    assert (found.east_m, found.north_m) == pytest.approx(right, abs=GSD_M)
    with Refiner(town_map, RefinerSettings(places=1)) as hasty:
        first = hasty.refine(view, ranked)
    assert first.verdict is not Verdict.CONFIRMED
    assert math.isnan(first.east_m)
    assert np.isnan(first.covariance_m2).all()
    assert math.isnan(first.scale)


def test_a_tile_of_a_larger_level_means_a_wider_view(town_map, refiner):
    view = view_of(TOWN, 0.0, 0.0, scale=1.5, side_px=SIDE_PX)
    found = refiner.refine(view, candidates(town_map, centre_of(town_map, 3.0, 2.0), level=1))
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert found.scale == pytest.approx(1.5, abs=0.02)
    assert (found.east_m, found.north_m) == pytest.approx(centre_of(town_map, 0.0, 0.0), abs=2 * GSD_M)


def test_a_filter_asks_about_a_place_of_its_own(town_map, refiner):
    view = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX)
    place = centre_of(town_map, 10.0, 10.0)
    assert refiner.refine_at(view, place[0] - 8.0, place[1] + 5.0).verdict is Verdict.CONFIRMED
    assert refiner.refine_at(view, place[0] - 60.0, place[1] + 60.0).verdict is not Verdict.CONFIRMED
    with pytest.raises(ParameterError, match="three numbers"):
        refiner.refine_at(view, math.nan, 0.0)
    with pytest.raises(ParameterError, match="the reach nan m"):
        refiner.refine_at(view, 0.0, 0.0, math.nan)


@pytest.mark.parametrize("method", ["ncc", "features"])
def test_a_short_reach_looks_no_farther_and_finds_what_is_near(town_map, method):
    view, place = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX), centre_of(town_map, 10.0, 10.0)
    with Refiner(town_map, RefinerSettings(method), ENCODER) as searching:
        near = searching.refine_at(view, place[0] - 3.0, place[1] + 2.0, reach_m=5.0)
        assert (near.east_m, near.north_m) == pytest.approx(place, abs=3.0 if method == "features" else 0.5)
        far = searching.refine_at(view, place[0] - 22.0, place[1], reach_m=5.0)
    assert not math.hypot(far.east_m - place[0], far.north_m - place[1]) < 10.0


def test_a_picture_that_was_closed_is_opened_again(town_map):
    view, place = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX), centre_of(town_map, 10.0, 10.0)
    searching = Refiner(town_map)
    for _ in range(2):
        assert searching.refine_at(view, *place).verdict is Verdict.CONFIRMED
        searching.close()


def test_beside_the_imagery_and_off_the_map_there_is_no_answer(town_map, refiner):
    view = view_of(TOWN, 0.0, 0.0, side_px=SIDE_PX)
    for east_m in (115.0, 5000.0):
        found = refiner.refine_at(view, *centre_of(town_map, east_m, 0.0))
        assert found.verdict is Verdict.UNDECIDED
        assert "too little imagery" in found.sentence


def test_without_candidates_there_is_no_answer(refiner):
    found = refiner.refine(view_of(TOWN, side_px=SIDE_PX), Candidates.none())
    assert (found.verdict, found.candidate) == (Verdict.UNDECIDED, -1)
    assert "no candidate" in found.sentence
    assert math.isnan(found.north_m)


@pytest.mark.parametrize(
    "view",
    [
        np.empty((0, 0, 3), np.uint8),
        np.full((SIDE_PX, SIDE_PX, 3), np.nan),
        np.zeros((SIDE_PX, SIDE_PX), np.uint8),
        np.zeros((SIDE_PX, SIDE_PX + 1, 3), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
    ],
)
def test_what_is_no_view_is_refused(town_map, refiner, view):
    with pytest.raises(FrameRefused, match="RGB uint8") as refusal:
        refiner.refine(view, candidates(town_map, (0.0, 0.0)))
    assert refusal.value.reason is Reason.BAD_IMAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "superglue"),
        ("places", 0),
        ("max_heading_error_deg", -1.0),
        ("max_heading_error_deg", math.nan),
        ("max_scale_error", 0.5),
        ("min_overlap", 0.0),
    ],
)
def test_settings_out_of_range_name_themselves(name, value):
    with pytest.raises(ParameterError, match=name):
        RefinerSettings(**{name: value})


def test_a_method_needs_what_it_needs(tmp_path):
    with pytest.raises(ParameterError, match="encoder"):
        make_method(RefinerSettings("features"))
    with pytest.raises(ParameterError, match="weights"):
        make_method(RefinerSettings("lightglue"))
    with pytest.raises(ParameterError, match="off"):
        make_method(RefinerSettings("off"))
    with pytest.raises(ModelError, match=r"missing|not installed"):
        make_method(RefinerSettings("lightglue", weights=tmp_path))


def test_auto_is_a_method_of_its_own_name():
    assert make_method(RefinerSettings()).name in METHODS
    assert make_method(RefinerSettings("sift")).name == "sift"


def test_the_encoder_on_shifted_crops_finds_the_shift(town_map):
    view = view_of(TOWN, 6.0, -5.0, side_px=SIDE_PX)
    with Refiner(town_map, RefinerSettings("features"), ENCODER) as by_encoder:
        found = by_encoder.refine_at(view, *centre_of(town_map, 0.0, 0.0))
        beside = by_encoder.refine_at(view, *centre_of(town_map, 5000.0, 0.0))
    assert (found.east_m, found.north_m) == pytest.approx(centre_of(town_map, 6.0, -5.0), abs=3.0)
    assert "too little imagery" in beside.sentence
