# SPDX-License-Identifier: Apache-2.0
"""Edge directions correlated with the map: known shifts, turns, scales and uncertain cases."""

import math

import cv2
import numpy as np
import pytest

from geoloc.refine import Verdict
from geoloc.refine.correlation import OrientationCorrelation
from geoloc.refine.orientation import Edges, correlate, ground_mask
from refine_scene import GSD_M, SIDE_PX, later, patch_of, town, view_of

METHOD = OrientationCorrelation()
TOWN = town(1)


@pytest.mark.parametrize(
    ("east_m", "north_m", "heading_deg", "scale"),
    [
        (0.0, 0.0, 0.0, 1.0),
        (7.3, -4.1, 0.0, 1.0),
        (-20.2, 15.6, 0.0, 1.0),
        (3.0, 5.0, 8.0, 1.0),
        (3.0, 5.0, -6.5, 1.0),
        (-4.0, 2.0, 0.0, 1.1),
        (-4.0, 2.0, 0.0, 0.9),
        (9.1, -8.4, -9.0, 1.08),
    ],
)
def test_shift_turn_and_scale_are_found_on_another_date(east_m, north_m, heading_deg, scale):
    view = later(view_of(TOWN, east_m, north_m, math.radians(heading_deg), scale))
    found = METHOD.register(view, patch_of(TOWN))
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert math.hypot(found.east_m - east_m, found.north_m - north_m) < GSD_M / 2
    assert math.degrees(found.rotation_rad) == pytest.approx(heading_deg, abs=0.6)
    assert found.scale == pytest.approx(scale, abs=0.01)


@pytest.mark.parametrize("side_px", [32, 95, 224])
def test_any_size_of_view_will_do(side_px):
    picture = town(2, side_px=4 * side_px)
    found = METHOD.register(view_of(picture, 1.2, 0.7, side_px=side_px), patch_of(picture, side_px=side_px))
    assert math.hypot(found.east_m - 1.2, found.north_m - 0.7) < 0.4


@pytest.mark.parametrize("seed", range(6))
def test_another_place_is_never_confirmed(seed):
    found = METHOD.register(later(view_of(town(seed + 10))), patch_of(TOWN))
    assert found.verdict is not Verdict.CONFIRMED
    assert "edges correlate by" in found.sentence or "another shift" in found.sentence


@pytest.mark.parametrize("grain", [0.0, 2.0])
def test_ground_without_texture_is_undecided(grain):
    noise = np.random.default_rng(0).normal(0.0, grain, (SIDE_PX, SIDE_PX, 3))
    dull = np.clip(120.0 + noise, 0, 255).astype(np.uint8)
    assert METHOD.register(dull, patch_of(TOWN)).verdict is Verdict.UNDECIDED
    flat = np.full_like(TOWN, 120)
    assert METHOD.register(view_of(TOWN), patch_of(flat)).verdict is Verdict.UNDECIDED


def test_a_pattern_that_repeats_is_undecided():
    rows, columns = np.mgrid[:400, :400]
    lattice = (((rows // 8) % 2) ^ ((columns // 8) % 2)).astype(np.uint8) * 120 + 60
    board = np.repeat(lattice[..., None], 3, axis=2)
    found = METHOD.register(view_of(board, 1.0, 1.0), patch_of(board))
    assert found.verdict is Verdict.UNDECIDED
    assert "another shift correlates" in found.sentence


def test_a_lone_road_does_not_tell_how_far_along_it():
    road = np.full((400, 400, 3), 110, np.uint8)
    cv2.line(road, (0, 180), (399, 220), (200, 200, 200), 9)
    road = later(road, grain=2.0)
    assert METHOD.register(view_of(road, 3.0, 0.0), patch_of(road)).verdict is Verdict.UNDECIDED


def test_at_the_edge_of_the_map_what_is_there_suffices():
    valid = np.ones(TOWN.shape[:2], bool)
    valid[:, :165] = False  # all west of 17 m west of the centre
    found = METHOD.register(later(view_of(TOWN, 4.0, -3.0)), patch_of(TOWN, valid))
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert math.hypot(found.east_m - 4.0, found.north_m + 3.0) < GSD_M


def test_without_imagery_there_is_no_answer():
    found = METHOD.register(view_of(TOWN), patch_of(TOWN, np.zeros(TOWN.shape[:2], bool)))
    assert found.verdict is Verdict.UNDECIDED
    assert "too little imagery" in found.sentence
    assert math.isnan(found.east_m)
    assert np.isnan(found.covariance_m2).all()


def test_where_a_third_of_the_view_lies_off_the_imagery_it_is_still_found():
    valid = np.ones(TOWN.shape[:2], bool)
    valid[:, :180] = False  # a third of the view and more of the patch
    assert METHOD.register(view_of(TOWN, 2.0, 0.0), patch_of(TOWN, valid)).east_m == pytest.approx(
        2.0, abs=0.5
    )


def test_what_a_frame_did_not_cover_is_not_ground():
    view = later(view_of(TOWN, 5.0, 5.0))
    view[:40] = 117
    assert ground_mask(view)[:39].sum() == 0
    assert ground_mask(view)[41:].all()
    roof = later(view_of(TOWN))
    roof[30:60, 30:60] = 200
    assert ground_mask(roof).all()
    found = METHOD.register(view, patch_of(TOWN))
    assert math.hypot(found.east_m - 5.0, found.north_m - 5.0) < GSD_M


def test_masked_correlation_is_that_of_its_definition():
    rng = np.random.default_rng(3)
    fields = [rng.normal(size=(side, side, 2)).astype(np.float32) for side in (14, 9)]
    masks = [(rng.random((side, side)) > 0.3).astype(np.float32) for side in (14, 9)]
    patch, view = (
        Edges(field * mask[..., None], mask, ((field * mask[..., None]) ** 2).sum(axis=2))
        for field, mask in zip(fields, masks, strict=True)
    )
    surface = correlate(patch, view, min_overlap=0.1)
    assert surface.shape == (6, 6)
    under = patch.field[2:11, 4:13]
    expected = (under * view.field).sum() / np.sqrt(
        (patch.energy[2:11, 4:13] * view.mask).sum() * view.energy.sum()
    )
    assert surface[2, 4] == pytest.approx(expected, abs=1e-4)


def test_covariance_means_what_it_says():
    errors, claimed = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        truth = rng.uniform(-8, 8, 2)
        moved = town(seed, lean_px=3.0)
        view = later(view_of(moved, *truth, math.radians(rng.uniform(-8, 8))), seed, grain=12.0)
        found = METHOD.register(view, patch_of(town(seed)))
        errors.append((found.east_m - truth[0], found.north_m - truth[1]))
        claimed.append(found.covariance_m2)
        assert np.linalg.eigvalsh(found.covariance_m2)[0] >= GSD_M**2 / 12
    normalised = [e @ np.linalg.solve(c, e) for e, c in zip(np.array(errors), claimed, strict=True)]
    assert 0.2 < np.mean(normalised) / 2 < 3.0
