# SPDX-License-Identifier: Apache-2.0
"""Label-free figures: quality measures of an encoder that need no truth.

They measure whether matches between the two views are mutual (`mutual`), whether clusters are stable from
epoch to epoch (`stability`), and whether successive frames match near tiles (`continuity`).
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
_LEAST_PAIRS = 10  # least number of pairs of successive frames for a meaningful share


@dataclass(frozen=True)
class LabelFree:
    """Label-free figures of an encoder; NaN if unknown.

    Attributes:
        mutual: share of the queries with a mutual match: the best query of the query's best reference is the
            query itself or one of its most similar `neighbours`. It is near 0 if all descriptors are similar.
        mutual_cluster: like `mutual`, with the query's cluster in place of its most similar neighbours.
        stability: adjusted Rand index between the queries' clusters and those of the epoch before, over
            queries labelled in both; 1 for equal clusters, 0 for agreement by chance.
        continuity: share of successive queries whose best references are near each other, scaled so that the
            share among all pairs of queries gives 0, and 1 means all. It is also near 0 if all queries match
            one place.
        located: share of the queries that are located on the most probable path (`path`); near 0 for footage
            from outside the map.
        agreement: share of the queries whose best reference is at or next to their tile on the path; equals
            R@1 if the path is correct.
        clusters: number of the queries' clusters.
        coverage: share of the queries that are in a cluster.
        likeness: mean cosine of the queries with their best references.
        lead: mean margin between the cosine with the best reference and that with the best reference at
            another place, or with the second best if positions are unknown.
        selection: figure that chooses the epoch: the mean of `mutual` and `continuity`, or only `mutual` if
            `continuity` is unknown.
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
        """Return the known figures by name, for the log."""
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
    """Return all label-free figures of an encoder.

    Args:
        queries: unit descriptors of the drone views (N, D).
        references: unit descriptors of the map views (M, D).
        query_labels: clusters of the queries (N,), -1 for outliers.
        previous_query_labels: clusters of the queries in the epoch before (N,).
        context: order of the queries and positions of the references.
        neighbours: number of most similar queries that `mutual` accepts in place of the query itself.

    Raises:
        ParameterError: a view has fewer than two descriptors, or lengths of arrays differ.
    """
    _check(queries, references, query_labels, previous_query_labels, context)
    matches = match(queries, references)
    returned = returning(queries, matches, neighbours)
    positions = None if context is None else context.positions_m
    near_m = 0.0 if context is None else context.near_m
    mutual, continuity = float(returned.mean()), path_continuity(matches.best, context)
    located, agreement = _path_shares(queries, references, matches.best, context)
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
        lead=float((matches.cosine - _second_cosine(queries, references, matches, positions, near_m)).mean()),
        selection=mutual if math.isnan(continuity) else (mutual + continuity) / 2,
    )


@dataclass(frozen=True)
class Matches:
    """Best matches in both directions.

    Attributes:
        best: index of each query's best reference, int64 (N,).
        cosine: cosine of each query with its best reference, (N,).
        home: index of each reference's best query, int64 (M,).
    """

    best: Int64Array
    cosine: Float32Array
    home: Int64Array


def match(queries: Float32Array, references: Float32Array) -> Matches:
    """Match unit descriptors (N, D) and (M, D) in both directions; the first wins a tie."""
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
    """Return a mask (N,) of the queries whose match is mutual up to their nearest neighbours.

    If the best query of a query's best reference is another query, the match counts as mutual if fewer than
    `neighbours` further queries are at least as similar to the first.
    """
    found = np.empty(len(queries), np.bool_)
    back = matches.home[matches.best]
    for rows in _chunks(len(queries)):
        cosines = queries[rows] @ queries.T
        numbers = np.arange(rows.start, rows.stop)
        at = np.arange(len(numbers))
        to_home = cosines[at, back[rows]]
        # The query itself and the query it returns to do not count; ties count as rivals.
        rivals = (cosines >= to_home[:, None]).sum(axis=1) - (cosines[at, numbers] >= to_home) - 1
        found[rows] = (back[rows] == numbers) | (rivals < neighbours)
    return found


def cluster_stability(labels: Int64Array, previous: Int64Array) -> float:
    """Return the adjusted Rand index of two clusterings (N,), over the images labelled in both (-1: none).

    See Hubert and Arabie, 1985. The index is NaN if fewer than two images are labelled in both. It is 1 if
    both clusterings have a cluster for each image, or a single cluster.
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
    """Return how much more often successive queries match near references than any two queries do.

    Args:
        best: index of each query's best reference (N,).
        context: order of the queries and positions of the references; None gives NaN.

    Returns:
        (c - c₀) / (1 - c₀), where c and c₀ are the shares of pairs with near references, among successive
        queries and among all queries; 0 if c₀ is 1, NaN for fewer than ten successive pairs.
    """
    if context is None or len(context.successive) < _LEAST_PAIRS:
        return math.nan
    places = context.positions_m[best]
    first, second = places[context.successive.T]
    in_a_row = float((np.linalg.norm(first - second, axis=1) <= context.near_m).mean())
    any_two = _share_near(places, context.near_m)
    return 0.0 if any_two >= 1 else (in_a_row - any_two) / (1 - any_two)


def _path_shares(
    queries: Float32Array, references: Float32Array, best: Int64Array, context: SequenceContext | None
) -> tuple[float, float]:
    """Return the shares of queries located on the path, and located near their best reference."""
    if context is None or len(context.successive) < _LEAST_PAIRS:
        return math.nan, math.nan
    places = places_along(queries, references, context)
    apart = np.linalg.norm(context.positions_m[best] - context.positions_m[places], axis=1)
    there = places >= 0
    return float(there.mean()), float((there & (apart <= NEXT * context.near_m)).mean())


def _share_near(places: Float64Array, near_m: float) -> float:
    """Return the share of pairs of positions (N, 2) that are near each other."""
    near = 0
    for rows in _chunks(len(places)):
        apart = np.linalg.norm(places[rows, None] - places[None], axis=2)
        near += int((apart <= near_m).sum())
    count = len(places)
    return (near - count) / (count * (count - 1))


def _second_cosine(
    queries: Float32Array,
    references: Float32Array,
    matches: Matches,
    positions_m: Float64Array | None,
    near_m: float,
) -> Float32Array:
    """Return each query's best cosine (N,) with references at other places; its best cosine if none exist."""
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
    """Return the number of pairs within groups of the given sizes."""
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
            f"{len(queries)} queries, {len(references)} references and labels of lengths {lengths} do not "
            "belong together; give two or more images of each view, a label for each query and a position "
            "for each reference."
        )
