# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geoloc.errors import ParameterError
from geoloc_training.datasets.sampling import (
    neighbours_by_descriptor,
    neighbours_on_the_ground,
    plan_epoch,
    sample_table,
    steps_per_epoch,
)
from geoloc_training.items import GeoLocation, Item, PlaneLocation, TrainingSplit


def _split(matches, ids=None, locations=None, references=None) -> TrainingSplit:
    """Return queries with the given matches; by default each query is a place of its own."""
    count = 1 + max((j for right in matches for j in right), default=0) if references is None else references
    ids = [f"{i:04d}" for i in range(len(matches))] if ids is None else ids
    return TrainingSplit(
        tuple(Item(name, "drone", Path(f"d{i}.png")) for i, name in enumerate(ids)),
        tuple(
            Item(str(j), "satellite", Path(f"s{j}.png"), locations[j] if locations else None)
            for j in range(count)
        ),
        tuple(tuple(right) for right in matches),
        tuple((1.0,) * len(right) for right in matches),
    )


def _places(places: int, each: int) -> TrainingSplit:
    """Return a split like University-1652: one reference and several queries for each place."""
    numbers = [p for p in range(places) for _ in range(each)]
    return _split([[p] for p in numbers], [f"{p:04d}" for p in numbers])


def _assert_exclusive(split, table, plan):
    for batch in plan:
        queries = table.queries[batch]
        ids = [split.queries[i].id for i in queries]
        references = [j for i in queries for j in split.matches[i]]
        assert len(set(ids)) == len(ids)
        assert len(set(references)) == len(references)


@settings(max_examples=60, deadline=None)
@given(
    matches=st.lists(st.lists(st.integers(0, 25), max_size=3, unique=True), min_size=12, max_size=40),
    ids=st.lists(st.integers(0, 20), min_size=40, max_size=40),
    pairs=st.integers(2, 5),
    seed=st.integers(0, 5),
    near=st.booleans(),
)
def test_no_batch_shares_a_place_or_a_reference(matches, ids, pairs, seed, near):
    split = _split(matches, [str(name) for name in ids[: len(matches)]], references=26)
    table = sample_table(split)
    neighbours = np.random.default_rng(seed).integers(
        0, max(1, len(table.references)), (len(table.queries), 6), dtype=np.int32
    )
    try:
        plan = plan_epoch(table, pairs, seed, 0, neighbours if near else None, select=4)
    except ParameterError:
        return
    assert plan.shape == (len(table.queries) // pairs, pairs)
    _assert_exclusive(split, table, plan)


@pytest.mark.parametrize("near", [False, True])
def test_an_epoch_uses_samples_once_and_drops_only_what_fills_no_batch(near):
    split = _places(12, 10)
    table = sample_table(split)
    neighbours = np.array([[(p + k) % 12 for k in (1, 11)] for p in table.groups], np.int32)
    plan = plan_epoch(table, 6, 3, 0, neighbours if near else None, select=2)
    assert plan.shape == (20, 6)
    _assert_exclusive(split, table, plan)
    # Samples that clash come in later batches; only the last few batches need a second pass.
    assert len(np.unique(plan[:18])) == 18 * 6


def test_distinct_places_are_all_used_but_the_remainder():
    table = sample_table(_places(30, 1))
    plan = plan_epoch(table, 7, 1, 0)
    assert len(np.unique(plan)) == plan.size == 28


def test_plans_repeat_and_differ_between_epochs_and_seeds():
    table = sample_table(_places(20, 3))
    assert np.array_equal(plan_epoch(table, 4, 1, 2), plan_epoch(table, 4, 1, 2))
    for seed, epoch in ((1, 3), (2, 2)):
        assert not np.array_equal(plan_epoch(table, 4, 1, 2), plan_epoch(table, 4, seed, epoch))


def test_batches_hold_a_sample_with_its_nearest_and_some_of_the_pool():
    count = 200
    table = sample_table(_places(count, 1))
    ring = np.array([[(p + k) % count for k in range(1, 13)] for p in range(count)], np.int32)
    first = plan_epoch(table, 7, 5, 0, ring, select=6)[0]
    steps = (first[1:] - first[0]) % count
    assert steps[:3].tolist() == [1, 2, 3]
    assert set(steps[3:]) <= set(range(4, 13))
    assert len(set(steps)) == 6


def test_neighbours_in_a_batch_bring_nearer_negatives_than_chance():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1000, (60, 2))
    split = _split([[i] for i in range(60)], locations=[PlaneLocation(*p) for p in points])
    table = sample_table(split)

    def spread(neighbours):
        plan = plan_epoch(table, 6, 1, 0, neighbours, select=4)
        return np.mean([np.linalg.norm(points[b] - points[b].mean(axis=0), axis=1).mean() for b in plan])

    assert spread(neighbours_on_the_ground(split, table, 6)) < 0.7 * spread(None)


def test_neighbours_on_a_plane_are_the_nearest():
    points = np.random.default_rng(1).uniform(0, 500, (40, 2))
    split = _split([[i] for i in range(40)], locations=[PlaneLocation(*p) for p in points])
    found = neighbours_on_the_ground(split, sample_table(split), 7)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert found.tolist() == np.argsort(distance, axis=1)[:, :7].tolist()


def test_neighbours_on_the_globe_are_the_nearest_even_across_the_date_line():
    rng = np.random.default_rng(2)
    latitude, longitude = rng.uniform(60, 75, 30), (180 + rng.uniform(-8, 8, 30) + 180) % 360 - 180
    split = _split([[i] for i in range(30)], locations=list(map(GeoLocation, latitude, longitude)))
    found = neighbours_on_the_ground(split, sample_table(split), 5)
    i, j = np.meshgrid(range(30), range(30), indexing="ij")
    globe = Geod(a=6371008.8, b=6371008.8)
    distance = globe.inv(longitude[i], latitude[i], longitude[j], latitude[j])[2]
    np.fill_diagonal(distance, np.inf)
    assert found.tolist() == np.argsort(distance, axis=1)[:, :5].tolist()


def test_a_query_without_a_position_stands_where_its_reference_does():
    split = _split([[0], [1], [2], [0]], ["a", "b", "c", "a"], [PlaneLocation(x, 0) for x in (0, 1, 5)])
    table = sample_table(split)
    assert neighbours_on_the_ground(split, table, 9).tolist() == [[1, 2], [0, 2], [1, 0], [1, 2]]
    assert neighbours_on_the_ground(_split([[0], [1]]), sample_table(_split([[0], [1]])), 9) is None


def test_neighbours_by_descriptor_are_those_of_highest_cosine():
    rng = np.random.default_rng(3)
    queries, references = (
        (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)
        for table in (rng.normal(size=(50, 16)), rng.normal(size=(20, 16)))
    )
    groups = rng.integers(0, 20, 50)
    found = neighbours_by_descriptor(queries, references, groups, 6)
    cosine = queries @ references.T
    cosine[np.arange(50), groups] = -np.inf
    assert found.tolist() == np.argsort(-cosine, axis=1)[:, :6].tolist()
    assert neighbours_by_descriptor(queries, references, groups, 500).shape == (50, 19)


def test_a_pool_larger_than_the_set_is_the_whole_set():
    split = _split([[0], [1], [2]], locations=[PlaneLocation(x, 0) for x in (0, 1, 5)])
    assert neighbours_on_the_ground(split, sample_table(split), 128).shape == (3, 2)


def test_fewer_places_than_a_batch_is_refused_with_the_number_to_set():
    table = sample_table(_places(6, 9))
    with pytest.raises(ParameterError, match=r"optimiser\.pairs=6 or less"):
        steps_per_epoch(table, 8)
    assert steps_per_epoch(table, 6) == 9
    with pytest.raises(ParameterError, match="0 places"):
        steps_per_epoch(sample_table(_split([[], []])), 2)


def test_places_that_all_share_one_reference_are_refused():
    table = sample_table(_split([[0, i] for i in range(1, 9)]))
    with pytest.raises(ParameterError, match=r"lower optimiser\.pairs"):
        plan_epoch(table, 4, 1, 0)
