# SPDX-License-Identifier: Apache-2.0
"""A validation test from training places, so that model selection never uses the published tests."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoloc.arrays import BoolArray, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.items import GeoLocation, Location, Task, TrainingSplit

_STREAM = 3  # separates these random numbers from other uses of the same seed


def hold_out(split: TrainingSplit, share: float, seed: int) -> tuple[TrainingSplit, Task | None]:
    """Hold out some places of a training split for model selection.

    A place is a connected component: all images of one id, and their matches. If overlapping references
    connect nearly all images (GTA-UAV), the queries within a circle are held out instead. Queries that share
    a reference with the circle are then left out of training.

    Args:
        split: training split.
        share: share of the places (of the queries, for a circle) to hold out, 0..1; at least one place, and
            none if 0.
        seed: seed of the selection.

    Returns:
        The remaining training split, and a test of the held-out queries among the held-out references; the
        test is None if share is 0.

    Raises:
        ParameterError: share is outside 0..1, or the split cannot be divided.
    """
    if not 0 <= share < 1:
        raise ParameterError(
            f"data.validation_share={share} is out of range; use at least 0 and less than 1."
        )
    if share == 0:
        return split, None
    rng = np.random.default_rng([seed, _STREAM])
    of_queries, of_references = _places(split)
    matched = np.array([bool(right) for right in split.matches], np.bool_)
    places, sizes = np.unique(of_queries[matched], return_counts=True)
    if not len(places):
        raise ParameterError("no query of the training split has a match; check the data set.")
    if _connected(sizes, share):
        return _cut(split, *_circle(split, matched, share, rng))
    drawn = places[_draw(sizes, share, rng)]
    return _cut(split, np.isin(of_queries, drawn), np.isin(of_references, drawn))


def _places(split: TrainingSplit) -> tuple[Int64Array, Int64Array]:
    """Return the number of the place of each query (Q,) and of each reference (R,)."""
    queries, nodes = len(split.queries), len(split.queries) + len(split.references)
    ids: dict[str, int] = {}
    items = enumerate((*split.queries, *split.references))
    links = [(node, nodes + ids.setdefault(item.id, len(ids))) for node, item in items]
    links += [(query, queries + right) for query, some in enumerate(split.matches) for right in some]
    ends = np.array(links, np.int64).reshape(-1, 2)
    size = nodes + len(ids)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    places = connected_components(graph, directed=False)[1].astype(np.int64)
    return places[:queries], places[queries:nodes]


def _connected(sizes: Int64Array, share: float) -> bool:
    """Return True if the places other than the largest hold less than half of the requested queries."""
    return len(sizes) == 1 or bool(sizes.sum() - sizes.max() < share / 2 * sizes.sum())


def _draw(sizes: Int64Array, share: float, rng: np.random.Generator) -> Int64Array:
    """Draw the requested share of the places, passing over places with more queries than requested in all."""
    wanted = min(max(1, round(share * len(sizes))), len(sizes) - 1)
    room = max(share * sizes.sum(), sizes.min())
    order: Int64Array = rng.permutation(len(sizes))
    fitting: Int64Array = order[sizes[order] <= room]
    return fitting[:wanted]


def _circle(
    split: TrainingSplit, matched: BoolArray, share: float, rng: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return the queries nearest to a random query, and all their matches, as masks (Q,) and (R,)."""
    numbers = np.flatnonzero(matched)
    where = [_flat(split.queries[number].location) for number in numbers]
    if None in where:
        raise ParameterError(
            "the training places share references and have no positions to cut them by; "
            "set data.validation_share=0."
        )
    points = np.array(where, np.float64)
    apart = np.linalg.norm(points - points[rng.integers(len(points))], axis=1)
    nearest = numbers[np.argsort(apart, kind="stable")[: max(1, round(share * len(numbers)))]]
    held = np.zeros(len(split.queries), np.bool_)
    held[nearest] = True
    references = np.zeros(len(split.references), np.bool_)
    references[[right for query in nearest for right in split.matches[query]]] = True
    return held, references


def _flat(location: Location | None) -> tuple[float, float] | None:
    """Return plane coordinates whose distances can be compared."""
    if isinstance(location, GeoLocation):
        return location.longitude_deg * float(
            np.cos(np.radians(location.latitude_deg))
        ), location.latitude_deg
    return None if location is None else (location.x_m, location.y_m)


def _cut(split: TrainingSplit, queries: BoolArray, references: BoolArray) -> tuple[TrainingSplit, Task]:
    """Return a training split without the given queries (Q,) and references (R,), and a test of them."""
    touched = np.array([any(references[right] for right in some) for some in split.matches], np.bool_)
    learnt = np.flatnonzero(~queries & ~touched)
    if not any(split.matches[query] for query in learnt):
        raise ParameterError(
            "no training pair would remain beside the validation places; set data.validation_share=0, or use "
            "more data."
        )
    training = TrainingSplit(
        tuple(split.queries[query] for query in learnt),
        tuple(split.references[right] for right in np.flatnonzero(~references)),
        _renumbered(split, learnt, ~references),
        tuple(split.weights[query] for query in learnt),
    )
    tested = np.flatnonzero(queries & touched)
    task = Task(
        "validation",
        tuple(split.queries[query] for query in tested),
        tuple(split.references[right] for right in np.flatnonzero(references)),
        ("recall", "ap_trapezoid"),
        _renumbered(split, tested, references),
    )
    return training, task


def _renumbered(
    split: TrainingSplit, queries: Int64Array, references: BoolArray
) -> tuple[tuple[int, ...], ...]:
    """Return the matches of the given queries, renumbered among the given references."""
    numbers = np.cumsum(references) - 1
    return tuple(tuple(int(numbers[right]) for right in split.matches[query]) for query in queries)
