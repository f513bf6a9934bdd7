# SPDX-License-Identifier: Apache-2.0
"""Whole places are held out for validation: no place and no reference is in both parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.tree import matched_by_id
from geoloc_training.datasets.split import hold_out
from geoloc_training.items import GeoLocation, Item, PlaneLocation, TrainingSplit


def item(place: str, view: str, number: int = 0) -> Item:
    return Item(place, view, Path(f"{view}/{place}/{number}.png"))


def by_id(places: int, views: int = 3, tiles: int = 2) -> TrainingSplit:
    names = [f"{number:04d}" for number in range(places)]
    return matched_by_id(
        [item(name, "drone", view) for name in names for view in range(views)],
        [item(name, "satellite", tile) for name in names for tile in range(tiles)],
    )


def overlapping(side: int = 12) -> TrainingSplit:
    """Return a lattice of tiles; every drone view lies on a corner and overlaps the four tiles around it."""
    tiles = [Item(f"t{x}_{y}", "satellite", Path(f"t{x}_{y}.png")) for y in range(side) for x in range(side)]
    queries, matches = [], []
    for y in range(side - 1):
        for x in range(side - 1):
            where = PlaneLocation(100.0 * x, 100.0 * y)
            queries.append(Item(f"d{x}_{y}", "drone", Path(f"d{x}_{y}.png"), where))
            matches.append(tuple((y + down) * side + x + right for down in (0, 1) for right in (0, 1)))
    return TrainingSplit(tuple(queries), tuple(tiles), tuple(matches), ((0.5, 0.4, 0.3, 0.2),) * len(queries))


@pytest.mark.parametrize("split", [by_id(20), overlapping()], ids=["by id", "overlapping"])
def test_nothing_is_on_both_sides_and_every_match_is_still_right(split: TrainingSplit) -> None:
    training, task = hold_out(split, 0.2, seed=1)
    assert task is not None
    assert task.positives is not None
    assert not {i.path for i in training.queries} & {i.path for i in task.queries}
    assert not {i.path for i in training.references} & {i.path for i in task.gallery}
    assert not {i.id for i in training.queries} & {i.id for i in task.queries}
    assert not {i.id for i in training.references} & {i.id for i in task.gallery}
    pairs = zip(split.queries, split.matches, strict=True)
    right = {query.path: {split.references[number].path for number in some} for query, some in pairs}
    for queries, references, matches in (
        (training.queries, training.references, training.matches),
        (task.queries, task.gallery, task.positives),
    ):
        assert len(queries) == len(matches) > 0
        for query, some in zip(queries, matches, strict=True):
            assert {references[number].path for number in some} == right[query.path]
    weights = dict(zip(split.queries, split.weights, strict=True))
    assert training.weights == tuple(weights[query] for query in training.queries)
    assert {number for some in task.positives for number in some} == set(range(len(task.gallery)))


def test_the_requested_share_of_places_is_held_out() -> None:
    training, task = hold_out(by_id(20), 0.2, seed=1)
    assert task is not None
    assert len({i.id for i in task.gallery}) == 4
    assert len(task.queries) == 12
    assert len({i.id for i in training.queries}) == 16
    assert task.name == "validation"
    assert "recall" in task.metrics


def test_a_small_share_holds_out_one_place_and_a_large_one_leaves_one() -> None:
    for share, held in ((0.01, 1), (0.99, 4)):
        task = hold_out(by_id(5), share, seed=0)[1]
        assert task is not None
        assert len({i.id for i in task.queries}) == held


def test_the_seed_draws_the_places() -> None:
    split = by_id(40)
    once, again, other = (hold_out(split, 0.1, seed)[1] for seed in (1, 1, 2))
    assert once == again
    assert once != other
    assert hold_out(overlapping(), 0.1, 3) == hold_out(overlapping(), 0.1, 3)


def test_no_share_holds_out_nothing() -> None:
    split = by_id(3)
    assert hold_out(split, 0.0, 1) == (split, None)


def test_overlapping_tiles_are_cut_by_a_circle() -> None:
    split = overlapping()
    training, task = hold_out(split, 0.1, seed=5)
    assert task is not None
    assert len(task.queries) == round(0.1 * len(split.queries))
    places = np.array([(i.location.x_m, i.location.y_m) for i in task.queries])
    assert np.ptp(places, axis=0).max() <= 400
    # Only the rim is lost: views that share a tile with one held out.
    assert len(training.queries) > 0.6 * len(split.queries)


def test_a_circle_on_the_earth_is_cut_in_metres_not_degrees() -> None:
    split = overlapping()
    turned = tuple(
        replace(i, location=GeoLocation(60 + i.location.y_m * 9e-6, 10 + i.location.x_m * 18e-6))
        for i in split.queries
    )
    plain, earthly = (hold_out(s, 0.1, 5)[1] for s in (split, replace(split, queries=turned)))
    assert plain is not None
    assert earthly is not None
    assert len({i.id for i in plain.queries} ^ {i.id for i in earthly.queries}) <= 4


def test_overlapping_tiles_without_positions_are_refused() -> None:
    split = overlapping()
    bare = replace(split, queries=tuple(replace(i, location=None) for i in split.queries))
    with pytest.raises(ParameterError, match="no positions to cut them by"):
        hold_out(bare, 0.1, 1)


def test_small_components_beside_a_large_one_are_held_out_whole() -> None:
    split, island = overlapping(4), by_id(3, views=2, tiles=1)
    first = len(split.references)
    both = TrainingSplit(
        split.queries + island.queries,
        split.references + island.references,
        split.matches + tuple(tuple(first + number for number in some) for some in island.matches),
        split.weights + island.weights,
    )
    training, task = hold_out(both, 0.3, 1)
    assert task is not None
    assert {i.id for i in task.queries} <= {i.id for i in island.queries}
    assert set(split.queries) <= set(training.queries)


def test_queries_without_a_match_are_not_tested() -> None:
    split = by_id(10)
    stray = replace(
        split,
        queries=(*split.queries, item("lost", "drone")),
        matches=(*split.matches, ()),
        weights=(*split.weights, ()),
    )
    training, task = hold_out(stray, 0.5, 1)
    assert task is not None
    assert "lost" not in {i.id for i in task.queries}
    assert "lost" in {i.id for i in training.queries}


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ParameterError, match="validation_share"):
        hold_out(by_id(3), share, 1)


def test_one_place_cannot_be_cut() -> None:
    with pytest.raises(ParameterError, match="validation_share=0"):
        hold_out(by_id(1), 0.5, 1)


def test_a_split_without_matches_is_refused() -> None:
    split = by_id(2)
    with pytest.raises(ParameterError, match="no query of the training split"):
        hold_out(replace(split, matches=((),) * 6, weights=((),) * 6), 0.5, 1)
