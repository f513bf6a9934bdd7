# SPDX-License-Identifier: Apache-2.0
"""Parts of the filter: tiles, the global and the local belief, motion, odometry, likelihoods."""

import numpy as np
import pytest
import toy_sequence as toy

import toy_map
from geoloc.filter import FilterSettings, global_belief, local_belief, motion
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.odometry import Displacement, Odometer
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import EAST, NORTH, SOUTH, WEST, Tiles

TILES = toy.TILES
CENTRE = int(TILES.nearest(np.array([0.0, 0.0]))[1])
SECOND = 1_000_000_000


def tiles_of(map_, keep=slice(None)):
    return Tiles(map_.tiles[keep], map_.pitch_m, map_.view_size_m)


def test_neighbours_are_one_step_away_and_missing_at_the_edge():
    for way, step in ((EAST, (20, 0)), (WEST, (-20, 0)), (NORTH, (0, 20)), (SOUTH, (0, -20))):
        neighbour = TILES.neighbours[way, CENTRE]
        np.testing.assert_allclose(TILES.centres_m[neighbour] - TILES.centres_m[CENTRE], step)
    corner = int(TILES.nearest(np.array([600.0, 600.0]))[1])
    assert TILES.neighbours[EAST, corner] == TILES.neighbours[NORTH, corner] == len(TILES)


def test_a_step_across_that_differs_from_the_step_along_is_found():
    table = toy.MAP.tiles.copy()
    table["north_m"] *= 0.9
    np.testing.assert_allclose(Tiles(table, 20.0, 40.0).pitches_m, [[20.0, 18.0]])


def test_every_level_covers_the_ground_once():
    both = toy_map.toy_map(toy.ENCODER, level_sizes=(40.0, 80.0))
    tiles = tiles_of(both)
    assert tiles.prior.sum() == pytest.approx(1.0)
    assert tiles.prior[tiles.level == 0].sum() == pytest.approx(tiles.prior[tiles.level == 1].sum())
    np.testing.assert_allclose(tiles.pitches_m, [[20, 20], [40, 40]])


def test_a_stray_tile_far_away_is_a_place_without_neighbours():
    table = np.append(toy.MAP.tiles, toy.MAP.tiles[:1])
    table["east_m"][-1], table["north_m"][-1] = 5e5, 5e5
    tiles = Tiles(table, 20.0, 40.0)
    assert (tiles.neighbours[:, -2] == len(tiles)).all()
    np.testing.assert_allclose(tiles.pitches_m, [[20.0, 20.0]])


@pytest.mark.parametrize("shift", [(7.0, -3.0), (20.0, 0.0), (-131.0, 88.0)])
def test_a_global_belief_moves_by_metres_and_keeps_its_mass(shift):
    known = global_belief.from_points(TILES, np.zeros((1, 2)), np.ones(1))
    moved = global_belief.predict(known, TILES, np.array(shift), np.zeros(2), 0.0)
    settled = global_belief._realigned(moved, TILES, np.zeros(2))
    assert np.abs(settled.displacement_m).max() <= 10.0 + 1e-9
    for belief in (moved, settled):
        place = global_belief.mode(belief, TILES)
        np.testing.assert_allclose(place.mean_m, shift, atol=1e-3)
        assert belief.weights.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("sigma_m", [5.0, 30.0, 90.0])
def test_a_global_belief_spreads_by_the_variance_it_is_given(sigma_m):
    known = global_belief.from_points(TILES, np.zeros((1, 2)), np.ones(1))
    spread = global_belief.predict(known, TILES, np.zeros(2), np.array([sigma_m**2, 0.0]), 0.0)
    weights = spread.weights[:-1].astype(float)
    assert weights @ TILES.centres_m[:, 0] ** 2 == pytest.approx(sigma_m**2, rel=0.02)
    assert weights @ TILES.centres_m[:, 1] ** 2 == pytest.approx(0.0, abs=1e-3)
    assert spread.weights.sum() == pytest.approx(1.0, abs=1e-5)


def test_small_variances_count_at_once_and_are_spread_together():
    moved = alone = global_belief.from_points(TILES, np.zeros((1, 2)), np.ones(1))
    least = global_belief.mode(alone, TILES).covariance_m2
    for count in range(1, 21):
        moved = global_belief.predict(moved, TILES, np.zeros(2), np.array([3.0, 1.0]), 0.0)
        more = global_belief.mode(moved, TILES).covariance_m2 - least
        np.testing.assert_allclose(np.diag(more), [3.0 * count, 1.0 * count], rtol=0.02)
        if count == 2:
            np.testing.assert_array_equal(moved.weights, alone.weights)
    weights = moved.weights[:-1].astype(float)
    assert weights @ TILES.centres_m[:, 0] ** 2 == pytest.approx(60.0, abs=8.0)


def test_what_moves_over_the_edge_is_off_the_map():
    known = global_belief.from_points(TILES, np.array([[590.0, 0.0]]), np.ones(1))
    gone = global_belief._realigned(
        global_belief.predict(known, TILES, np.array([60.0, 0.0]), np.zeros(2), 0.0), TILES, np.zeros(2)
    )
    assert gone.weights[-1] == pytest.approx(1.0, abs=1e-4)
    assert global_belief.mode(gone, TILES).probability == pytest.approx(0.0, abs=1e-4)


def test_levels_move_each_by_its_own_pitch():
    both = toy_map.toy_map(toy.ENCODER, east=(-200, 200), north=(-200, 200), level_sizes=(40.0, 80.0))
    tiles = tiles_of(both)
    middle = [int(np.flatnonzero(tiles.level == level)[count // 2]) for level, count in ((0, 441), (1, 121))]
    weights = np.zeros(len(tiles) + 1, np.float32)
    weights[middle] = 0.5
    known = global_belief.GlobalBelief(weights, np.zeros((2, 2)))
    moved = global_belief.predict(known, tiles, np.array([50.0, 0.0]), np.zeros(2), 0.0)
    settled = global_belief._realigned(moved, tiles, np.zeros(2))
    held = np.flatnonzero(settled.weights[:-1] > 0.1)
    there = tiles.centres_m[held] + settled.displacement_m[tiles.level[held]]
    np.testing.assert_allclose(there, tiles.centres_m[middle] + np.array([50.0, 0.0]))


def test_scores_between_tiles_are_those_of_the_place_between():
    shift = np.array([9.0, -6.0])
    query = toy.ENCODER.at(*TILES.centres_m[CENTRE] + shift)
    scores = (toy.MAP.descriptors @ query).astype(np.float32)
    found = global_belief._interpolated(scores, TILES, shift[None] / TILES.pitches_m, np.arange(len(TILES)))
    assert found.argmax() == CENTRE
    assert found[CENTRE] == pytest.approx(1.0, abs=0.06)
    assert scores[CENTRE] < 0.92


def step(shift_m, spread_m2, stray_share=0.0, stray_m=1.0):
    drift = motion.prior(True, FilterSettings())
    return motion.MotionStep(np.array(shift_m), np.array(spread_m2), drift, stray_share, stray_m)


def test_a_local_belief_keeps_the_moments_it_is_made_of_and_moved_by():
    covariance = np.array([[60.0, 20.0], [20.0, 30.0]])
    made = local_belief.gaussian(TILES, np.array([3.0, -4.0]), covariance)
    mean, found = made.moments()
    np.testing.assert_allclose(mean, [3.0, -4.0], atol=1e-6)
    np.testing.assert_allclose(found, covariance, atol=2.0)
    spread = np.array([[40.0, -10.0], [-10.0, 80.0]])
    moved_mean, moved = local_belief.predict(made, step((5.3, 0.4), spread, 0.01, 20.0)).moments()
    np.testing.assert_allclose(moved_mean, [8.3, -3.6], atol=1e-6)
    np.testing.assert_allclose(moved, found + spread + np.eye(2) * 0.01 * 20.0**2, atol=0.1)


def test_a_local_belief_grows_with_its_covariance():
    small = local_belief.gaussian(TILES, np.zeros(2), np.eye(2) * 9.0)
    large = local_belief.predict(small, step((0.0, 0.0), np.eye(2) * 50.0**2))
    assert len(large.weights) > len(small.weights)
    assert large.half_m >= 5 * 50.0 * 0.95
    assert np.sqrt(large.moments()[1][0, 0]) == pytest.approx(50.0, rel=0.01)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (13.0, -21.0)])
def test_a_local_belief_is_likeliest_where_the_view_was_taken_less_its_offset(offset):
    place = np.array([7.0, 5.0])
    looked = LookUp(toy.ENCODER.at(*place), toy.MAP.descriptors, offset)
    made = local_belief.gaussian(TILES, place + offset, np.eye(2) * 100.0)
    likelihood = local_belief.likelihood(made, TILES, looked, LikelihoodModel(), full=True)
    row, column = np.unravel_index(likelihood.argmax(), likelihood.shape)
    east_m, north_m = made.axes_m
    assert (east_m[column], north_m[row]) == pytest.approx(tuple(place + offset), abs=made.cell_m)


def test_a_sample_of_the_map_gives_the_likelihood_that_all_of_it_would():
    looked = LookUp(toy.views([(7.0, 5.0)])[0], toy.MAP.descriptors)
    made = local_belief.gaussian(TILES, np.array([7.0, 5.0]), np.eye(2) * 100.0)
    part, full = (
        local_belief.likelihood(made, TILES, looked, LikelihoodModel(), full=full) for full in (False, True)
    )
    np.testing.assert_allclose(part, full, rtol=0.05, atol=0.01)


def test_where_the_map_has_no_tile_a_look_up_is_uninformative():
    hole = (np.abs(toy.MAP.tiles["east_m"]) < 150) & (np.abs(toy.MAP.tiles["north_m"]) < 150)
    tiles, descriptors = tiles_of(toy.MAP, ~hole), toy.MAP.descriptors[~hole]
    made = local_belief.gaussian(tiles, np.zeros(2), np.eye(2) * 9.0)
    likelihood = local_belief.likelihood(
        made, tiles, LookUp(toy.views([(0.0, 0.0)])[0], descriptors), LikelihoodModel()
    )
    np.testing.assert_array_equal(likelihood, 1.0)
    edge = local_belief.gaussian(tiles, np.array([160.0, 0.0]), np.eye(2) * 9.0)
    likelihood = local_belief.likelihood(
        edge, tiles, LookUp(toy.views([(160.0, 0.0)])[0], descriptors), LikelihoodModel()
    )
    assert likelihood.max() > 10.0
    assert (likelihood == 1.0).any()


def test_a_map_of_a_single_tile_can_be_tracked_over():
    tiles, descriptors = tiles_of(toy.MAP, slice(0, 1)), toy.MAP.descriptors[:1]
    made = local_belief.gaussian(tiles, tiles.centres_m[0], np.eye(2) * 9.0)
    assert np.isfinite(
        local_belief.likelihood(made, tiles, LookUp(descriptors[0], descriptors), LikelihoodModel())
    ).all()


def odometer(places, step_s=0.1):
    filled = Odometer(25.0)
    for i, place in enumerate(places):
        filled.add(round(i * step_s * SECOND), place)
    return filled


def test_odometry_is_interpolated_between_its_samples_and_a_little_beyond():
    known = odometer([(i * 1.0, -0.5 * i) for i in range(11)])
    np.testing.assert_allclose(known.between(SECOND // 4, SECOND * 3 // 4).shift_m, [5.0, -2.5])
    np.testing.assert_allclose(known.between(SECOND // 2, SECOND * 6 // 5).shift_m, [7.0, -3.5])
    assert known.between(SECOND // 2, SECOND * 3 // 2) is None
    assert known.between(2 * SECOND, 3 * SECOND) is None


@pytest.mark.parametrize("places", [[], [(0.0, 0.0)], [(0.0, 0.0), (0.0, 0.0), (99.0, 0.0), (99.0, 0.0)]])
def test_odometry_that_is_missing_or_jumps_gives_no_displacement(places):
    assert odometer(places).between(0, 3 * SECOND // 10) is None


def test_a_speed_is_learnt_from_corrections_of_the_position():
    settings = FilterSettings(max_speed_mps=25.0)
    drift, covariance, place = motion.prior(False, settings), np.eye(2) * 4.0, np.zeros(2)
    for i in range(1, 20):
        moved = motion.predict(drift, None, 0.5, settings)
        before = place + moved.shift_m, covariance + moved.spread_m2
        gain = before[1] @ np.linalg.inv(before[1] + np.eye(2) * 4.0)
        place = before[0] + gain @ (np.array([6.0 * i, -3.0 * i]) - before[0])
        covariance = before[1] - gain @ before[1]
        drift = motion.update(moved.state, before, (place, covariance))
    np.testing.assert_allclose(drift.mean, [12.0, -6.0], atol=0.5)
    assert np.sqrt(drift.covariance[0, 0]) < 4.0


def test_without_any_look_up_the_speed_stays_within_its_bounds():
    settings = FilterSettings(max_speed_mps=20.0)
    moved = motion.predict(motion.prior(False, settings), None, 600.0, settings)
    assert np.sqrt(moved.state.covariance[0, 0]) == pytest.approx(10.0, rel=0.01)
    assert 500.0 < np.sqrt(moved.spread_m2[0, 0]) < 20.0 * 600.0


def test_odometry_wrong_in_scale_and_heading_is_learnt():
    settings = FilterSettings(odom_error=0.2)
    drift, covariance = motion.prior(True, settings), np.eye(2)
    place, truth, wrong = np.zeros(2), np.zeros(2), np.array([[1.1, 0.1], [-0.1, 1.1]])
    for i in range(40):
        step = 10.0 * np.array([np.cos(0.2 * i), np.sin(0.2 * i)])
        truth = truth + wrong @ step
        moved = motion.predict(drift, Displacement(step), 0.5, settings)
        before = place + moved.shift_m, covariance + moved.spread_m2
        gain = before[1] @ np.linalg.inv(before[1] + np.eye(2))
        place, covariance = before[0] + gain @ (truth - before[0]), before[1] - gain @ before[1]
        drift = motion.update(moved.state, before, (place, covariance))
    np.testing.assert_allclose(drift.mean, [0.1, -0.1], atol=0.02)


def test_the_same_look_up_counts_little_and_a_new_one_fully():
    model = LikelihoodModel(independent_drop=0.5, min_exponent=0.1)
    assert model.exponent(-1.0) == model.exponent(0.3) == 1.0
    assert model.exponent(1.0) == 0.1
    assert model.exponent(0.8) == pytest.approx(0.4)


def test_a_likelihood_is_one_where_all_scores_are_the_same_and_has_a_floor():
    model = LikelihoodModel(outlier_share=0.2)
    prior = np.full(100, 0.01)
    flat = np.full(100, 0.7)
    np.testing.assert_allclose(model.likelihood(flat, model.background(flat, prior)), 1.0)
    peaked = np.append(flat[:-1] - 0.6, 0.9)
    found = model.likelihood(peaked, model.background(peaked, prior))
    assert prior @ found == pytest.approx(1.0)
    assert found.min() == pytest.approx(0.2, abs=1e-6)
