# SPDX-License-Identifier: Apache-2.0
"""Where a drone may have flown: what each frame looks like, and that a drone does not jump. No truth.

A hidden Markov model over the tiles of the map. A frame speaks for a tile by exp(cosine / (temperature
· σ)), σ being how widely the cosines of tiles of different places are spread, whatever an encoder's are; from
one frame to the next the drone comes to any tile within reach, each as likely, or now and then, where frames
are missing or were misjudged, to any tile at all. Forward and backward passes give every frame's chances.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from geoloc.arrays import Float32Array, Float64Array, Int64Array
from geoloc_training.label_free.sequence_context import SequenceContext

NEXT = 0.75  # of what is called near: next to a tile lies another half a view on, straight or across
_LEAST_SPREAD = 1e-3  # of cosines; where all tiles are alike no look says anything
_COMPARED = 20_000


@dataclass(frozen=True)
class PathModel:
    """How a drone moves and how much a look is worth.

    Attributes:
        temperature: of a look, in those σ; the higher, the less one look says. Frames in a row overlap and
            err together, so that none of them may say much.
        reach: longest step from frame to frame, as a share of what is called near; frames are kept that have
            moved by a quarter of a view.
        jump: how often the drone is anywhere rather than within reach.
        trust: chance above which a frame's place is believed, that of tiles near the best one together.
    """

    temperature: float = 0.6
    reach: float = NEXT
    jump: float = 0.02
    trust: float = 0.9


def places_along(
    queries: Float32Array, references: Float32Array, context: SequenceContext, model: PathModel | None = None
) -> Int64Array:
    """Return the reference at which each query was most likely taken, -1 where that is not certain enough.

    Args:
        queries: unit descriptors (N, D).
        references: of the map's pictures (M, D).
        context: order of the queries and places of the references.
        model: how a drone moves.
    """
    model = model or PathModel()
    steps = _steps(context, model.reach)
    sharpness = 1 / (model.temperature * _spread(references, context))
    found = np.full(len(queries), -1, np.int64)
    for chain in _chains(context.successive, len(queries)):
        chances = _chances(
            (sharpness * (queries[chain] @ references.T)).astype(np.float64), steps, model.jump
        )
        best = chances.argmax(axis=1)
        around = np.array([row @ near for row, near in zip(chances, steps[best].toarray() > 0, strict=True)])
        found[chain] = np.where(around > model.trust, best, -1)
    return found


def _spread(references: Float32Array, context: SequenceContext) -> float:
    """Return σ: standard deviation of the cosines of references that do not lie near each other."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(references), (2, _COMPARED))
    apart = np.linalg.norm(context.positions_m[one] - context.positions_m[other], axis=1)
    different = apart > context.near_m
    cosines = (references[one[different]] * references[other[different]]).sum(axis=1)
    return max(float(cosines.std()), _LEAST_SPREAD) if len(cosines) else 1.0


def _chains(successive: Int64Array, count: int) -> list[Int64Array]:
    """Return queries in a row, each in one chain; a query without a neighbour is a chain of its own."""
    follows = np.zeros(count, np.bool_)
    follows[successive[:, 1]] = True
    return np.split(np.arange(count), np.flatnonzero(~follows)[1:])


def _steps(context: SequenceContext, reach: float) -> csr_array:
    """Return the chance (M, M) of coming from the tile of a row to that of a column within one step."""
    tree = cKDTree(context.positions_m)
    pairs = tree.query_pairs(reach * context.near_m, output_type="ndarray")
    alone = np.arange(len(context.positions_m))
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], alone])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], alone])
    reached = np.bincount(rows).astype(np.float64)
    return csr_array((1 / reached[rows], (rows, columns)))


def _chances(looks: Float64Array, steps: csr_array, jump: float) -> Float64Array:
    """Return the chance of each tile for each frame of a chain (T, M), by its neighbours in time too."""
    looks = np.exp(looks - looks.max(axis=1, keepdims=True))
    back = csr_array(steps.T)
    forward, backward = np.empty_like(looks), np.empty_like(looks)
    state = np.full(looks.shape[1], 1 / looks.shape[1])
    for row, look in enumerate(looks):
        forward[row] = state = _normed(state * look)
        state = (1 - jump) * (back @ state) + jump / len(state)
    state = np.ones(looks.shape[1])
    for row in range(len(looks) - 1, -1, -1):
        backward[row] = state
        seen = state * looks[row]
        state = _normed((1 - jump) * (steps @ seen) + jump * seen.mean())
    product = forward * backward
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def _normed(row: Float64Array) -> Float64Array:
    return np.asarray(row / row.sum())
