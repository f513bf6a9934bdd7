# SPDX-License-Identifier: Apache-2.0
"""Input that must not mislead the filter: bad odometry, uninformative views."""

import math

import numpy as np
import pytest
import toy_sequence as toy

import toy_map
from geoloc.errors import ParameterError, Reason
from geoloc.filter import BayesFilter, FilterSettings, LikelihoodModel, State
from geoloc.localizer import Localizer
from geoloc.query import Query
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

FALSE_FIX_M = 100.0


def flown(flight, odometry_m, stamps_ns=None, **settings):
    """Fly with this odometry in place of the flight's own; return beliefs and errors."""
    filter_ = toy.new_filter(**settings)
    for stamp_ns, place in zip(flight.stamps_ns if stamps_ns is None else stamps_ns, odometry_m, strict=True):
        filter_.add_odometry(int(stamp_ns), (float(place[0]), float(place[1])))
    return toy.run(flight, filter_, odometry=False)


def assert_flies_on(beliefs, errors_m, after=15, within_m=toy.MAP.pitch_m):
    answered = toy.answered(beliefs)
    assert not (errors_m[answered] > FALSE_FIX_M).any()
    assert answered[after:].mean() > 0.9
    assert np.median(errors_m[after:][answered[after:]]) < within_m


def test_odometry_that_jumps_is_left_out_for_that_step():
    flight = toy.fly(20)
    jumped = flight.odometry_m + np.where(np.arange(40) >= 20, 500.0, 0.0)[:, None]
    beliefs, errors_m = flown(flight, jumped)
    assert_flies_on(beliefs, errors_m)
    assert errors_m[20:].max() < toy.MAP.pitch_m


def test_odometry_with_one_wild_sample_does_no_harm():
    flight = toy.fly(21)
    wild = flight.odometry_m.copy()
    wild[25] += [9e4, -9e4]
    assert_flies_on(*flown(flight, wild))


def test_odometry_that_ends_is_replaced_by_the_speed():
    flight = toy.fly(22)
    filter_ = toy.new_filter()
    for stamp_ns, place in zip(flight.stamps_ns[:20], flight.odometry_m[:20], strict=True):
        filter_.add_odometry(int(stamp_ns), tuple(place))
    beliefs, errors_m = toy.run(flight, filter_, odometry=False)
    assert_flies_on(beliefs, errors_m)
    assert np.trace(beliefs[24].covariance_m2) > np.trace(beliefs[19].covariance_m2)


def test_odometry_that_sticks_while_the_drone_flies_on_gives_no_false_fix():
    flight = toy.fly(23, count=60)
    stuck = flight.odometry_m.copy()
    stuck[20:] = stuck[20]
    beliefs, errors_m = flown(flight, stuck)
    answered = toy.answered(beliefs)
    assert not (errors_m[answered] > FALSE_FIX_M).any()


def test_odometry_whose_clock_goes_back_starts_anew():
    flight = toy.fly(24)
    filter_ = toy.new_filter()
    for i in range(40):
        filter_.add_odometry(int(flight.stamps_ns[i]) + 10**12, (1e3, 1e3))
    beliefs, errors_m = toy.run(flight, filter_)
    assert_flies_on(beliefs, errors_m)


def test_odometry_in_any_order_is_put_in_order():
    flight = toy.fly(25)
    in_order, shuffled = toy.new_filter(), toy.new_filter()
    for i in range(40):
        in_order.add_odometry(int(flight.stamps_ns[i]), tuple(flight.odometry_m[i]))
        j = i + 1 - 2 * (i % 2)  # 1 0 3 2 5 4
        shuffled.add_odometry(int(flight.stamps_ns[j]), tuple(flight.odometry_m[j]))
    first, _ = toy.run(flight, in_order, odometry=False)
    second, _ = toy.run(flight, shuffled, odometry=False)
    assert first[-1].east_m == second[-1].east_m


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_odometry_that_is_no_number_is_thrown_away(value):
    flight = toy.fly(26)
    broken = flight.odometry_m.copy()
    broken[10:14] = value
    assert_flies_on(*flown(flight, broken))


@pytest.mark.parametrize(
    "covariance",
    [np.zeros((2, 2)), np.full((2, 2), math.nan), -np.eye(2), np.array([[1.0, 9.0], [9.0, 1.0]])],
    ids=["zeros", "NaN", "negative", "impossible"],
)
def test_an_invalid_covariance_of_odometry_is_not_used(covariance):
    flight = toy.fly(27, count=15)
    plain, told = toy.new_filter(), toy.new_filter()
    for stamp_ns, place in zip(flight.stamps_ns, flight.odometry_m, strict=True):
        plain.add_odometry(int(stamp_ns), tuple(place))
        told.add_odometry(int(stamp_ns), tuple(place), covariance)
    first, second = (toy.run(flight, filter_, odometry=False)[0][-1] for filter_ in (plain, told))
    np.testing.assert_array_equal(first.covariance_m2, second.covariance_m2)


def test_a_covariance_of_odometry_that_grows_makes_the_belief_wider():
    flight = toy.fly(28, count=25)
    plain, told = toy.new_filter(), toy.new_filter()
    for i, stamp_ns in enumerate(flight.stamps_ns):
        plain.add_odometry(int(stamp_ns), tuple(flight.odometry_m[i]))
        told.add_odometry(int(stamp_ns), tuple(flight.odometry_m[i]), np.eye(2) * 9.0 * (i + 1))
    first, second = (toy.run(flight, filter_, odometry=False)[0][-1] for filter_ in (plain, told))
    assert np.trace(second.covariance_m2) > 1.5 * np.trace(first.covariance_m2)


def water(count=3000):
    """Return a map whose tiles all look the same."""
    map_ = toy_map.toy_map(toy.ENCODER, east=(-500, 500), north=(-500, 500))
    same = np.broadcast_to(map_.descriptors[:1], map_.descriptors.shape).copy()
    return Tiles(map_.tiles, map_.pitch_m, map_.view_size_m), same


@pytest.mark.parametrize("similarity", [1.0, 0.0])
def test_over_identical_tiles_nothing_is_found(similarity):
    tiles, descriptors = water()
    filter_ = BayesFilter(tiles)
    query = descriptors[0] * np.float32(similarity)
    for i in range(30):
        belief = filter_.update(i * toy.STEP_NS, LookUp(query, descriptors))
        assert belief.state is State.STARTING
    assert belief.probability < 0.1


def test_over_identical_tiles_a_known_place_is_kept_as_well_as_odometry_can():
    tiles, descriptors = water()
    filter_ = BayesFilter(tiles, LikelihoodModel(), FilterSettings(confidence=0.95))
    filter_.add_hint(0, np.array([0.0, 0.0]), np.eye(2) * 25.0)
    for i in range(20):
        filter_.add_odometry(i * toy.STEP_NS, (5.0 * i, 0.0))
        belief = filter_.update(i * toy.STEP_NS + 1, LookUp(descriptors[0], descriptors))
    assert belief.refusal is None
    assert (belief.east_m, belief.north_m) == pytest.approx((95.0, 0.0), abs=2.0)
    assert np.trace(belief.covariance_m2) > 50.0


def test_two_identical_places_are_not_told_apart_by_look_ups():
    descriptors = toy.MAP.descriptors.copy()
    flight = toy.fly(30, count=20, start=(-350, 0), speed_mps=3.0)
    east = toy.MAP.tiles["east_m"] > 0
    twin = toy.ENCODER.at(toy.MAP.tiles["east_m"][east] - 600.0, toy.MAP.tiles["north_m"][east])
    descriptors[east] = twin
    filter_ = toy.new_filter()
    for stamp_ns, query in zip(flight.stamps_ns, flight.queries, strict=True):
        belief = filter_.update(int(stamp_ns), LookUp(query, descriptors))
        assert belief.refusal is not None
    assert 0.3 < belief.probability < 0.7


@pytest.mark.parametrize(
    "descriptor", [np.full(toy_map.DEPTH, math.nan), np.zeros(toy_map.DEPTH), np.ones(3)]
)
def test_an_invalid_descriptor_never_reaches_the_belief(descriptor):
    flight = toy.fly(31, count=20)
    localizer = Localizer(toy.MAP, None)
    fixes = [
        localizer.answer(Query(int(stamp_ns), query))
        for stamp_ns, query in zip(flight.stamps_ns, flight.queries, strict=True)
    ]
    assert fixes[-1].reason is None
    bad = localizer.answer(Query(int(flight.stamps_ns[-1]) + 1, descriptor))
    assert bad.reason is Reason.BAD_DESCRIPTOR
    again = localizer.answer(Query(int(flight.stamps_ns[-1]), flight.queries[-1]))
    assert (again.east_m, again.reason) == (fixes[-1].east_m, None)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (FilterSettings, "max_speed_mps", 0.0),
        (FilterSettings, "confidence", 1.0),
        (FilterSettings, "lost_sigma_m", math.nan),
        (FilterSettings, "full_search_every", 0),
        (FilterSettings, "memory_s", -1.0),
        (FilterSettings, "odom_error", 2.0),
        (LikelihoodModel, "temperature", 0.0),
        (LikelihoodModel, "outlier_share", 1.0),
        (LikelihoodModel, "independent_drop", math.inf),
        (LikelihoodModel, "min_exponent", 0.0),
        (LikelihoodModel, "resolution", -1.0),
    ],
)
def test_settings_out_of_range_name_themselves(kind, name, value):
    with pytest.raises(ParameterError, match=name):
        kind(**{name: value})
