# SPDX-License-Identifier: Apache-2.0
"""What is right and what competes: two published ways with distractors; one query of several pictures.

- `full`: every gallery entry competes, as in University-1652's own script.
- `sample4geo`: entries whose id is no query's id are taken out, as Sample4Geo and its heirs (DAC, MEAN,
  DMNIL, UniABG) do: University-1652 shrinks from 951 to 701 tiles, SUES-200 from 200 to 80. R@1 % still
  counts the whole gallery. Nothing is taken out of tests that list their matches (GTA-UAV, VIGOR) or are of
  pairs (CVUSA, CVACT); there the two are the same.
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
    """Return `full`, `sample4geo` or `both` as names of protocols.

    Raises:
        ParameterError: another word.
    """
    found = tuple(name for name in PROTOCOLS if text in (name, "both"))
    if not found:
        raise ParameterError(f"protocol '{text}' is unknown; use full, sample4geo or both.")
    return found


def truth(task: Task) -> Truth:
    """Return the right gallery entries of each query: those the task lists, else those of the same id.

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
            f"no query of '{task.name}' has its place in the gallery; check that both come from one data set."
        )
    return found


def semi_positives(task: Task) -> Truth | None:
    """Return the nearly right gallery entries of each query, where the task has them."""
    return None if task.semi_positives is None else truth_of(task.semi_positives)


def junk(task: Task, protocol: ProtocolName) -> BoolArray | None:
    """Return gallery entries that do not compete under a protocol, bool (G,); None where all do."""
    if protocol == "full" or task.positives is not None:
        return None
    asked = {item.id for item in task.queries}
    return np.array([item.id not in asked for item in task.gallery], np.bool_)


def multi_query(task: Task, queries: Float32Array) -> tuple[Task, Float32Array]:
    """Return one query a place: the mean of its pictures' descriptors, brought back to length 1.

    Args:
        task: a test whose matches are those of the same id.
        queries: descriptors of its queries (Q, D).

    Returns:
        The task with each place's first picture as its query, and the descriptors in that order.

    Raises:
        ParameterError: the task lists its matches, picture by picture.
    """
    if task.positives is not None:
        raise ParameterError(
            f"'{task.name}' lists matches for single pictures, so pictures of a place cannot be one query; "
            "evaluate it without multi-query."
        )
    firsts: dict[str, Item] = {}
    for item in task.queries:
        firsts.setdefault(item.id, item)
    numbers = {place: number for number, place in enumerate(firsts)}
    sums = np.zeros((len(firsts), queries.shape[1]), np.float64)
    np.add.at(sums, [numbers[item.id] for item in task.queries], queries)
    return replace(task, queries=tuple(firsts.values())), normalised(sums)
