# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import ParameterError
from geoloc.geodesy import distance_m
from geoloc_training.evaluation import distances
from geoloc_training.items import GeoLocation, Item, PlaneLocation

SEEDS = st.integers(0, 10**6)


def _places(seed, spread, base, entries=30, queries=6):
    rng = np.random.default_rng(seed)
    best = np.stack([rng.permutation(entries)[:10] for _ in range(queries)])
    return base + rng.normal(0, spread, (queries, 2)), base + rng.normal(0, spread, (entries, 2)), best


def _dense_uav_sdm(query, gallery, best, k, kind):
    """Run DenseUAV's evaluateSingle with euclideanDistance for one query."""
    away = [np.array(gallery[e], kind) - np.array(query, kind) for e in best[:k]]
    degrees = np.sqrt(np.array([a @ a for a in away]))
    weights = np.ones(k) - np.array(range(k)) / k
    return np.sum(1 / np.exp(degrees * 5e3) * weights) / np.sum(weights)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([1, 3, 5, 10]))
def test_sdm_in_degrees_is_the_published_one(seed, k):
    queries, gallery, best = _places(seed, 3e-4, (30.1, 120.2))
    for compat, kind, tolerance in ((False, np.float64, 1e-9), (True, np.float32, 2e-6)):
        rows = [_dense_uav_sdm(q, gallery, b, k, kind) for q, b in zip(queries, best, strict=True)]
        ours = distances.sdm_degrees(queries, gallery, best, k, float32_compat=compat)
        assert ours == pytest.approx(np.mean(rows), abs=tolerance)


def test_float32_coordinates_are_coarse_at_120_degrees_east():
    queries, gallery = np.array([[30.0, 120.000002]]), np.array([[30.0, 120.0]])
    best = np.array([[0]])
    assert distances.sdm_degrees(queries, gallery, best, 1) == pytest.approx(math.exp(-0.01))
    assert distances.sdm_degrees(queries, gallery, best, 1, float32_compat=True) == 1.0


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([1, 3, 5]))
def test_sdm_and_dis_in_metres_are_the_published_ones(seed, k):
    queries, gallery, best = _places(seed, 500.0, (4000.0, 9000.0))
    sdm, dis = [], []
    for (x, y), order in zip(queries, best, strict=True):
        top = bottom = total = 0.0
        for i in range(k):
            away = math.hypot(x - gallery[order[i]][0], y - gallery[order[i]][1])
            top += (k - i) / math.exp(0.001 * away)
            bottom += k - i
            total += away
        sdm.append(top / bottom)
        dis.append(total / k)
    assert distances.sdm_metres(queries, gallery, best, k) == pytest.approx(np.mean(sdm))
    assert distances.mean_distance(queries, gallery, best, k) == pytest.approx(np.mean(dis))


def _latlog2meter(lat_a, lon_a, lat_b, lon_b):
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (lat_a, lon_a, lat_b, lon_b))
    inside = math.sin((lat_a - lat_b) / 2) ** 2
    inside += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_a - lon_b) / 2) ** 2
    return 6378.137 * 2 * math.asin(math.sqrt(inside)) * 1000


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_sphere_and_the_ellipsoid(seed):
    queries, gallery, best = _places(seed, 2e-3, (30.1, 120.2))
    sphere = distances.haversine_m(queries, gallery, best)
    ellipsoid = distances.geodesic_m(queries, gallery, best)
    for row, (query, order) in enumerate(zip(queries, best, strict=True)):
        for column, entry in enumerate(order):
            assert sphere[row, column] == pytest.approx(_latlog2meter(*query, *gallery[entry]))
            assert ellipsoid[row, column] == pytest.approx(float(distance_m(*query, *gallery[entry])))


def test_a_distance_equal_to_the_threshold_does_not_count():
    assert distances.within(np.array([[4.9], [5.0]]), 5.0) == 0.5


def test_a_gallery_smaller_than_k_is_measured_over_what_there_is():
    queries, gallery, best = np.zeros((1, 2)), np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[0, 1]])
    assert distances.mean_distance(queries, gallery, best, 5) == 2.5
    weights = np.array([5.0, 4.0])
    expected = (weights * np.exp([-0.005, 0.0])).sum() / weights.sum()
    assert distances.sdm_metres(queries, gallery, best, 5) == pytest.approx(expected)


def test_a_picture_without_a_location_is_named():
    items = [Item("1", "drone", Path("a.png"), PlaneLocation(1, 2)), Item("2", "drone", Path("b.png"))]
    np.testing.assert_array_equal(distances.coordinates(items[:1]), [[1, 2]])
    with pytest.raises(ParameterError, match=r"b\.png has no location"):
        distances.coordinates(items)


def test_geographic_means_every_item():
    here = Item("1", "drone", Path("a.png"), GeoLocation(1, 2))
    assert distances.geographic([here])
    assert not distances.geographic([here, Item("2", "drone", Path("b.png"))])
