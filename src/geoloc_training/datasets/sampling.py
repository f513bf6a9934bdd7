# SPDX-License-Identifier: Apache-2.0
"""Plans of epochs: which pairs share a batch, as a pure function of seed, epoch and neighbours.

A batch never holds two pairs of one place, nor two pairs with a common match (the mutually exclusive sampling
of Game4Loc), so every other row is a true negative. Hard negatives are neighbours in one batch: near on the
ground or similar by descriptor (the GPS and dynamic similarity sampling of Sample4Geo).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from geoloc.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from geoloc.errors import ParameterError
from geoloc.search.index import open_index
from geoloc_training.items import GeoLocation, Location, PlaneLocation, TrainingSplit

_PLAN_STREAM = 1  # separates the plan's random numbers from other uses of the same seed
_CHUNK_ROWS = 4096
_PASSES_WITHOUT_A_BATCH = 3


@dataclass(frozen=True)
class SampleTable:
    """Samples of a training split; sample i is a query that has a match.

    Attributes:
        queries: index of each sample's query in the split, int64 (N,).
        keys: place and matches of each sample, which no other sample of its batch may share.
        places: number of each sample's place, int64 (N,), 0..P-1 in the order of the sorted ids.
        groups: number of each sample's best match, int64 (N,), 0..G-1.
        references: index of each group's reference in the split, int64 (G,).
    """

    queries: Int64Array
    keys: tuple[tuple[int, ...], ...]
    places: Int64Array
    groups: Int64Array
    references: Int64Array

    @property
    def place_count(self) -> int:
        """Return the number of places P."""
        return int(self.places.max()) + 1 if len(self.places) else 0


def sample_table(split: TrainingSplit) -> SampleTable:
    """Return the samples of a split; queries without a match are left out."""
    queries = np.array([i for i, right in enumerate(split.matches) if right], np.int64)
    ids, places = np.unique([split.queries[i].id for i in queries], return_inverse=True)
    best = np.array([split.matches[i][0] for i in queries], np.int64)
    references, groups = np.unique(best, return_inverse=True)
    keys = tuple(
        (int(place), *(len(ids) + right for right in split.matches[i]))
        for i, place in zip(queries, places, strict=True)
    )
    return SampleTable(queries, keys, places.astype(np.int64), groups.astype(np.int64), references)


def steps_per_epoch(table: SampleTable, pairs: int) -> int:
    """Return the number of full batches in an epoch.

    Raises:
        ParameterError: there are fewer places than a batch needs.
    """
    places = table.place_count
    if places < 2:
        raise ParameterError(
            f"the training split has {places} places with a query and a matching reference, fewer than 2; "
            "add data, or lower data.validation_share."
        )
    if places < pairs:
        raise ParameterError(
            f"optimiser.pairs={pairs} is more than the {places} places of the training split, but a batch "
            f"holds each place only once; set optimiser.pairs={places} or less."
        )
    return len(table.queries) // pairs


def plan_epoch(
    table: SampleTable,
    pairs: int,
    seed: int,
    epoch: int,
    neighbours: Int32Array | None = None,
    select: int = 64,
) -> Int64Array:
    """Return the batches of an epoch.

    Every sample is used once, until no further batch can be filled. The remaining samples are dropped, and a
    second pass over all samples fills the missing batches, so that all epochs have the same length.

    Args:
        table: samples of the split.
        pairs: number of samples in a batch.
        seed: seed of the run.
        epoch: number of the epoch.
        neighbours: groups near each sample, nearest first, (N, K); None fills batches at random.
        select: number of neighbours added to each sample that is drawn at random.

    Returns:
        Sample numbers, int64 (steps, pairs).

    Raises:
        ParameterError: no batch of distinct places and references exists.
    """
    rng = np.random.default_rng([seed, _PLAN_STREAM, epoch])
    steps = steps_per_epoch(table, pairs)
    batches: list[list[int]] = []
    failures = 0
    while len(batches) < steps:
        drawn = _Pass(table, rng, neighbours, select).batches(pairs)
        batches += drawn
        failures += not drawn
        if failures == _PASSES_WITHOUT_A_BATCH:
            raise ParameterError(
                f"the training split has no {pairs} pairs with distinct places and references; "
                "lower optimiser.pairs."
            )
    return np.array(batches[:steps], np.int64)


def neighbours_on_the_ground(split: TrainingSplit, table: SampleTable, pool: int) -> Int32Array | None:
    """Return the groups nearest to each sample on the ground, without its own group.

    Args:
        split: training split; a missing location is taken from the other side of the pair.
        table: samples of the split.
        pool: number of groups to return; fewer if the split has fewer.

    Returns:
        Group numbers, nearest first, int32 (N, min(pool, G - 1)); None if positions are missing.
    """
    of_samples = [split.queries[i].location for i in table.queries]
    of_groups = [split.references[j].location for j in table.references]
    first = np.unique(table.groups, return_index=True)[1]
    samples = _points([here or of_groups[g] for here, g in zip(of_samples, table.groups, strict=True)])
    groups = _points([there or of_samples[s] for there, s in zip(of_groups, first, strict=True)])
    if samples is None or groups is None or samples.shape[1] != groups.shape[1]:
        return None
    count = min(pool + 1, len(groups))
    _, found = cKDTree(groups).query(samples, k=list(range(1, count + 1)))
    return _without_own(found, table.groups)


def neighbours_by_descriptor(
    queries: Float32Array, references: Float32Array, groups: Int64Array, pool: int
) -> Int32Array:
    """Return the groups whose references are most similar to each sample's query, without its own group.

    Args:
        queries: L2-normalized descriptors of the samples' queries (N, D).
        references: L2-normalized descriptors of the groups' references (G, D).
        groups: group of each sample (N,).
        pool: number of groups to return; fewer if there are fewer.

    Returns:
        Group numbers, most similar first, int32 (N, min(pool, G - 1)).
    """
    index = open_index(references)
    parts = [
        _without_own(
            index.search(queries[begin : begin + _CHUNK_ROWS], min(pool + 1, len(references)))[1],
            groups[begin : begin + _CHUNK_ROWS],
        )
        for begin in range(0, len(queries), _CHUNK_ROWS)
    ]
    return np.concatenate(parts)


class _Pass:
    """One pass over all samples: the samples not yet used, in the order in which they are tried."""

    def __init__(
        self, table: SampleTable, rng: np.random.Generator, neighbours: Int32Array | None, select: int
    ) -> None:
        self.table, self.rng, self.neighbours, self.select = table, rng, neighbours, select
        order = rng.permutation(len(table.queries))
        self.left = deque(order.tolist())
        self.used = np.zeros(len(order), bool)
        self.of_group: list[deque[int]] = [deque() for _ in table.references]
        for sample in order.tolist():
            self.of_group[table.groups[sample]].append(sample)

    def batches(self, pairs: int) -> list[list[int]]:
        """Return full batches until no further batch can be filled."""
        found = []
        while len(batch := self._next(pairs)) == pairs:
            found.append(batch)
        return found

    def _next(self, pairs: int) -> list[int]:
        """Take samples in order, each with its neighbours; conflicting samples wait for the next batch."""
        batch: list[int] = []
        taken: set[int] = set()
        waiting: list[int] = []
        while self.left and len(batch) < pairs:
            sample = self.left.popleft()
            if self.used[sample]:
                continue
            if not self._take(sample, batch, taken):
                waiting.append(sample)
                continue
            for group in self._near(sample):
                if len(batch) == pairs:
                    break
                self._take_from(group, batch, taken)
        self.left.extendleft(reversed(waiting))
        return batch

    def _take(self, sample: int, batch: list[int], taken: set[int]) -> bool:
        keys = self.table.keys[sample]
        if not taken.isdisjoint(keys):
            return False
        taken.update(keys)
        batch.append(sample)
        self.used[sample] = True
        return True

    def _take_from(self, group: int, batch: list[int], taken: set[int]) -> None:
        """Take the group's first unused sample, unless it conflicts with the batch."""
        members = self.of_group[group]
        while members and self.used[members[0]]:
            members.popleft()
        if members:
            self._take(members[0], batch, taken)

    def _near(self, sample: int) -> list[int]:
        """Return neighbours, half of them the nearest, half random: the nearest alone are too similar."""
        if self.neighbours is None:
            return []
        pool, nearest = self.neighbours[sample], self.select // 2
        others = self.rng.permutation(pool[nearest:])[: self.select - nearest]
        return [*pool[:nearest].tolist(), *others.tolist()]


def _points(locations: Sequence[Location | None]) -> Float64Array | None:
    """Return points whose Euclidean distances sort as distances on the ground, (N, 3) or (N, 2)."""
    if all(isinstance(where, PlaneLocation) for where in locations):
        return np.array([(where.x_m, where.y_m) for where in locations])  # type: ignore[union-attr]
    if not all(isinstance(where, GeoLocation) for where in locations):
        return None
    degrees = [(where.latitude_deg, where.longitude_deg) for where in locations]  # type: ignore[union-attr]
    latitude, longitude = np.radians(degrees).T
    ring = np.cos(latitude)
    return np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], axis=1)


def _without_own(found: Int64Array, own: Int64Array) -> Int32Array:
    """Return each row of `found` without its own number, or without the last if absent, (N, K - 1)."""
    order = np.argsort(found == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)[:, :-1].astype(np.int32)
