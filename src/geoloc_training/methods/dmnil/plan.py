# SPDX-License-Identifier: Apache-2.0
"""Plans an epoch's batches of a view, with P clusters and K images each, as a pure function of labels."""

import numpy as np

from geoloc.arrays import Int64Array


def plan_view(
    labels: Int64Array, steps: int, clusters: int, instances: int, rng: np.random.Generator
) -> Int64Array:
    """Return the batches of an epoch.

    Clusters take turns in random order, and a batch contains no cluster twice if there are at least P. If a
    cluster has fewer than K images, these are repeated equally often, up to a difference of one.

    Args:
        labels: labels of the view's images (N,), -1 for images to leave out; at least one is not -1.
        steps: number of batches.
        clusters: P.
        instances: K.
        rng: random generator.

    Returns:
        Indices of images, int64 (steps, P · K); the images of a cluster are adjacent.
    """
    members = _members(labels)
    order = _turns(len(members), steps, clusters, rng)
    drawn = [_drawn(members[number], instances, rng) for number in order]
    return np.stack(drawn).reshape(steps, clusters * instances)


def _members(labels: Int64Array) -> list[Int64Array]:
    """Return the images of each cluster."""
    kept = np.flatnonzero(labels >= 0)
    order = kept[np.argsort(labels[kept], kind="stable")]
    starts = np.unique(labels[order], return_index=True)[1]
    return np.split(order, starts[1:])


def _turns(count: int, steps: int, clusters: int, rng: np.random.Generator) -> Int64Array:
    """Return the clusters in the order of their turns, int64 (steps · P,)."""
    # Clusters that do not fill a batch wait for the next round, so that no batch spans two rounds.
    length = count - count % clusters if count >= clusters else count
    rounds = -(-steps * clusters // length)
    return np.concatenate([rng.permutation(count)[:length] for _ in range(rounds)])[: steps * clusters]


def _drawn(pictures: Int64Array, instances: int, rng: np.random.Generator) -> Int64Array:
    return np.resize(rng.permutation(pictures), instances)
