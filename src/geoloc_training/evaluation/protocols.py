# SPDX-License-Identifier: Apache-2.0
"""Protocols of published tests: right entries, treatment of distractors, and queries of several images.

- `full`: every gallery entry competes, as in University-1652's own script.
- `sample4geo`: entries without a query of the same id do not compete, as in Sample4Geo and its successors
  (DAC, MEAN, DMNIL, UniABG). University-1652's gallery shrinks from 951 to 701 images, SUES-200's from 200 to
  80. R@1 % still counts the whole gallery. Both protocols are equal for tests that list their matches
  (GTA-UAV, VIGOR) and for tests of pairs (CVUSA, CVACT).
"""

from collections import defaultdict
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from geoloc.arrays import BoolArray, Float32Array
from geoloc.errors import ParameterError
from geoloc_training.arrays import (
    normalised,
)
from geoloc_training.evaluation.ranking import Truth, truth_of
from geoloc_training.items import Item, Task

ProtocolName = Literal["full", "sample4geo"]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)


def protocols_named(text: str) -> tuple[ProtocolName, ...]:
    """Return the protocols that `full`, `sample4geo` or `both` names.

    Raises:
        ParameterError: the name is unknown.
    """
    found = tuple(name for name in PROTOCOLS if text in (name, "both"))
    if not found:
        raise ParameterError(f"protocol '{text}' is unknown; use full, sample4geo or both.")
    return found


def truth(task: Task) -> Truth:
    """Return the right gallery entries of each query: entries that the task lists, else those with its id.

    Raises:
        ParameterError: no query has a right entry.
    """
    if task.positives is not None:
        found = truth_of(task.positives)
    else:
        places: dict[str, list[int]] = defaultdict(list)
        for number, item in enumerate(task.gallery):
            places[item.id].append(number)
        found = truth_of(places.get(item.id, []) for item in task.queries)
    if not len(found.entries):
        raise ParameterError(
            f"no query of '{task.name}' has its place in the gallery; check that both belong to one data set."
        )
    return found


def semi_positives(task: Task) -> Truth | None:
    """Return the semi-positive gallery entries of each query; None if the task has none."""
    return None if task.semi_positives is None else truth_of(task.semi_positives)


def junk(task: Task, protocol: ProtocolName) -> BoolArray | None:
    """Return a mask of the gallery entries that do not compete, bool (G,); None if all compete."""
    if protocol == "full" or task.positives is not None:
        return None
    asked = {item.id for item in task.queries}
    return np.array([item.id not in asked for item in task.gallery], np.bool_)


def multi_query(task: Task, queries: Float32Array) -> tuple[Task, Float32Array]:
    """Merge the queries of each place into one query with their normalized mean descriptor.

    Args:
        task: test whose matches are images with the same id.
        queries: descriptors of its queries (Q, D).

    Returns:
        The task with the first image of each place as its query, and the descriptors in that order.

    Raises:
        ParameterError: the task lists matches of single images.
    """
    if task.positives is not None:
        raise ParameterError(
            f"'{task.name}' lists matches for single images, so images of a place cannot form one query; "
            "evaluate it without multi-query."
        )
    firsts: dict[str, Item] = {}
    for item in task.queries:
        firsts.setdefault(item.id, item)
    numbers = {place: number for number, place in enumerate(firsts)}
    sums = np.zeros((len(firsts), queries.shape[1]), np.float64)
    np.add.at(sums, [numbers[item.id] for item in task.queries], queries)
    return replace(task, queries=tuple(firsts.values())), normalised(sums)
