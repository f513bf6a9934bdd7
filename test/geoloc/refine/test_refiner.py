# SPDX-License-Identifier: Apache-2.0
"""Registration of views with a map on disk, in metres of the map's frame."""

import math

import numpy as np
import pytest

from geoloc.errors import FrameRefused, ModelError, ParameterError, Reason
from geoloc.refine import METHODS, Refiner, Verdict, make_method
from refine_scene import GSD_M, SIDE_PX, build_town_map, centre_of, later, tilted_view_of, town, view_of

TOWN = town(4, side_px=500)


@pytest.fixture(scope="module")
def town_map(tmp_path_factory):
    return build_town_map(tmp_path_factory.mktemp("refiner"), TOWN)


@pytest.fixture(scope="module")
def refiner(town_map):
    with Refiner(town_map, make_method()) as opened:
        yield opened


def test_a_view_is_placed_to_a_pixel(town_map, refiner):
    east_m, north_m = -13.0, 21.0
    view = later(view_of(TOWN, east_m, north_m, math.radians(4.0), 1.03, side_px=SIDE_PX))
    expected = centre_of(town_map, east_m, north_m)
    found = refiner.refine(view, expected[0] + 9.0, expected[1] - 6.0)
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert (found.east_m, found.north_m) == pytest.approx(expected, abs=GSD_M)
    assert found.rotation_rad == pytest.approx(math.radians(4.0), abs=0.02)
    assert found.scale == pytest.approx(1.03, abs=0.02)
    assert np.linalg.eigvalsh(found.covariance_m2)[0] > 0


def test_a_place_beside_the_view_is_refined_too(town_map, refiner):
    view = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX)
    place = centre_of(town_map, 10.0, 10.0)
    assert refiner.refine(view, place[0] - 8.0, place[1] + 5.0).verdict is Verdict.CONFIRMED
    beside = refiner.refine(view, place[0] - 60.0, place[1] + 60.0)
    assert beside.verdict is not Verdict.CONFIRMED
    assert math.isnan(beside.east_m)
    assert np.isnan(beside.covariance_m2).all()
    assert math.isnan(beside.scale)
    with pytest.raises(ParameterError, match="three numbers"):
        refiner.refine(view, math.nan, 0.0)
    with pytest.raises(ParameterError, match="the reach nan m"):
        refiner.refine(view, 0.0, 0.0, math.nan)


def test_the_camera_s_pose_is_that_of_the_place_whatever_patch_was_read(town_map, refiner):
    tilt_rad, place = np.radians([3.0, -4.0]), np.array(centre_of(town_map, -13.0, 21.0))
    view = tilted_view_of(TOWN, tilt_rad, 50.0, -13.0, 21.0)
    for away_m in ((2.0, -1.0), (11.0, 9.0)):
        found = refiner.refine(view, *(place + away_m))
        assert found.verdict is Verdict.CONFIRMED, found.sentence
        pose = refiner.pose(view, found, np.zeros(2), 50.0)
        np.testing.assert_allclose(pose.place_m, place, atol=0.8)
        np.testing.assert_allclose(pose.tilt_rad, tilt_rad, atol=np.radians(1.0))
    with Refiner(town_map, make_method()) as fresh:
        read = fresh.pose(view, found, np.zeros(2), 50.0)
    np.testing.assert_allclose(read.place_m, pose.place_m, atol=0.3)


def test_a_short_reach_looks_no_farther_and_finds_what_is_near(town_map, refiner):
    view, place = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX), centre_of(town_map, 10.0, 10.0)
    near = refiner.refine(view, place[0] - 3.0, place[1] + 2.0, reach_m=5.0)
    assert (near.east_m, near.north_m) == pytest.approx(place, abs=0.5)
    far = refiner.refine(view, place[0] - 22.0, place[1], reach_m=5.0)
    assert not math.hypot(far.east_m - place[0], far.north_m - place[1]) < 10.0


def test_a_picture_that_was_closed_is_opened_again(town_map):
    view, place = view_of(TOWN, 10.0, 10.0, side_px=SIDE_PX), centre_of(town_map, 10.0, 10.0)
    searching = Refiner(town_map, make_method())
    for _ in range(2):
        assert searching.refine(view, *place).verdict is Verdict.CONFIRMED
        searching.close()


def test_beside_the_imagery_and_off_the_map_there_is_no_answer(town_map, refiner):
    view = view_of(TOWN, 0.0, 0.0, side_px=SIDE_PX)
    for east_m in (115.0, 5000.0):
        found = refiner.refine(view, *centre_of(town_map, east_m, 0.0))
        assert found.verdict is Verdict.UNDECIDED
        assert "too little imagery" in found.sentence


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
def test_what_is_no_view_is_refused(refiner, view):
    with pytest.raises(FrameRefused, match="RGB uint8") as refusal:
        refiner.refine(view, 0.0, 0.0)
    assert refusal.value.reason is Reason.BAD_IMAGE


def test_a_method_without_its_weights_or_of_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="weights"):
        make_method("lightglue")
    for name in ("off", "superglue"):
        with pytest.raises(ParameterError, match=rf"'{name}' is not a refinement method; use one of auto"):
            make_method(name)
    with pytest.raises(ModelError, match=r"missing|not installed"):
        make_method("lightglue", weights=tmp_path)


def test_auto_is_a_method_of_its_own_name():
    assert make_method().name in METHODS
    assert make_method("sift").name == "sift"
