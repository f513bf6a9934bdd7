# SPDX-License-Identifier: Apache-2.0
"""Flights with coarse-to-fine search get the same answers as with an exhaustive search."""

import numpy as np
import pytest
import toy_sequence as toy

import toy_map
from geoloc.filter import BayesFilter, FilterSettings, State
from geoloc.hypotheses import Hypotheses
from geoloc.search.coarse_search import CoarseSearch
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

WIDE = {"east": (-600, 600), "north": (-600, 600)}
LEVELS = toy_map.toy_map(toy.ENCODER, level_sizes=(40.0, 80.0), **WIDE)


def with_holes(map_, side_m=150.0):
    """Return the map without a fifth of its squares of this side, like lakes and clouds."""
    centres_m = np.column_stack([map_.tiles["east_m"], map_.tiles["north_m"]])
    column, row = (np.floor(centres_m / side_m).astype(int) + 10).T
    keep = np.random.default_rng(0).random((20, 20))[row, column] >= 0.2
    return toy_map.ToyMap(map_.tiles[keep], map_.descriptors[keep])


def fly_both(map_, flight, tried=None):
    """Return beliefs and errors in metres, with an exhaustive and a coarse-to-fine search."""
    tiles = Tiles(map_.tiles, map_.pitch_m, map_.view_size_m)
    found = []
    for coarse in (None, CoarseSearch(tiles, map_.descriptors)):
        filter_ = BayesFilter(tiles, toy.LIKELIHOOD_MODEL, FilterSettings(), tried)
        for stamp_ns, place in zip(flight.stamps_ns, flight.odometry_m, strict=True):
            filter_.add_odometry(int(stamp_ns), tuple(place))
        beliefs = [
            filter_.update(int(stamp_ns), LookUp(query, map_.descriptors, coarse_search=coarse))
            for stamp_ns, query in zip(flight.stamps_ns, flight.queries, strict=True)
        ]
        errors_m = [toy.error_m(b, truth) for b, truth in zip(beliefs, flight.truth_m, strict=True)]
        found.append((beliefs, np.array(errors_m)))
    return found


def apart_m(one, other):
    places = [np.array([(belief.east_m, belief.north_m) for belief in beliefs]) for beliefs in (one, other)]
    return np.hypot(*(places[0] - places[1]).T)


@pytest.mark.parametrize(
    "map_",
    [toy.MAP, LEVELS, with_holes(toy.MAP), with_holes(LEVELS)],
    ids=["one level", "two levels", "holes", "two levels and holes"],
)
@pytest.mark.parametrize("season", [1.0, 2.0])
def test_a_flight_is_answered_as_when_every_tile_is_compared(map_, season):
    apart, worse, differ = [], [], []
    for seed in range(4):
        (exact, exact_m), (quick, errors_m) = fly_both(map_, toy.fly(seed, count=25, season=season))
        answered = toy.answered(quick) & toy.answered(exact)
        differ.append(toy.answered(quick) != toy.answered(exact))
        apart.append(apart_m(exact, quick)[answered])
        worse.append((errors_m - exact_m)[answered])
    assert np.concatenate(apart).size > 50  # over a lake there is nothing to answer
    assert np.concatenate(differ).sum() <= 1  # a probability close to the limit
    assert np.median(np.concatenate(apart)) < 0.02 * toy_map.PITCH_M
    assert np.concatenate(apart).max() < 0.3 * toy_map.PITCH_M
    assert np.concatenate(worse).max() < 0.25 * toy_map.PITCH_M


def test_a_drone_carried_off_is_found_again_in_the_same_frame():
    first, second = toy.fly(3, count=20, start=(-300, -300)), toy.fly(4, count=20, start=(300, 250))
    flight = toy.Flight(
        np.arange(40) * toy.STEP_NS,
        np.concatenate([first.truth_m, second.truth_m]),
        np.concatenate([first.odometry_m, first.odometry_m[-1] + second.odometry_m]),
        np.concatenate([first.queries, second.queries]),
    )
    (exact, _), (quick, errors_m) = fly_both(toy.MAP, flight)
    answered = toy.answered(quick)
    np.testing.assert_array_equal(answered, toy.answered(exact))
    assert not answered[20:].all()
    assert answered[-5:].all()
    assert errors_m[answered].max() < toy_map.PITCH_M


def test_views_of_another_town_are_never_answered():
    flight = toy.fly(5, count=40)
    elsewhere = toy_map.ToyEncoder(seed=77).at(*flight.truth_m.T)
    strange = toy.Flight(flight.stamps_ns, flight.truth_m, flight.odometry_m, elsewhere)
    for beliefs, _ in fly_both(toy.MAP, strange):
        assert not toy.answered(beliefs).any()


def test_identical_tiles_give_no_fix():
    alike = np.repeat(toy.MAP.descriptors[:1], len(toy.MAP.tiles), axis=0)
    for beliefs, _ in fly_both(toy_map.ToyMap(toy.MAP.tiles, alike), toy.fly(6, count=20)):
        assert {belief.state for belief in beliefs} == {State.STARTING}
        assert max(belief.probability for belief in beliefs) < 0.01


def test_two_identical_towns_cannot_be_told_apart():
    """The eastern half of the map repeats the western half, so no view can tell them apart."""
    tiles = toy.MAP.tiles.copy()
    east_m = np.where(tiles["east_m"] > 0, tiles["east_m"] - 620.0, tiles["east_m"])
    map_ = toy_map.ToyMap(tiles, toy.ENCODER.at(east_m, tiles["north_m"]))
    flight = toy.fly(7, count=20, start=(-320, 0), speed_mps=6.0)
    for beliefs, _ in fly_both(map_, flight):
        assert not toy.answered(beliefs).any()


def test_the_height_is_estimated_as_when_every_tile_is_compared():
    tried, flight = Hypotheses(height_error=0.6), toy.fly(8, count=20)
    wrong = [toy_map.ToyEncoder(seed=200 + row).at(*flight.truth_m.T) for row in range(tried.count)]
    rows = np.stack(wrong, axis=1)
    rows[:, 1] = flight.queries
    flight = toy.Flight(flight.stamps_ns, flight.truth_m, flight.odometry_m, rows)
    (exact, _), (quick, errors_m) = fly_both(toy.MAP, flight, tried)
    answered = toy.answered(quick)
    np.testing.assert_array_equal(answered, toy.answered(exact))
    assert answered[-1]
    assert errors_m[answered].max() < toy_map.PITCH_M
    np.testing.assert_allclose(quick[-1].hypothesis_weights, exact[-1].hypothesis_weights, atol=0.02)
