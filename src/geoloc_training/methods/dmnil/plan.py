# SPDX-License-Identifier: Apache-2.0
"""Which pictures of a view share a batch: P clusters with K pictures each, as a pure function of labels."""

import numpy as np

from geoloc.arrays import Int64Array


def plan_view(
    labels: Int64Array, steps: int, clusters: int, instances: int, rng: np.random.Generator
) -> Int64Array:
    """Return the batches of an epoch.

    Clusters take turns in random order, and a batch holds each once as long as there are enough of them. Of a
    cluster with fewer pictures than K each comes as often as the others, give or take one.

    Args:
        labels: of the view's pictures (N,), -1 for those that are left out; at least one is not.
        steps: batches of the epoch.
        clusters: P.
        instances: K.
        rng: source of randomness.

    Returns:
        Numbers of pictures, int64 (steps, P · K), those of a cluster side by side.
    """
    members = _members(labels)
    order = _turns(len(members), steps, clusters, rng)
    drawn = [_drawn(members[number], instances, rng) for number in order]
    return np.stack(drawn).reshape(steps, clusters * instances)


def _members(labels: Int64Array) -> list[Int64Array]:
    """Return the pictures of each cluster."""
    kept = np.flatnonzero(labels >= 0)
    order = kept[np.argsort(labels[kept], kind="stable")]
    starts = np.unique(labels[order], return_index=True)[1]
    return np.split(order, starts[1:])


def _turns(count: int, steps: int, clusters: int, rng: np.random.Generator) -> Int64Array:
    """Return clusters in the order in which they come, int64 (steps · P,)."""
    # What does not fill a batch waits for the next round, so that a batch never spans two.
    length = count - count % clusters if count >= clusters else count
    rounds = -(-steps * clusters // length)
    return np.concatenate([rng.permutation(count)[:length] for _ in range(rounds)])[: steps * clusters]


def _drawn(pictures: Int64Array, instances: int, rng: np.random.Generator) -> Int64Array:
    return np.resize(rng.permutation(pictures), instances)
