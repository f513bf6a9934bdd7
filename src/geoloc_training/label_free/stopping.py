# SPDX-License-Identifier: Apache-2.0
"""How well an encoder does on pictures without positions: figures without labels.

None of them needs the truth. They measure whether the two views agree with each other (`mutual`), whether the
encoder agrees with itself of an epoch ago (`stability`), and whether the drone does not jump (`continuity`).
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from geoloc.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.label_free.path import NEXT, places_along
from geoloc_training.label_free.sequence_context import SequenceContext

_CHUNK_ROWS = 1024
_NEIGHBOURS = 5
_LEAST_PAIRS = 10  # of frames in a row, for a share of them to say anything


@dataclass(frozen=True)
class LabelFree:
    """The figures of an encoder at a moment; NaN where one cannot be had.

    Attributes:
        mutual: share of the queries whose best reference finds back to them: its own best query is the query
            itself or one of those `neighbours` that look most like it. Where everything looks alike nothing
            finds back.
        mutual_cluster: the same with "one of its cluster" for "one of those that look most like it".
        stability: adjusted Rand index of the queries' clusters and those of the epoch before, over queries
            that are labelled in both; 1 for the same clusters, 0 for what chance makes.
        continuity: share of queries in a row whose best references lie near each other, 0 for what any two
            queries' do and 1 for all; near 0 too where all queries find one place.
        located: share of the queries that the most likely path over the map puts somewhere (`path`); of
            footage from outside the map next to none.
        agreement: share of the queries that it puts where they are found, or next to it: what R@1 would be if
            the path were true.
        clusters: how many clusters the queries fall into.
        coverage: share of the queries that are in one.
        likeness: mean cosine of the queries with their best references.
        lead: mean lead of that over the best reference that lies elsewhere, or over the second best where
            nobody knows where references lie.
        selection: what chooses the epoch: the mean of `mutual` and `continuity`, or `mutual` alone.
    """

    mutual: float
    mutual_cluster: float
    stability: float
    continuity: float
    located: float
    agreement: float
    clusters: float
    coverage: float
    likeness: float
    lead: float
    selection: float

    def figures(self, prefix: str = "free_") -> dict[str, float]:
        """Return those that could be had, by name, for the log."""
        values = {field.name: float(getattr(self, field.name)) for field in fields(self)}
        return {prefix + name: value for name, value in values.items() if math.isfinite(value)}


def label_free(
    queries: Float32Array,
    references: Float32Array,
    query_labels: Int64Array | None = None,
    previous_query_labels: Int64Array | None = None,
    context: SequenceContext | None = None,
    neighbours: int = _NEIGHBOURS,
) -> LabelFree:
    """Return all figures of an encoder.

    Args:
        queries: unit descriptors of the view that is located (N, D).
        references: of the map's (M, D).
        query_labels: clusters of the queries (N,), -1 for none.
        previous_query_labels: those of the epoch before.
        context: order of the queries and places of the references.
        neighbours: most similar queries that `mutual` takes for the query itself.

    Raises:
        ParameterError: nothing to compare, or arrays whose lengths differ.
    """
    _check(queries, references, query_labels, previous_query_labels, context)
    matches = match(queries, references)
    at_home = returning(queries, matches, neighbours)
    positions = None if context is None else context.positions_m
    near_m = 0.0 if context is None else context.near_m
    mutual, continuity = float(at_home.mean()), path_continuity(matches.best, context)
    located, agreement = _on_the_way(queries, references, matches.best, context)
    labels = np.full(len(queries), -1, np.int64) if query_labels is None else query_labels
    back = matches.home[matches.best]
    known = query_labels is not None
    same = (labels == labels[back]) & (labels >= 0) | (back == np.arange(len(queries)))
    return LabelFree(
        mutual=mutual,
        mutual_cluster=float(same.mean()) if known else math.nan,
        stability=math.nan
        if query_labels is None or previous_query_labels is None
        else cluster_stability(query_labels, previous_query_labels),
        continuity=continuity,
        located=located,
        agreement=agreement,
        clusters=float(len(np.unique(labels[labels >= 0]))) if known else math.nan,
        coverage=float((labels >= 0).mean()) if known else math.nan,
        likeness=float(matches.cosine.mean()),
        lead=float((matches.cosine - _elsewhere(queries, references, matches, positions, near_m)).mean()),
        selection=mutual if math.isnan(continuity) else (mutual + continuity) / 2,
    )


@dataclass(frozen=True)
class Matches:
    """Who finds whom.

    Attributes:
        best: the reference that each query finds, int64 (N,).
        cosine: how alike the two are, (N,).
        home: the query that each reference finds, int64 (M,).
    """

    best: Int64Array
    cosine: Float32Array
    home: Int64Array


def match(queries: Float32Array, references: Float32Array) -> Matches:
    """Return the best of either side, of unit descriptors (N, D) and (M, D); of equals the first."""
    best, cosine = np.empty(len(queries), np.int64), np.empty(len(queries), np.float32)
    home, highest = np.zeros(len(references), np.int64), np.full(len(references), -np.inf, np.float32)
    for rows in _chunks(len(queries)):
        cosines = queries[rows] @ references.T
        best[rows] = cosines.argmax(axis=1)
        cosine[rows] = cosines.max(axis=1)
        found = cosines.max(axis=0)
        better = found > highest
        home[better] = rows.start + cosines.argmax(axis=0)[better]
        highest[better] = found[better]
    return Matches(best, cosine, home)


def returning(queries: Float32Array, matches: Matches, neighbours: int) -> BoolArray:
    """Return which queries (N,) their best reference finds back to, give or take their nearest neighbours.

    A query that comes back to another counts if fewer than `neighbours` others are as similar to it.
    """
    found = np.empty(len(queries), np.bool_)
    back = matches.home[matches.best]
    for rows in _chunks(len(queries)):
        cosines = queries[rows] @ queries.T
        numbers = np.arange(rows.start, rows.stop)
        at = np.arange(len(numbers))
        to_home = cosines[at, back[rows]]
        # Not counted are the query itself and the one it comes back to; equals count against it.
        rivals = (cosines >= to_home[:, None]).sum(axis=1) - (cosines[at, numbers] >= to_home) - 1
        found[rows] = (back[rows] == numbers) | (rivals < neighbours)
    return found


def cluster_stability(labels: Int64Array, previous: Int64Array) -> float:
    """Return the adjusted Rand index of two clusterings (N,) over what both have labelled (-1 is not).

    Hubert and Arabie, 1985. NaN where fewer than two pictures are labelled in both; 1 where both put each
    into a cluster of its own, or all into one.
    """
    both = (labels >= 0) & (previous >= 0)
    count = int(both.sum())
    if count < 2:
        return math.nan
    _, sizes = np.unique(np.stack([labels[both], previous[both]]), axis=1, return_counts=True)
    together = _pairs(sizes)
    one, other = (_pairs(np.unique(side[both], return_counts=True)[1]) for side in (labels, previous))
    by_chance = one * other / _pairs(np.array([count]))
    most = (one + other) / 2
    return 1.0 if most == by_chance else (together - by_chance) / (most - by_chance)


def path_continuity(best: Int64Array, context: SequenceContext | None) -> float:
    """Return how much more often queries in a row find near references than any two queries do; 1 for always.

    Args:
        best: the reference that each query finds (N,).
        context: None for NaN.

    Returns:
        (c - c₀) / (1 - c₀) with c the share of queries in a row, and c₀ of all pairs of queries, whose
        references lie near each other; 0 where c₀ is 1; NaN for fewer than ten in a row.
    """
    if context is None or len(context.successive) < _LEAST_PAIRS:
        return math.nan
    places = context.positions_m[best]
    first, second = places[context.successive.T]
    in_a_row = float((np.linalg.norm(first - second, axis=1) <= context.near_m).mean())
    any_two = _share_near(places, context.near_m)
    return 0.0 if any_two >= 1 else (in_a_row - any_two) / (1 - any_two)


def _on_the_way(
    queries: Float32Array, references: Float32Array, best: Int64Array, context: SequenceContext | None
) -> tuple[float, float]:
    """Return shares of queries that the path places, and places where they are found; NaN without order."""
    if context is None or len(context.successive) < _LEAST_PAIRS:
        return math.nan, math.nan
    places = places_along(queries, references, context)
    apart = np.linalg.norm(context.positions_m[best] - context.positions_m[places], axis=1)
    there = places >= 0
    return float(there.mean()), float((there & (apart <= NEXT * context.near_m)).mean())


def _share_near(places: Float64Array, near_m: float) -> float:
    """Return the share of all pairs of places (N, 2) that lie near each other."""
    near = 0
    for rows in _chunks(len(places)):
        apart = np.linalg.norm(places[rows, None] - places[None], axis=2)
        near += int((apart <= near_m).sum())
    count = len(places)
    return (near - count) / (count * (count - 1))


def _elsewhere(
    queries: Float32Array,
    references: Float32Array,
    matches: Matches,
    positions_m: Float64Array | None,
    near_m: float,
) -> Float32Array:
    """Return the cosine (N,) with the best reference that lies away from the one found; its own for none."""
    found = np.empty(len(queries), np.float32)
    for rows in _chunks(len(queries)):
        cosines = queries[rows] @ references.T
        best = matches.best[rows]
        if positions_m is None:
            cosines[np.arange(len(best)), best] = -np.inf
        else:
            apart = np.linalg.norm(positions_m[best, None] - positions_m[None], axis=2)
            cosines[apart <= near_m] = -np.inf
        found[rows] = cosines.max(axis=1)
    return np.where(np.isfinite(found), found, matches.cosine)


def _pairs(sizes: Int64Array) -> float:
    """Return how many pairs there are within groups of these sizes."""
    return float((sizes * (sizes - 1) // 2).sum())


def _chunks(count: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK_ROWS, count)) for start in range(0, count, _CHUNK_ROWS)]


def _check(
    queries: Float32Array,
    references: Float32Array,
    labels: Int64Array | None,
    previous: Int64Array | None,
    context: SequenceContext | None,
) -> None:
    lengths = [len(given) for given in (labels, previous) if given is not None]
    fits = all(length == len(queries) for length in lengths)
    fits &= context is None or len(context.positions_m) == len(references)
    if len(queries) < 2 or len(references) < 2 or not fits:
        raise ParameterError(
            f"{len(queries)} queries, {len(references)} references and labels of {lengths or 'none'} do not "
            "belong together; give two or more of either view, a label for each query and a position for "
            "each reference."
        )
